#include "engine/layers/layer_norm.h"

#include "kernels/error.h"
#include "kernels/layer_norm.h"

namespace mynah {
namespace {

/// Where forward leaves the means and the reciprocal deviations of all rows and groups.
template <class Scalar>
struct Moments {
  VectorView<Scalar> mean, reciprocal_deviation;

  Moments(VectorView<Scalar> saved, Index rows, Index columns, Index size)
      : mean(saved.data, rows * (columns / size)), reciprocal_deviation(saved.data + mean.size, mean.size) {}
};

}  // namespace

LayerNorm::LayerNorm(Index size, float epsilon) : size_(size), epsilon_(epsilon) {
  if (size < 0) {
    throw input_error("layer norm layer", "normalises over " + std::to_string(size) + " columns",
                      "give it at least 1, or 0 for all columns of a row");
  }
  if (!(epsilon > 0.0f)) {
    throw input_error("layer norm layer", "has epsilon " + std::to_string(epsilon),
                      "give it a small positive number, such as 1e-5");
  }
}

Index LayerNorm::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1)
    throw input_error("layer norm layer", "takes one input, got " + std::to_string(inputs.size()));
  const Index size = group_size(inputs[0]);
  if (size == 0) throw input_error("layer norm layer", "has an input without columns");
  if (inputs[0] % size != 0) {
    throw input_error("layer norm layer",
                      "cannot divide the " + std::to_string(inputs[0]) + " columns of its input into groups of " +
                          std::to_string(size),
                      "give it a size that divides the number of columns");
  }
  return inputs[0];
}

std::vector<TensorSpec> LayerNorm::tensors(std::span<const Index> inputs) const {
  const Index size = group_size(inputs[0]);
  return {{"weight", {size}, Initialization::ones}, {"bias", {size}, Initialization::zeros}};
}

Index LayerNorm::saved_size(Index rows, std::span<const Index> inputs) const {
  const Index size = group_size(inputs[0]);
  return size == 0 ? 0 : 2 * rows * (inputs[0] / size);
}

template <class Scalar>
void LayerNorm::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const MatrixView<const Scalar> x = pass.inputs[0];
  const Moments<Scalar> moments(pass.saved, x.rows, x.columns, group_size(x.columns));
  kernels::layer_norm_forward<Scalar>(stream, x, pass.tensors[0].vector(), pass.tensors[1].vector(), epsilon_,
                                      pass.output, moments.mean, moments.reciprocal_deviation);
}

template <class Scalar>
void LayerNorm::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  const MatrixView<const Scalar> x = pass.inputs[0];
  const Moments<Scalar> moments(pass.saved, x.rows, x.columns, group_size(x.columns));
  kernels::layer_norm_backward<Scalar>(stream, x, pass.tensors[0].vector(), moments.mean, moments.reciprocal_deviation,
                                       pass.output_gradient, pass.input_gradients[0], pass.tensor_gradients[0].vector(),
                                       pass.tensor_gradients[1].vector());
}

template <class Scalar>
void LayerNorm::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  const MatrixView<const Scalar> x = pass.inputs[0];
  const Moments<Scalar> moments(pass.saved, x.rows, x.columns, group_size(x.columns));
  kernels::layer_norm_tangent<Scalar>(stream, x, pass.tensors[0].vector(), moments.mean, moments.reciprocal_deviation,
                                      pass.input_tangents[0], pass.tensor_tangents[0].vector(),
                                      pass.tensor_tangents[1].vector(), pass.output_tangent);
}

template <class Scalar>
void LayerNorm::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const MatrixView<const Scalar> x = pass.inputs[0];
  const Moments<Scalar> moments(pass.saved, x.rows, x.columns, group_size(x.columns));
  kernels::layer_norm_tangent_backward<Scalar>(
      stream,
      {x, pass.tensors[0].vector(), moments.mean, moments.reciprocal_deviation, pass.input_tangents[0],
       pass.tensor_tangents[0].vector(), pass.output_gradient, pass.output_tangent_gradient, pass.input_gradients[0],
       pass.input_tangent_gradients[0], pass.tensor_gradients[0].vector(), pass.tensor_gradients[1].vector()});
}

MYNAH_LAYER(LayerNorm)

}  // namespace mynah
