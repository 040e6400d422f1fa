#include "engine/layers/spectral_norm.h"

#include <algorithm>
#include <array>

#include "engine/layers/linear.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/spectral_norm.h"

namespace mynah {
namespace {

constexpr const char* place = "spectral norm layer";
constexpr std::size_t most_tensors = 4;  ///< of the layer whose weight is normalised

/// Sizes within what a pass saves: the next part begins where 128-bit accesses may.
constexpr Index aligned(Index size) {
  return (size + 3) / 4 * 4;
}

/// What forward saves: first what the layer saves, then W̃, room for its gradient, u, v and σ.
template <class Scalar>
struct Saved {
  VectorView<Scalar> of_layer;
  MatrixView<Scalar> normalized, gradient;
  VectorView<Scalar> u, v, sigma;

  Saved(VectorView<Scalar> saved, Index of_layer_size, TensorViewOf<Scalar> weight)
      : of_layer(saved.data, of_layer_size) {
    Scalar* next = saved.data + aligned(of_layer_size);
    const Index size = aligned(weight.rows * weight.columns);
    normalized = {next, weight.rows, weight.columns};
    gradient = {next + size, weight.rows, weight.columns};
    u = {next + 2 * size, weight.rows};
    v = {u.data + aligned(weight.rows), weight.columns};
    sigma = {v.data + aligned(weight.columns), 1};
  }
  static Index size(Index of_layer_size, Index rows, Index columns) {
    return aligned(of_layer_size) + 2 * aligned(rows * columns) + aligned(rows) + aligned(columns) + 1;
  }
  kernels::SpectralNormInput<Scalar> input() const { return {normalized, u, v, sigma}; }
};

/// What tangent saves: first what the layer saves, then the tangent of W̃, room for the gradient of that and for a copy
/// of the gradient of the output's tangent, and s.
template <class Scalar>
struct TangentSaved {
  VectorView<Scalar> of_layer;
  MatrixView<Scalar> normalized_tangent, gradient, output_gradient;
  VectorView<Scalar> sigma_tangent;

  TangentSaved(VectorView<Scalar> saved, Index of_layer_size, TensorViewOf<Scalar> weight,
               MatrixView<const Scalar> output)
      : of_layer(saved.data, of_layer_size) {
    Scalar* next = saved.data + aligned(of_layer_size);
    const Index size = aligned(weight.rows * weight.columns);
    normalized_tangent = {next, weight.rows, weight.columns};
    gradient = {next + size, weight.rows, weight.columns};
    output_gradient = {next + 2 * size, output.rows, output.columns};
    sigma_tangent = {output_gradient.data + aligned(output.rows * output.columns), 1};
  }
  static Index size(Index of_layer_size, Index rows, Index columns, Index output_size) {
    return aligned(of_layer_size) + 2 * aligned(rows * columns) + aligned(output_size) + 1;
  }
};

/// The layer's own tensors, its weight replaced.
template <class Scalar>
class LayerTensors {
 public:
  LayerTensors(std::span<const TensorViewOf<Scalar>> tensors, MatrixView<Scalar> weight) : count_(tensors.size() - 2) {
    std::copy_n(tensors.begin(), count_, tensors_.begin());
    tensors_[0] = {weight.data, weight.rows, weight.columns};
  }
  /// With the bias and all others left out.
  void keep_weight_alone() { std::fill(tensors_.begin() + 1, tensors_.end(), TensorViewOf<Scalar>{}); }
  operator std::span<const TensorViewOf<Scalar>>() const { return {tensors_.data(), count_}; }

