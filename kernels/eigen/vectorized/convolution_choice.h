#pragma once

#include "kernels/eigen/vectorized/convolution_gradient.h"
#include "kernels/eigen/vectorized/winograd_convolution.h"

/// Convolutions by minimal filtering where that is faster, and out of folded images otherwise.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// The weights of a group at their points take no more floats than this, so that they stay in the last-level cache.
constexpr Size most_point_weights = Size{1} << 22;

bool has_winograd(const ConvolutionSizes& s) {
  const Size down = divided_up(s.kernel_height, s.stride_height), across = divided_up(s.kernel_width, s.stride_width);
  return s.dilation_height == 1 && s.dilation_width == 1 && s.stride_height <= most_stride &&
         s.stride_width <= most_stride && (down == 2 || down == 3) && (across == 2 || across == 3);
}

/// Whether minimal filtering is faster: by the products of both ways, to which each number that is brought to points or
/// back adds as much time as so many products. (Measured with AVX-512; one fifth of the time is to be won at least.)
/// Rows are counted as AVX-512 has them, so that the choice, and with it the rounding, is the same for every
/// instruction set.
bool uses_winograd(const ConvolutionSizes& s) {
  if (!has_winograd(s) || s.images == 0) return false;
  const Tiling t(s);
  const Side from = Side::in(s, t), to = Side::out(s, t);
  const Size in = divided_up(from.channels, 16) * 16 * from.phases(), out = divided_up(to.channels, 16) * 16;
  const Size weights = t.down.most_points() * t.across.most_points() * in * out;
  if (weights > most_point_weights) return false;
  constexpr Size of_weights = 3, of_tiles = 7;
  const Size time = s.images * t.points() * (in * out + of_tiles * (in + out)) + of_weights * weights;
  return 5 * time < 4 * s.images * places_of(s) * depth_of(s) * s.outputs;
}

Size convolution_scratch(const ConvolutionSizes& s) {
  return uses_winograd(s) ? winograd_scratch(s) : folded_scratch(s);
}
void convolution_forward(const ConvolutionSizes& s, ConstRows x, ConstRows w, const float* b, bool add, Rows y,
                         float* scratch) {
  (uses_winograd(s) ? winograd_forward : folded_forward)(s, x, w, b, add, y, scratch);
}
void convolution_transposed(const ConvolutionSizes& s, ConstRows dy, ConstRows w, const float* b, bool add, Rows dx,
                            float* scratch) {
  (uses_winograd(s) ? winograd_transposed : folded_transposed)(s, dy, w, b, add, dx, scratch);
}
void convolution_weight_gradient(const ConvolutionSizes& s, ConstRows x, ConstRows dy, Rows dw, float* scratch) {
  if (s.images == 0) return;
  (uses_winograd(s) ? winograd_weight_gradient : folded_weight_gradient)(s, x, dy, dw, scratch);
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
