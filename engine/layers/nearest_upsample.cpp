#include "engine/layers/nearest_upsample.h"

#include <algorithm>

#include "engine/pooling_checks.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

NearestUpsample::NearestUpsample(const NearestUpsampleOptions& options)
    : geometry_{options.channels, options.in_height, options.in_width, options.factor.height, options.factor.width} {
  if (std::min({options.channels, options.in_height, options.in_width, options.factor.height, options.factor.width}) <
      1) {
    throw input_error("nearest_upsample layer",
                      "images of " + std::to_string(options.channels) + " channels of " +
                          std::to_string(options.in_height) + " x " + std::to_string(options.in_width) +
                          " cannot grow by " + std::to_string(options.factor.height) + " x " +
                          std::to_string(options.factor.width),
                      "give it extents and factors of at least 1");
  }
}

Index NearestUpsample::output_columns(std::span<const Index> inputs) const {
  check_pooled_image(kind(), inputs, geometry_.channels, geometry_.in_height, geometry_.in_width);
  return geometry_.out_columns();
}

template <class Scalar>
void NearestUpsample::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::nearest_upsampling_forward<Scalar>(stream, geometry_, pass.inputs[0], pass.output);
}

template <class Scalar>
void NearestUpsample::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  kernels::nearest_upsampling_backward<Scalar>(stream, geometry_, pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void NearestUpsample::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  if (pass.input_tangents[0].data == nullptr) return kernels::zero<Scalar>(stream, pass.output_tangent);
  kernels::nearest_upsampling_forward<Scalar>(stream, geometry_, pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void NearestUpsample::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const auto pull_back = [&](MatrixView<const Scalar> from, MatrixView<Scalar> to) {
    if (to.data != nullptr) kernels::nearest_upsampling_backward<Scalar>(stream, geometry_, from, to);
  };
  pull_back(pass.output_gradient, pass.input_gradients[0]);
  pull_back(pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(NearestUpsample)

}  // namespace mynah
