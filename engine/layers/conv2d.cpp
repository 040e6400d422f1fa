#include "engine/layers/conv2d.h"

#include "kernels/error.h"

namespace mynah {
namespace {

kernels::ConvolutionGeometry geometry_of(const Conv2dOptions& options) {
  kernels::ConvolutionGeometry geometry;
  geometry.in_channels = options.in_channels;
  geometry.in_height = options.in_height;
  geometry.in_width = options.in_width;
  geometry.out_channels = options.out_channels;
  geometry.kernel_height = options.kernel.height;
  geometry.kernel_width = options.kernel.width;
  geometry.stride_height = options.stride.height;
  geometry.stride_width = options.stride.width;
  geometry.padding_height = options.padding.height;
  geometry.padding_width = options.padding.width;
  geometry.dilation_height = options.dilation.height;
  geometry.dilation_width = options.dilation.width;
  geometry.groups = options.groups;
  check_convolution_options("conv2d", geometry);
  geometry = geometry.with_output_extents();
  if (geometry.positions() == 0) {
    throw input_error("conv2d layer",
                      "a kernel of " + std::to_string(options.kernel.height) + " x " +
                          std::to_string(options.kernel.width) + " does not fit into images of " +
                          std::to_string(options.in_height) + " x " + std::to_string(options.in_width),
                      "take a smaller kernel or dilation, or a larger padding");
  }
  return geometry;
}

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options)
    : options_(options),
      passes_(geometry_of(options), false, options.bias, options.activation),
      out_height_(geometry_of(options).out_height),
      out_width_(geometry_of(options).out_width) {}

Index Conv2d::output_columns(std::span<const Index> inputs) const {
  check_image_columns(kind(), inputs, options_.in_channels, options_.in_height, options_.in_width);
  return passes_.output_columns();
}

MYNAH_LAYER(Conv2d)

}  // namespace mynah
