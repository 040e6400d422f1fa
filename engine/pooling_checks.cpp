#include "engine/pooling_checks.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {
namespace {

std::string extents(Index height, Index width) {
  return std::to_string(height) + " x " + std::to_string(width);
}

/// Whether some window along an axis has all of its elements in the padding, as a dilated one may.
bool has_empty_window(Index in, Index out, Index kernel, Index stride, Index padding, Index dilation) {
  for (Index i = 0; i < out; ++i) {
    const Index first = i * stride - padding;
    const Index tap =
        first >= 0 ? 0 : (-first + dilation - 1) / dilation;  // the first one that is not before the image
    if (tap >= kernel || first + tap * dilation >= in) return true;
  }
  return false;
}

}  // namespace

void check_pooling_options(const std::string& kind, const kernels::PoolingGeometry& geometry) {
  const std::string place = kind + " layer";
  if (std::min({geometry.channels, geometry.in_height, geometry.in_width}) < 1) {
    throw input_error(place,
                      "images have " + std::to_string(geometry.channels) + " channels of " +
                          extents(geometry.in_height, geometry.in_width),
                      "state channels, in_height and in_width of the images that go in");
  }
  if (const char* defect = kernels::defect_of(geometry)) {
    throw input_error(place,
                      "kernel " + extents(geometry.kernel_height, geometry.kernel_width) + ", stride " +
                          extents(geometry.stride_height, geometry.stride_width) + ", padding " +
                          extents(geometry.padding_height, geometry.padding_width) + " and dilation " +
                          extents(geometry.dilation_height, geometry.dilation_width) + " do not fit",
                      std::string("give it ") + defect);
  }
  if (geometry.out_columns() == 0) {
    throw input_error(place,
                      "a window of " + extents(geometry.kernel_height, geometry.kernel_width) +
                          " does not fit into images of " + extents(geometry.in_height, geometry.in_width),
                      "take a smaller kernel or dilation, or a larger padding");
  }
  if (has_empty_window(geometry.in_height, geometry.out_height(), geometry.kernel_height, geometry.stride_height,
                       geometry.padding_height, geometry.dilation_height) ||
      has_empty_window(geometry.in_width, geometry.out_width(), geometry.kernel_width, geometry.stride_width,
                       geometry.padding_width, geometry.dilation_width)) {
    throw input_error(place,
                      "some windows of dilation " + extents(geometry.dilation_height, geometry.dilation_width) +
                          " lie around images of " + extents(geometry.in_height, geometry.in_width) +
                          " without an element of theirs",
                      "take a smaller dilation or padding");
  }
}

void check_pooled_image(const std::string& kind, std::span<const Index> inputs, Index channels, Index height,
                        Index width) {
  const std::string place = kind + " layer";
  if (inputs.size() != 1) throw input_error(place, "takes one input, got " + std::to_string(inputs.size()));
  if (inputs[0] == channels * height * width) return;
  throw input_error(place,
                    "an input of " + std::to_string(inputs[0]) + " columns is not an image of " +
                        std::to_string(channels) + " channels of " + extents(height, width),
                    "give it [channels, height, width] flat in a row");
}

}  // namespace mynah
