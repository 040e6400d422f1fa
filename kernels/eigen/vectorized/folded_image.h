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
        columns(extent(s.in_width, row_width(s), s.kernel_width, s.stride_width, s.padding_width, s.dilation_width)),
        plane(rows * columns),
        channel(s.stride_height * s.stride_width * plane),
        image(s.inputs * channel) {}

  /// The width of a row of places in half vectors, if taps lie beside each other: what is written of one row then does
  /// not touch what is read of the next one, for which a processor would have to wait.
  static Size row_width(const ConvolutionSizes& s) {
    constexpr Size half = lanes / 2;
    const bool alone = (s.kernel_width - 1) * s.dilation_width < s.stride_width;
    return alone ? s.out_width : divided_up(s.out_width, half) * half;
  }
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

/// Lanes Begin, Begin + 2, ... of a and b.
template <int Begin, int... Lane>
MYNAH_INLINE Vec every_other(Vec a, Vec b, LaneList<Lane...>) {
  return __builtin_shufflevector(a, b, (Begin + 2 * Lane)...);
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

/// Where a row of an image lies in the planes that share it, and on to the next row.
class FoldedRow {
 public:
  FoldedRow(const ConvolutionSizes& s, const Folding& folding)
      : stride_(s.stride_height),
        planes_(s.stride_width * folding.plane),
        columns_(folding.columns),
        remainder_(s.padding_height % s.stride_height),
        place_(s.padding_height / s.stride_height) {}
  /// In the plane of remainder 0 of the columns.
  Size offset() const { return remainder_ * planes_ + place_ * columns_; }
  void advance() {
    if (++remainder_ < stride_) return;
    remainder_ = 0;
    ++place_;
  }

 private:
  Size stride_, planes_, columns_, remainder_, place_;
};

/// With a stride of 2, pixels 0, 2, ... of a row lie in one plane and 1, 3, ... in the other: so far from its plane of
/// remainder 0.
struct Pairs {
  Size even, odd;

  Pairs(const ConvolutionSizes& s, const Folding& folding)
      : even(s.padding_width % 2 * folding.plane + s.padding_width / 2),
        odd((s.padding_width + 1) % 2 * folding.plane + (s.padding_width + 1) / 2) {}
};

/// Columns [i, i + left), two vectors at most, of an image with a stride of 2. (Here and below what a loop needs is
/// copied first: for all that the compiler knows, a vector that is stored may change any argument.)
void fold_pairs(const ConvolutionSizes& s, const Folding& folding, Size i, Size left, const float* image, float* to) {
  const Pairs pairs(s, folding);
  const Size height = s.in_height, width = s.in_width, channels = s.inputs, channel = folding.channel;
  const FoldedRow first(s, folding);
  const First low_mask(smaller(lanes, left)), high_mask(left > lanes ? left - lanes : 1);
  const First even_mask((left + 1) / 2), odd_mask(left > 1 ? left / 2 : 1);
  const bool wide = left > lanes, both = left > 1;
  for (Size c = 0; c < channels; ++c, to += channel) {
    FoldedRow at = first;
    for (Size h = 0; h < height; ++h, image += width, at.advance()) {
      float* planes = to + at.offset() + i / 2;
      const Vec low = load(image + i, low_mask);
      const Vec high = wide ? load(image + i + lanes, high_mask) : Vec{};
      store(planes + pairs.even, every_other<0>(low, high, AllLanes{}), even_mask);
      if (both) store(planes + pairs.odd, every_other<1>(low, high, AllLanes{}), odd_mask);
    }
  }
}

/// The channels of one image into planes; what pads them is left as it is.
void fold(const ConvolutionSizes& s, const Folding& folding, const float* image, float* to) {
  if (s.stride_width == 2) {
    for (Size i = 0; i < s.in_width; i += 2 * lanes) {
      fold_pairs(s, folding, i, smaller(2 * lanes, s.in_width - i), image, to);
    }
    return;
  }
  for (Size q = 0; q < s.stride_width; ++q) {
    const PlanePart part(s.in_width, s.stride_width, s.padding_width, q);
    if (part.count == 0) continue;
    const Size width = s.in_width, height = s.in_height, stride = s.stride_width;
    const float* row = image + part.first;
    float* plane = to + q * folding.plane + part.place;
    for (Size c = 0; c < s.inputs; ++c, plane += folding.channel) {
      FoldedRow at(s, folding);
      for (Size h = 0; h < height; ++h, row += width, at.advance()) {
        copy_every(stride, part.count, row, plane + at.offset());
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

/// fold_pairs the other way, plus a bias for each channel (null: none).
void unfold_pairs(const ConvolutionSizes& s, const Folding& folding, Size i, Size left, const float* from,
                  const float* b, bool add, float* image) {
  const Pairs pairs(s, folding);
  const Size height = s.in_height, width = s.in_width, channels = s.inputs, channel = folding.channel;
  const FoldedRow first(s, folding);
  const First low_mask(smaller(lanes, left)), high_mask(left > lanes ? left - lanes : 1);
  const First even_mask((left + 1) / 2), odd_mask(left > 1 ? left / 2 : 1);
  const bool wide = left > lanes, both = left > 1;
  for (Size c = 0; c < channels; ++c, from += channel) {
    const Vec bias = broadcast(b == nullptr ? 0.0f : b[c]);
    FoldedRow at = first;
    for (Size h = 0; h < height; ++h, image += width, at.advance()) {
      const float* planes = from + at.offset() + i / 2;
      const Vec even = load(planes + pairs.even, even_mask) + bias;
      const Vec odd = both ? load(planes + pairs.odd, odd_mask) + bias : Vec{};
      put(image + i, interleaved<0>(even, odd, AllLanes{}), add, low_mask);
      if (wide) put(image + i + lanes, interleaved<lanes / 2>(even, odd, AllLanes{}), add, high_mask);
    }
  }
}

/// One row of an image out of the planes that share it, plus a bias.
MYNAH_INLINE void unfold_row(const ConvolutionSizes& s, const Folding& folding, const float* planes, float bias,
                             bool add, float* row) {
  if (s.stride_width == 1) {
    const Vec all = broadcast(bias);
    const float* from = planes + s.padding_width;
    for_each_vector(s.in_width,
                    [&](Size i, auto... some) { put(row + i, load(from + i, some...) + all, add, some...); });
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

/// The channels of one image out of their planes, plus a bias for each (null: none).
void unfold(const ConvolutionSizes& s, const Folding& folding, const float* from, const float* b, bool add,
            float* image) {
  if (s.stride_width == 2) {
    for (Size i = 0; i < s.in_width; i += 2 * lanes) {
      unfold_pairs(s, folding, i, smaller(2 * lanes, s.in_width - i), from, b, add, image);
    }
    return;
  }
  for (Size c = 0; c < s.inputs; ++c, from += folding.channel) {
    FoldedRow at(s, folding);
    for (Size h = 0; h < s.in_height; ++h, image += s.in_width, at.advance()) {
      unfold_row(s, folding, from + at.offset(), b == nullptr ? 0.0f : b[c], add, image);
    }
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
