#include "engine/layers/conv_transpose2d.h"

#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* name = "conv_transpose2d";

/// Of the convolution that the layer is the transpose of: from what goes out to what comes in.
kernels::ConvolutionGeometry geometry_of(const ConvTranspose2dOptions& options) {
  kernels::ConvolutionGeometry geometry = geometry_without_extents(name, options);
  geometry.in_channels = options.out_channels;
  geometry.out_channels = options.in_channels;
  geometry.out_height = options.in_height;
  geometry.out_width = options.in_width;
  const auto extent = [](Index in, Index kernel, Index stride, Index padding, Index dilation, Index output_padding) {
    if (output_padding < 0 || (output_padding >= stride && output_padding >= dilation)) {
      throw input_error("conv_transpose2d layer", "has an output padding of " + std::to_string(output_padding),
                        "take 0 or more, and less than the stride or than the dilation");
    }
    const Index out = kernels::transposed_convolution_extent(in, kernel, stride, padding, dilation, output_padding);
    if (in < 1 || out < 1) {
      throw input_error("conv_transpose2d layer",
                        "nothing is left of an image's extent of " + std::to_string(in) + " with a kernel of " +
                            std::to_string(kernel) + " and a padding of " + std::to_string(padding),
                        "take a larger kernel or a smaller padding");
    }
    return out;
  };
  geometry.in_height = extent(options.in_height, options.kernel.height, options.stride.height, options.padding.height,
                              options.dilation.height, options.output_padding.height);
  geometry.in_width = extent(options.in_width, options.kernel.width, options.stride.width, options.padding.width,
                             options.dilation.width, options.output_padding.width);
  return geometry;
}

}  // namespace

ConvTranspose2d::ConvTranspose2d(const ConvTranspose2dOptions& options)
    : ConvolutionLayer(name, options, geometry_of(options), true) {}

}  // namespace mynah