 private:
  std::size_t count_;
  std::array<TensorViewOf<Scalar>, most_tensors> tensors_{};
};

/// The matrix where the tensor is there, else nothing.
template <class Scalar>
MatrixView<Scalar> if_given(TensorViewOf<Scalar> tensor, MatrixView<Scalar> matrix) {
  return tensor.data == nullptr ? MatrixView<Scalar>{} : matrix;
}

template <class Scalar>
void set_zero(Stream& stream, MatrixView<Scalar> matrix) {
  kernels::fill<Scalar>(stream, {matrix.data, matrix.rows * matrix.columns}, 0.0f);
}

struct Extent {
  Index rows, columns;
};
Extent weight_extent(const TensorSpec& weight) {
  const Index rows = weight.shape.front();
  return {rows, rows == 0 ? 0 : weight.size() / rows};
}

/// Of a pass: how much the layer itself saves.
template <class Pass>
Index layer_saved_size(const Layer& layer, const Pass& pass) {
  const Index columns = pass.inputs[0].columns;
  return layer.saved_size(pass.inputs[0].rows, {&columns, 1});
}
template <class Pass>
Index layer_tangent_saved_size(const Layer& layer, const Pass& pass) {
  const Index columns = pass.inputs[0].columns;
  return layer.tangent_saved_size(pass.inputs[0].rows, {&columns, 1});
}

}  // namespace

SpectralNorm::SpectralNorm(std::shared_ptr<const Layer> layer, int iterations)
    : layer_(std::move(layer)), iterations_(iterations) {
  if (iterations < 1) {
    throw input_error(place, "has " + std::to_string(iterations) + " power iterations a step", "give it at least 1");
  }
}

SpectralLinear::SpectralLinear(Index outputs, kernels::Activation activation, Initialization initialization,
                               int iterations)
    : SpectralNorm(std::make_shared<Linear>(outputs, activation, initialization), iterations) {}

Index SpectralNorm::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error(place, "takes one input, got " + std::to_string(inputs.size()));
  return layer_->output_columns(inputs);
}

std::vector<TensorSpec> SpectralNorm::tensors(std::span<const Index> inputs) const {
  std::vector<TensorSpec> specs = layer_->tensors(inputs);
  if (specs.empty() || specs.size() > most_tensors || specs[0].name != "weight") {
    throw input_error(place, "cannot normalise a " + layer_->kind() + " layer, whose first tensor is no weight",
                      "give it a layer such as linear");
  }
  const Extent weight = weight_extent(specs[0]);
  // Zeros say that power iteration has not begun; v is where it begins.
  specs.push_back({"weight_u", {weight.rows}, Initialization::zeros, 0, 0, false});
  specs.push_back({"weight_v", {weight.columns}, Initialization::ones, 0, 0, false});
  return specs;
}

Index SpectralNorm::saved_size(Index rows, std::span<const Index> inputs) const {
  const Extent weight = weight_extent(layer_->tensors(inputs)[0]);
  return Saved<float>::size(layer_->saved_size(rows, inputs), weight.rows, weight.columns);
}

Index SpectralNorm::tangent_saved_size(Index rows, std::span<const Index> inputs) const {
  const Extent weight = weight_extent(layer_->tensors(inputs)[0]);
  return TangentSaved<float>::size(layer_->tangent_saved_size(rows, inputs), weight.rows, weight.columns,
                                   rows * layer_->output_columns(inputs));
}

template <class Scalar>
void SpectralNorm::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const TensorViewOf<Scalar> weight = pass.tensors[0];
  const Saved<Scalar> saved(pass.saved, layer_saved_size(*layer_, pass), weight);
  const std::size_t state = pass.tensors.size() - 2;
  kernels::spectral_norm_power_iteration<Scalar>(
      stream, weight.matrix(), pass.settings.mode == Mode::train ? iterations_ : 0, pass.tensors[state].vector(),
      pass.tensors[state + 1].vector(), saved.u, saved.v);
  kernels::spectral_norm_forward<Scalar>(stream, weight.matrix(), saved.u, saved.v, saved.sigma, saved.normalized);
  const LayerTensors<Scalar> tensors(pass.tensors, saved.normalized);
  ForwardPassOf<Scalar> inner = pass;
  inner.tensors = tensors;
  inner.saved = saved.of_layer;
  layer_->forward(stream, inner);
}

template <class Scalar>
void SpectralNorm::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  const Saved<Scalar> saved(pass.saved, layer_saved_size(*layer_, pass), pass.tensors[0]);
  const TensorViewOf<Scalar> dw = pass.tensor_gradients[0];
  const LayerTensors<Scalar> tensors(pass.tensors, saved.normalized);
  const LayerTensors<Scalar> gradients(pass.tensor_gradients, if_given(dw, saved.gradient));
  if (dw.data != nullptr) set_zero(stream, saved.gradient);
  BackwardPassOf<Scalar> inner = pass;
  inner.tensors = tensors;
  inner.tensor_gradients = gradients;
  inner.saved = saved.of_layer;
  layer_->backward(stream, inner);
  if (dw.data != nullptr) {
    kernels::spectral_norm_backward<Scalar>(stream, saved.input(), saved.gradient, dw.matrix());
  }
}

