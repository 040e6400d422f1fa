#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/activation.h"
#include "kernels/linear_update.h"
#include "kernels/philox.h"
#include "kernels/precision.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah {

/// How a tensor starts: kernels/initialization.h, which says what fans and gain mean. Random ones have the seed of the
/// network and the number of the tensor as their key.
enum class Initialization {
  zeros,
  ones,
  kaiming_uniform,   ///< fan_in, gain
  xavier_uniform,    ///< fan_in, fan_out, gain
  kaiming_normal,    ///< fan_in, gain
  xavier_normal,     ///< fan_in, fan_out, gain
  orthogonal,        ///< gain; of the matrix [first extent, all others]
  truncated_normal,  ///< mean, deviation; cut off at two deviations
  normal,            ///< mean, deviation
  uniform,           ///< low, high
  constant           ///< value
};

/// A tensor that a layer owns: what it is called, its shape, and how it starts.
struct TensorSpec {
  std::string name;          ///< Within the layer: "weight", "bias", "mean".
  std::vector<Index> shape;  ///< Row-major, as torch stores it; one or more dimensions.
  Initialization initialization = Initialization::zeros;
  Index fan_in = 0;
  Index fan_out = 0;
  bool trainable = true;  ///< false: not trained, such as the normalisation of the input, or running statistics.
  // What some initialisations take: see Initialization.
  double gain = 1.0;
  double mean = 0.0;
  double deviation = 1.0;
  double low = 0.0;
  double high = 1.0;
  double value = 0.0;

  Index size() const {
    Index product = 1;
    for (const Index extent : shape) product *= extent;
    return product;
  }
};

/// One tensor, flat; as a matrix [first extent, all others], or [1, extent] where it has but one.
template <class Scalar>
struct TensorViewOf {
  Scalar* data = nullptr;
  Index rows = 0;
  Index columns = 0;

  MatrixView<Scalar> matrix() const { return {data, rows, columns}; }
  VectorView<Scalar> vector() const { return {data, rows * columns}; }
};
using TensorView = TensorViewOf<float>;

/// Whether a network is being trained (dropout drops, batch normalisation uses the batch's statistics and updates its
/// running ones) or evaluated.
enum class Mode { train, evaluate };

/// What holds for a whole pass through a network.
struct PassSettings {
  Mode mode = Mode::evaluate;
  kernels::Precision precision = kernels::Precision::float32;
  /// Random numbers of this node: they depend on the seed, the node and step[0] (null: 0). The same step gives the same
  /// numbers in forward and backward, so that nothing need be kept.
  RandomKey random;
  const Index* step = nullptr;
};

/// What a layer sees in its forward pass. Every matrix has the same number of rows.
template <class Scalar>
struct ForwardPassOf {
  std::span<const MatrixView<const Scalar>> inputs;  ///< Each [rows, columns of that input].
  MatrixView<Scalar> output;                         ///< [rows, output_columns]; to be overwritten.
  std::span<const TensorViewOf<Scalar>> tensors;     ///< In the order of tensors().
  VectorView<Scalar> saved;  ///< saved_size() values that this forward pass leaves for the passes after it.
  PassSettings settings;
};

/// What a layer sees in its backward pass, when every user of its output has had its turn.
template <class Scalar>
struct BackwardPassOf {
  std::span<const MatrixView<const Scalar>> inputs;
  MatrixView<const Scalar> output;
  MatrixView<Scalar> output_gradient;  ///< dL/doutput; the layer may use it as scratch, nobody reads it afterwards.
  std::span<const MatrixView<Scalar>> input_gradients;  ///< To be overwritten with dL/dinput; null: not needed.
  std::span<const TensorViewOf<Scalar>> tensors;
  std::span<const TensorViewOf<Scalar>> tensor_gradients;  ///< To be added to; null: not trained.
  VectorView<Scalar> saved;
  PassSettings settings;
  /// The layer that uses this layer's output has multiplied by its activation's derivative already: see
  /// Layer::output_activation.
  bool output_gradient_is_before_activation = false;
  /// The gradients of tensors are overwritten instead of added to; for Layer::overwrites_tensor_gradients alone.
  bool overwrites_tensor_gradients = false;
  /// The optimizer's step of this layer's tensors is to be taken with their gradient, which may be left anywhere; for
  /// Layer::steps_with_gradient alone. Null: no.
  const kernels::LinearStep* step = nullptr;
  /// For Layer::takes_input_activation: input_gradients[0] is to be multiplied by the derivative of this one.
  kernels::Activation input_activation = kernels::Activation::none;
  MatrixView<const Scalar> input_activation_operand;
};

