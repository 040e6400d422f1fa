#include "engine/layers/max_pool2d.h"

#include "engine/pooling_checks.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {
namespace {

kernels::PoolingGeometry geometry_of(const MaxPool2dOptions& options) {
  const Extent2d stride = options.stride.value_or(options.kernel);
  return {options.channels,      options.in_height,       options.in_width,      options.kernel.height,
          options.kernel.width,  stride.height,           stride.width,          options.padding.height,
          options.padding.width, options.dilation.height, options.dilation.width};
}

/// The positions of a forward pass, where it left them.
template <class Scalar>
MatrixView<Scalar> positions(VectorView<Scalar> saved, Index rows, Index columns) {
  return {saved.data, rows, columns};
}

}  // namespace

MaxPool2d::MaxPool2d(const MaxPool2dOptions& options) : geometry_(geometry_of(options)) {
  check_pooling_options("max_pool2d", geometry_);
  if (geometry_.in_height * geometry_.in_width > Index{1} << 24) {
    throw input_error("max_pool2d layer", "images of more than 2^24 elements a channel", "cut them into parts");
  }
}

Index MaxPool2d::output_columns(std::span<const Index> inputs) const {
  check_pooled_image(kind(), inputs, geometry_.channels, geometry_.in_height, geometry_.in_width);
  return geometry_.out_columns();
}

Index MaxPool2d::saved_size(Index rows, std::span<const Index>) const {
  return rows * geometry_.out_columns();
}

template <class Scalar>
void MaxPool2d::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::max_pooling_forward<Scalar>(stream, geometry_, pass.inputs[0], pass.output,
                                       positions(pass.saved, pass.output.rows, pass.output.columns));
}

template <class Scalar>
void MaxPool2d::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  kernels::max_pooling_backward<Scalar>(stream, geometry_, positions(pass.saved, pass.output.rows, pass.output.columns),
                                        pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void MaxPool2d::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  if (pass.input_tangents[0].data == nullptr) return kernels::zero<Scalar>(stream, pass.output_tangent);
  kernels::max_pooling_tangent<Scalar>(stream, geometry_, positions(pass.saved, pass.output.rows, pass.output.columns),
                                       pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void MaxPool2d::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const auto pull_back = [&](MatrixView<const Scalar> from, MatrixView<Scalar> to) {
    if (to.data == nullptr) return;
    kernels::max_pooling_backward<Scalar>(stream, geometry_,
                                          positions(pass.saved, pass.output.rows, pass.output.columns), from, to);
  };
  pull_back(pass.output_gradient, pass.input_gradients[0]);
  pull_back(pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(MaxPool2d)

}  // namespace mynah
