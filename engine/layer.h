#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah {

enum class Initialization { zeros, ones, kaiming_uniform, xavier_uniform };

/// A tensor that a layer owns: what it is called, its shape, and how it starts.
struct TensorSpec {
  std::string name;          ///< Within the layer: "weight", "bias", "mean".
  std::vector<Index> shape;  ///< Row-major; one or two dimensions.
  Initialization initialization = Initialization::zeros;
  Index fan_in = 0;
  Index fan_out = 0;
  bool trainable = true;  ///< false: a constant of the network, such as the normalisation of its input.

  Index size() const {
    Index product = 1;
    for (const Index extent : shape) product *= extent;
    return product;
  }
};

/// One tensor in device memory, flat; as a matrix with the extents of its spec.
struct TensorView {
  float* data = nullptr;
  Index rows = 0;  ///< First extent of two, or 1.
  Index columns = 0;

  Matrix matrix() const { return {data, rows, columns}; }
  Vector vector() const { return {data, rows * columns}; }
};

/// What a layer sees in its forward pass.
struct ForwardPass {
  std::span<const ConstMatrix> inputs;  ///< Each [rows, columns of that input].
  Matrix output;                        ///< [rows, output_columns]; to be overwritten.
  std::span<const TensorView> tensors;  ///< In the order of tensors().
};

/// What a layer sees in its backward pass, when every user of its output has had its turn.
struct BackwardPass {
  std::span<const ConstMatrix> inputs;
  ConstMatrix output;
  Matrix output_gradient;  ///< dL/doutput; the layer may use it as scratch, nobody reads it afterwards.
  std::span<const Matrix> input_gradients;  ///< To be overwritten with dL/dinput; data is null where it is not needed.
  std::span<const TensorView> tensors;
  std::span<const TensorView> tensor_gradients;  ///< To be added to; data is null for tensors that are not trained.
};

/// A differentiable function of matrices with a common number of rows. A layer holds its options only: values,
/// gradients and parameters belong to whoever runs it, so that one layer can be used in several networks and at several
/// places.
///
/// forward and backward queue operations on the stream; they allocate nothing and wait for nothing.
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
  virtual void forward(Stream& stream, const ForwardPass& pass) const = 0;
  virtual void backward(Stream& stream, const BackwardPass& pass) const = 0;
};

}  // namespace mynah