/// The directional derivative of a layer: how its output changes when its inputs move along input_tangents and its
/// tensors along tensor_tangents,
///
///   ẏ = J_x ẋ + J_θ θ̇          J: the Jacobians of the forward pass that was just run.
template <class Scalar>
struct TangentPassOf {
  std::span<const MatrixView<const Scalar>> inputs;
  MatrixView<const Scalar> output;
  std::span<const TensorViewOf<Scalar>> tensors;
  VectorView<Scalar> saved;
  PassSettings settings;
  std::span<const MatrixView<const Scalar>> input_tangents;  ///< ẋ; null: zero.
  std::span<const TensorViewOf<Scalar>> tensor_tangents;     ///< θ̇; null: zero.
  MatrixView<Scalar> output_tangent;                         ///< ẏ; to be overwritten.
  VectorView<Scalar> tangent_saved;  ///< tangent_saved_size() values, left for tangent_backward.
};

/// Backward of the forward and the tangent pass together: with L a function of y and ẏ, given ȳ = dL/dy and u = dL/dẏ,
///
///   dL/dx = J_xᵀ ȳ + (∂ẏ/∂x)ᵀ u      dL/dẋ = J_xᵀ u      dL/dθ = J_θᵀ ȳ + (∂ẏ/∂θ)ᵀ u
///
/// With L = Σ ẏ for θ̇ = 0 this is the gradient of a directional derivative (gradient penalties); with u = dloss/dy and
/// ȳ = the loss's Hessian times ẏ it is a Hessian-vector product (Pearlmutter 1994).
template <class Scalar>
struct TangentBackwardPassOf {
  std::span<const MatrixView<const Scalar>> inputs;
  MatrixView<const Scalar> output;
  std::span<const TensorViewOf<Scalar>> tensors;
  VectorView<Scalar> saved;
  PassSettings settings;
  std::span<const MatrixView<const Scalar>> input_tangents;
  std::span<const TensorViewOf<Scalar>> tensor_tangents;
  VectorView<Scalar> tangent_saved;
  MatrixView<Scalar> output_gradient;                           ///< ȳ; may be used as scratch.
  MatrixView<Scalar> output_tangent_gradient;                   ///< u; may be used as scratch.
  std::span<const MatrixView<Scalar>> input_gradients;          ///< dL/dx, overwritten; null: not needed.
  std::span<const MatrixView<Scalar>> input_tangent_gradients;  ///< dL/dẋ, overwritten; null: not needed.
  std::span<const TensorViewOf<Scalar>> tensor_gradients;       ///< dL/dθ, added to; null: not trained.
};

using ForwardPass = ForwardPassOf<float>;
using BackwardPass = BackwardPassOf<float>;
using TangentPass = TangentPassOf<float>;
using TangentBackwardPass = TangentBackwardPassOf<float>;

/// A differentiable function of matrices with a common number of rows. A layer holds its options only: values,
/// gradients and parameters belong to whoever runs it, so that one layer can be used in several networks and at several
/// places. Images, sequences and groups lie flat in the columns of a row, as torch lays them out behind its first
/// dimension; the layer knows their extents.
///
/// The passes queue operations on the stream; they allocate nothing and wait for nothing. They are written once for
/// both scalars (see LayerOf): float runs on every device, double on the CPU, where gradients are checked.
class Layer {
 public:
  virtual ~Layer() = default;

  /// The field's name of the layer, for messages: "linear".
  virtual std::string kind() const = 0;
  /// Columns of the output for inputs of these columns. Errors: input_error when they do not fit.
  virtual Index output_columns(std::span<const Index> inputs) const = 0;
  virtual std::vector<TensorSpec> tensors(std::span<const Index> inputs) const {
    (void)inputs;
    return {};
  }
  /// How many values forward leaves for backward, and the tangent pass for its backward, beside inputs and output.
  virtual Index saved_size(Index rows, std::span<const Index> inputs) const {
    (void)rows, (void)inputs;
    return 0;
  }
  virtual Index tangent_saved_size(Index rows, std::span<const Index> inputs) const {
    (void)rows, (void)inputs;
    return 0;
  }