template <class Scalar>
void SpectralNorm::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  const Saved<Scalar> saved(pass.saved, layer_saved_size(*layer_, pass), pass.tensors[0]);
  const TangentSaved<Scalar> tangent_saved(pass.tangent_saved, layer_tangent_saved_size(*layer_, pass), pass.tensors[0],
                                           pass.output);
  const TensorViewOf<Scalar> w_tangent = pass.tensor_tangents[0];
  if (w_tangent.data != nullptr) {
    kernels::spectral_norm_tangent<Scalar>(stream, saved.input(), w_tangent.matrix(), tangent_saved.sigma_tangent,
                                           tangent_saved.normalized_tangent);
  }
  const LayerTensors<Scalar> tensors(pass.tensors, saved.normalized);
  const LayerTensors<Scalar> tangents(pass.tensor_tangents, if_given(w_tangent, tangent_saved.normalized_tangent));
  TangentPassOf<Scalar> inner = pass;
  inner.tensors = tensors;
  inner.tensor_tangents = tangents;
  inner.saved = saved.of_layer;
  inner.tangent_saved = tangent_saved.of_layer;
  layer_->tangent(stream, inner);
}

template <class Scalar>
void SpectralNorm::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const Saved<Scalar> saved(pass.saved, layer_saved_size(*layer_, pass), pass.tensors[0]);
  const TangentSaved<Scalar> tangent_saved(pass.tangent_saved, layer_tangent_saved_size(*layer_, pass), pass.tensors[0],
                                           pass.output);
  const TensorViewOf<Scalar> w_tangent = pass.tensor_tangents[0], dw = pass.tensor_gradients[0];
  const bool moves = w_tangent.data != nullptr && dw.data != nullptr;
  const LayerTensors<Scalar> tensors(pass.tensors, saved.normalized);
  if (moves) {
    // U = J_W̃ᵀ u, with a copy of u, since the layer may use it as scratch.
    kernels::copy<Scalar>(stream, pass.output_tangent_gradient, tangent_saved.output_gradient);
    set_zero(stream, tangent_saved.gradient);
    LayerTensors<Scalar> gradients(pass.tensor_gradients, tangent_saved.gradient);
    gradients.keep_weight_alone();
    const std::array<MatrixView<Scalar>, 1> no_input_gradients{};
    BackwardPassOf<Scalar> inner{};
    inner.inputs = pass.inputs;
    inner.output = pass.output;
    inner.output_gradient = tangent_saved.output_gradient;
    inner.input_gradients = no_input_gradients;
    inner.tensors = tensors;
    inner.tensor_gradients = gradients;
    inner.saved = saved.of_layer;
    inner.settings = pass.settings;
    layer_->backward(stream, inner);
  }
  const LayerTensors<Scalar> tangents(pass.tensor_tangents, if_given(w_tangent, tangent_saved.normalized_tangent));
  const LayerTensors<Scalar> gradients(pass.tensor_gradients, if_given(dw, saved.gradient));
  if (dw.data != nullptr) set_zero(stream, saved.gradient);
  TangentBackwardPassOf<Scalar> inner = pass;
  inner.tensors = tensors;
  inner.tensor_tangents = tangents;
  inner.tensor_gradients = gradients;
  inner.saved = saved.of_layer;
  inner.tangent_saved = tangent_saved.of_layer;
  layer_->tangent_backward(stream, inner);
  if (moves) {
    kernels::spectral_norm_tangent_backward<Scalar>(
        stream, saved.input(),
        {w_tangent.matrix(), tangent_saved.sigma_tangent, saved.gradient, tangent_saved.gradient}, dw.matrix());
  } else if (dw.data != nullptr) {
    kernels::spectral_norm_backward<Scalar>(stream, saved.input(), saved.gradient, dw.matrix());
  }
}

MYNAH_LAYER(SpectralNorm)

}  // namespace mynah
