#include "engine/layers/batch_norm.h"

#include "kernels/batch_norm.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* place = "batch norm layer";

/// Where forward leaves the moments of each channel.
template <class Scalar>
VectorView<Scalar> mean_of(VectorView<Scalar> saved, Index channels) {
  return {saved.data, channels};
}
template <class Scalar>
VectorView<Scalar> reciprocal_deviation_of(VectorView<Scalar> saved, Index channels) {
  return {saved.data + channels, channels};
}

/// What the passes after forward read. They have the same fields.
template <class Scalar, class Pass>
kernels::BatchNormInput<Scalar> input_of(const Pass& pass, Index channels) {
  const bool training = pass.settings.mode == Mode::train;
  return {training ? kernels::BatchMoments::of_batch : kernels::BatchMoments::constants, pass.inputs[0],
          mean_of(pass.saved, channels), reciprocal_deviation_of(pass.saved, channels), pass.tensors[0].vector()};
}

}  // namespace

BatchNorm::BatchNorm(Index channels, Index positions, float epsilon, float momentum)
    : channels_(channels), positions_(positions), epsilon_(epsilon), momentum_(momentum) {
  if (channels < 1 || positions < 1) {
    throw input_error(place,
                      "has " + std::to_string(channels) + " channels of " + std::to_string(positions) + " positions",
                      "give it at least 1 of each");
  }
  if (!(epsilon > 0.0f)) {
    throw input_error(place, "has epsilon " + std::to_string(epsilon), "give it a small positive number, such as 1e-5");
  }
  if (!(momentum >= 0.0f && momentum <= 1.0f)) {
    throw input_error(place, "has momentum " + std::to_string(momentum), "give it a number between 0 and 1");
  }
}

Index BatchNorm::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error(place, "takes one input, got " + std::to_string(inputs.size()));
  if (inputs[0] != channels_ * positions_) {
    throw input_error(place,
                      "has " + std::to_string(channels_) + " channels of " + std::to_string(positions_) +
                          " positions, and an input of " + std::to_string(inputs[0]) + " columns",
                      "give it channels * positions = columns");
  }
  return inputs[0];
}

std::vector<TensorSpec> BatchNorm::tensors(std::span<const Index>) const {
  return {{"weight", {channels_}, Initialization::ones},
          {"bias", {channels_}, Initialization::zeros},
          {"running_mean", {channels_}, Initialization::zeros, 0, 0, false},
          {"running_var", {channels_}, Initialization::ones, 0, 0, false}};
}

Index BatchNorm::saved_size(Index, std::span<const Index>) const {
  return 2 * channels_;
}

template <class Scalar>
void BatchNorm::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const MatrixView<const Scalar> x = pass.inputs[0];
  if (x.rows == 0) return;
  const VectorView<Scalar> mean = mean_of(pass.saved, channels_);
  const VectorView<Scalar> reciprocal_deviation = reciprocal_deviation_of(pass.saved, channels_);
  const kernels::RunningStatistics<Scalar> running{pass.tensors[2].vector(), pass.tensors[3].vector()};
  if (pass.settings.mode == Mode::train) {
    if (x.rows * positions_ < 2) {
      throw input_error(place, "is trained on a batch of one row, whose deviation is nothing",
                        "train on batches of at least 2 rows; leave out a last batch of one");
    }
    kernels::batch_norm_statistics<Scalar>(stream, x, epsilon_, momentum_, running, mean, reciprocal_deviation);
  } else {
    kernels::batch_norm_running<Scalar>(stream, running.mean, running.variance, epsilon_, mean, reciprocal_deviation);
  }
  kernels::batch_norm_forward<Scalar>(stream, x, mean, reciprocal_deviation, pass.tensors[0].vector(),
                                      pass.tensors[1].vector(), pass.output);
}

template <class Scalar>
void BatchNorm::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  kernels::batch_norm_backward<Scalar>(stream, input_of<Scalar>(pass, channels_), pass.output_gradient,
                                       pass.input_gradients[0], pass.tensor_gradients[0].vector(),
                                       pass.tensor_gradients[1].vector());
}

template <class Scalar>
void BatchNorm::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  kernels::batch_norm_tangent<Scalar>(stream, input_of<Scalar>(pass, channels_), pass.input_tangents[0],
                                      pass.tensor_tangents[0].vector(), pass.tensor_tangents[1].vector(),
                                      pass.output_tangent);
}

template <class Scalar>
void BatchNorm::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  kernels::batch_norm_tangent_backward<Scalar>(
      stream, {input_of<Scalar>(pass, channels_), pass.input_tangents[0], pass.tensor_tangents[0].vector(),
               pass.output_gradient, pass.output_tangent_gradient, pass.input_gradients[0],
               pass.input_tangent_gradients[0], pass.tensor_gradients[0].vector(), pass.tensor_gradients[1].vector()});
}

MYNAH_LAYER(BatchNorm)

}  // namespace mynah
