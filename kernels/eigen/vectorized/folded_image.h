#pragma once

#include "kernels/eigen/vectorized/elementwise.h"
#include "kernels/eigen/vectorized/product.h"

/// Images laid out so that what a tap of a kernel meets lies side by side.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// One channel is padded and dealt out by the remainders of its rows and columns, divided by the strides: pixel (h, v)
/// with h + padding = i stride + r and v + padding = j stride + q lies in plane (r, q) at (i, j). What a tap meets at
/// neighbouring places of the kernel are then neighbours in one plane, whatever stride and dilation are, and zeros
/// outside of the image are there to be read.
struct Folding {
  Size rows, columns;  ///< of a plane
  Size plane, channel, image;

  explicit Folding(const ConvolutionSizes& s)
      : rows(extent(s.in_height, s.out_height, s.kernel_height, s.stride_height, s.padding_height, s.dilation_height)),
        columns(extent(s.in_width, s.out_width, s.kernel_width, s.stride_width, s.padding_width, s.dilation_width)),
        plane(rows * columns),
        channel(s.stride_height * s.stride_width * plane),
        image(s.inputs * channel) {}

  /// Room for what taps read and for every pixel.
  static Size extent(Size in, Size out, Size kernel, Size stride, Size padding, Size dilation) {
    const Size read = out + (kernel - 1) * dilation / stride, held = (in - 1 + padding) / stride + 1;
    return read > held ? read : held;
  }
  /// Where tap (u, v) of channel c finds what it meets at the first place of the kernel.
  Size tap(const ConvolutionSizes& s, Size c, Size u, Size v) const {
    const Size down = u * s.dilation_height, across = v * s.dilation_width;
    const Size of_plane = down % s.stride_height * s.stride_width + across % s.stride_width;
    return c * channel + of_plane * plane + down / s.stride_height * columns + across / s.stride_width;
  }
};

MYNAH_INLINE Size depth_of(const ConvolutionSizes& s) {
  return s.inputs * s.kernel_height * s.kernel_width;
}

/// offsets[(c, u, v)]
void tap_offsets(const ConvolutionSizes& s, const Folding& folding, Size* offsets) {
  for (Size c = 0; c < s.inputs; ++c) {
    for (Size u = 0; u < s.kernel_height; ++u) {
      for (Size v = 0; v < s.kernel_width; ++v) *offsets++ = folding.tap(s, c, u, v);
    }
  }
}

template <int... Lane>
MYNAH_INLINE Vec even_lanes(Vec a, Vec b, LaneList<Lane...>) {
  return __builtin_shufflevector(a, b, (2 * Lane)...);
}
/// Half of a and b, lane by lane in turn.
template <int Begin, int... Lane>
MYNAH_INLINE Vec interleaved(Vec a, Vec b, LaneList<Lane...>) {
  return __builtin_shufflevector(a, b, (Lane % 2 * lanes + Begin + Lane / 2)...);
}

/// to[i] = from[i step]
MYNAH_INLINE void copy_every(Size step, Size n, const float* from, float* to) {
  if (step == 1) {
    for_each_vector(n, [&](Size i, auto... some) { store(to + i, load(from + i, some...), some...); });
  } else if (step == 2) {
    for (Size i = 0; i < n; i += lanes) {
      const Size count = smaller(lanes, n - i), read = 2 * count - 1;
      const float* begin = from + 2 * i;
      const Vec low = load(begin, First(smaller(lanes, read)));
      const Vec high = read > lanes ? load(begin + lanes, First(read - lanes)) : Vec{};
      store(to + i, even_lanes(low, high, AllLanes{}), First(count));
    }
  } else {
    for (Size i = 0; i < n; ++i) to[i] = from[i * step];
  }
}

/// The first pixel of a row or column that falls into a plane, where it lies there, and how many do.
struct PlanePart {
  Size first, place, count;

  PlanePart(Size in, Size stride, Size padding, Size remainder)
      : first((remainder + stride - padding % stride) % stride),
        place((first + padding) / stride),
        count(first < in ? (in - 1 - first) / stride + 1 : 0) {}
};

