#include "engine/layers/avg_pool2d.h"

#include "engine/pooling_checks.h"
#include "kernels/elementwise.h"

namespace mynah {
namespace {

kernels::PoolingGeometry geometry_of(const AvgPool2dOptions& options) {
  const Extent2d stride = options.stride.value_or(options.kernel);
  return {options.channels, options.in_height, options.in_width,       options.kernel.height, options.kernel.width,
          stride.height,    stride.width,      options.padding.height, options.padding.width};
}

}  // namespace

AvgPool2d::AvgPool2d(const AvgPool2dOptions& options) : geometry_(geometry_of(options)) {
  check_pooling_options("avg_pool2d", geometry_);
}

Index AvgPool2d::output_columns(std::span<const Index> inputs) const {
  check_pooled_image(kind(), inputs, geometry_.channels, geometry_.in_height, geometry_.in_width);
  return geometry_.out_columns();
}

template <class Scalar>
void AvgPool2d::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::average_pooling_forward<Scalar>(stream, geometry_, pass.inputs[0], pass.output);
}

template <class Scalar>
void AvgPool2d::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  kernels::average_pooling_backward<Scalar>(stream, geometry_, pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void AvgPool2d::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  if (pass.input_tangents[0].data == nullptr) return kernels::zero<Scalar>(stream, pass.output_tangent);
  kernels::average_pooling_forward<Scalar>(stream, geometry_, pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void AvgPool2d::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const auto pull_back = [&](MatrixView<const Scalar> from, MatrixView<Scalar> to) {
    if (to.data != nullptr) kernels::average_pooling_backward<Scalar>(stream, geometry_, from, to);
  };
  pull_back(pass.output_gradient, pass.input_gradients[0]);
  pull_back(pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(AvgPool2d)

}  // namespace mynah
