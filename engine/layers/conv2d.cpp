#include "engine/layers/conv2d.h"

#include "kernels/error.h"

namespace mynah {
namespace {

constexpr const char* name = "conv2d";

kernels::ConvolutionGeometry geometry_of(const Conv2dOptions& options) {
  kernels::ConvolutionGeometry geometry = geometry_without_extents(name, options);
  geometry.in_channels = options.in_channels;
  geometry.in_height = options.in_height;
  geometry.in_width = options.in_width;
  geometry.out_channels = options.out_channels;
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

Conv2d::Conv2d(const Conv2dOptions& options) : ConvolutionLayer(name, options, geometry_of(options), false) {}

}  // namespace mynah