/// The channels of one image into planes; what pads them is left as it is.
void fold(const ConvolutionSizes& s, const Folding& folding, const float* image, float* to) {
  for (Size q = 0; q < s.stride_width; ++q) {
    const PlanePart part(s.in_width, s.stride_width, s.padding_width, q);
    if (part.count == 0) continue;
    for (Size c = 0; c < s.inputs; ++c) {
      const float* row = image + c * s.in_height * s.in_width + part.first;
      Size remainder = s.padding_height % s.stride_height, place = s.padding_height / s.stride_height;
      for (Size h = 0; h < s.in_height; ++h, row += s.in_width) {
        float* plane = to + c * folding.channel + (remainder * s.stride_width + q) * folding.plane;
        copy_every(s.stride_width, part.count, row, plane + place * folding.columns + part.place);
        if (++remainder == s.stride_height) remainder = 0, ++place;
      }
    }
  }
}

/// row[i] = value + what it holds, if `add` says so.
MYNAH_INLINE void put(float* row, Vec value, bool add) {
  store(row, add ? load(row) + value : value);
}
MYNAH_INLINE void put(float* row, Vec value, bool add, First some) {
  store(row, add ? load(row, some) + value : value, some);
}

/// One row of an image out of the planes that share it, plus a number. `planes`: that of remainder 0, at this row.
MYNAH_INLINE void unfold_row(const ConvolutionSizes& s, const Folding& folding, const float* planes, float bias,
                             bool add, float* row) {
  const Vec all = broadcast(bias);
  if (s.stride_width == 1) {
    const float* from = planes + s.padding_width;
    for_each_vector(s.in_width,
                    [&](Size i, auto... some) { put(row + i, load(from + i, some...) + all, add, some...); });
    return;
  }
  if (s.stride_width == 2) {
    // Pixels 0, 2, ... of one plane, 1, 3, ... of the other.
    const Size p = s.padding_width;
    const float* even = planes + p % 2 * folding.plane + p / 2;
    const float* odd = planes + (p + 1) % 2 * folding.plane + (p + 1) / 2;
    for (Size i = 0; i < s.in_width; i += 2 * lanes) {
      const Size left = smaller(2 * lanes, s.in_width - i);
      const Vec a = load(even + i / 2, First((left + 1) / 2)) + all;
      const Vec b = (left > 1 ? load(odd + i / 2, First(left / 2)) : Vec{}) + all;
      put(row + i, interleaved<0>(a, b, AllLanes{}), add, First(smaller(lanes, left)));
      if (left > lanes) put(row + i + lanes, interleaved<lanes / 2>(a, b, AllLanes{}), add, First(left - lanes));
    }
    return;
  }
  for (Size q = 0; q < s.stride_width; ++q) {
    const PlanePart part(s.in_width, s.stride_width, s.padding_width, q);
    const float* from = planes + q * folding.plane + part.place;
    float* to = row + part.first;
    for (Size i = 0; i < part.count; ++i) {
      to[i * s.stride_width] = from[i] + bias + (add ? to[i * s.stride_width] : 0.0f);
    }
  }
}

/// The other way: an image out of its planes, plus a bias for each channel (null: none).
void unfold(const ConvolutionSizes& s, const Folding& folding, const float* from, const float* b, bool add,
            float* image) {
  for (Size c = 0; c < s.inputs; ++c) {
    float* row = image + c * s.in_height * s.in_width;
    const float bias = b == nullptr ? 0.0f : b[c];
    Size remainder = s.padding_height % s.stride_height, place = s.padding_height / s.stride_height;
    for (Size h = 0; h < s.in_height; ++h, row += s.in_width) {
      const float* planes = from + c * folding.channel + remainder * s.stride_width * folding.plane;
      unfold_row(s, folding, planes + place * folding.columns, bias, add, row);
      if (++remainder == s.stride_height) remainder = 0, ++place;
    }
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