  /// The activation this layer ends with. If another layer is the only user of the output and takes_input_activation(),
  /// that one multiplies by its derivative, on the way of its input gradient to memory.
  virtual kernels::Activation output_activation() const { return kernels::Activation::none; }
  virtual bool takes_input_activation() const { return false; }

  /// Whether backward can overwrite the gradients of its tensors, so that nobody has to fill them with zeros first; and
  /// whether it can take the optimizer's step itself, as kernels::linear_backward_and_step.
  virtual bool overwrites_tensor_gradients() const { return false; }
  virtual bool steps_with_gradient() const { return false; }
  /// Whether its passes depend on PassSettings::step: forward and backward must then see the same.
  virtual bool draws_random_numbers() const { return false; }

  virtual void forward(Stream& stream, const ForwardPassOf<float>& pass) const = 0;
  virtual void forward(Stream& stream, const ForwardPassOf<double>& pass) const = 0;
  virtual void backward(Stream& stream, const BackwardPassOf<float>& pass) const = 0;
  virtual void backward(Stream& stream, const BackwardPassOf<double>& pass) const = 0;
  virtual void tangent(Stream& stream, const TangentPassOf<float>& pass) const = 0;
  virtual void tangent(Stream& stream, const TangentPassOf<double>& pass) const = 0;
  virtual void tangent_backward(Stream& stream, const TangentBackwardPassOf<float>& pass) const = 0;
  virtual void tangent_backward(Stream& stream, const TangentBackwardPassOf<double>& pass) const = 0;
};

/// What a layer derives from. It writes each pass once, as a member template on the scalar: MYNAH_LAYER_PASSES in the
/// class declares run_forward, run_backward, run_tangent and run_tangent_backward, and MYNAH_LAYER(Name) at the end of
/// the source file makes them for float and double.
template <class Derived>
class LayerOf : public Layer {
 public:
  void forward(Stream& stream, const ForwardPassOf<float>& pass) const final { self().run_forward(stream, pass); }
  void forward(Stream& stream, const ForwardPassOf<double>& pass) const final { self().run_forward(stream, pass); }
  void backward(Stream& stream, const BackwardPassOf<float>& pass) const final { self().run_backward(stream, pass); }
  void backward(Stream& stream, const BackwardPassOf<double>& pass) const final { self().run_backward(stream, pass); }
  void tangent(Stream& stream, const TangentPassOf<float>& pass) const final { self().run_tangent(stream, pass); }
  void tangent(Stream& stream, const TangentPassOf<double>& pass) const final { self().run_tangent(stream, pass); }
  void tangent_backward(Stream& stream, const TangentBackwardPassOf<float>& pass) const final {
    self().run_tangent_backward(stream, pass);
  }
  void tangent_backward(Stream& stream, const TangentBackwardPassOf<double>& pass) const final {
    self().run_tangent_backward(stream, pass);
  }

 private:
  const Derived& self() const { return static_cast<const Derived&>(*this); }
};

#define MYNAH_LAYER_PASSES                                                     \
  template <class Scalar>                                                      \
  void run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const;   \
  template <class Scalar>                                                      \
  void run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const; \
  template <class Scalar>                                                      \
  void run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const;   \
  template <class Scalar>                                                      \
  void run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const;

// NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses.
#define MYNAH_LAYER_OF(Name, Scalar)                                              \
  template void Name::run_forward(Stream&, const ForwardPassOf<Scalar>&) const;   \
  template void Name::run_backward(Stream&, const BackwardPassOf<Scalar>&) const; \
  template void Name::run_tangent(Stream&, const TangentPassOf<Scalar>&) const;   \
  template void Name::run_tangent_backward(Stream&, const TangentBackwardPassOf<Scalar>&) const;
#define MYNAH_LAYER(Name)     \
  MYNAH_LAYER_OF(Name, float) \
  MYNAH_LAYER_OF(Name, double)
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace mynah
