#include "kernels/pooling.h"

#include <algorithm>
#include <limits>

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {
namespace {

/// One axis of the windows, in 32-bit numbers, whose divisions cost less.
struct Axis {
  std::int32_t in, out, kernel, stride, padding, dilation;

  /// Where tap u of window i lies; maybe not within [0, in).
  std::int32_t place(std::int32_t i, std::int32_t u) const { return i * stride - padding + u * dilation; }
  /// The windows [first, end) whose tap u lies within the image.
  std::int32_t first(std::int32_t u) const {
    const std::int32_t before = padding - u * dilation;
    return before <= 0 ? 0 : std::min((before + stride - 1) / stride, out);
  }
  std::int32_t end(std::int32_t u) const {
    const std::int32_t last = in - 1 + padding - u * dilation;
    return last < 0 ? 0 : std::min(last / stride + 1, out);
  }
  /// Where the first element of window i lies that is within the image; -1 if there is none.
  std::int32_t first_place(std::int32_t i) const {
    const std::int32_t start = place(i, 0);
    if (start >= 0) return start < in ? start : -1;
    const std::int32_t tap = (dilation - 1 - start) / dilation;
    return tap < kernel && place(i, tap) < in ? place(i, tap) : -1;
  }
};

Axis axis(Index in, Index out, Index kernel, Index stride, Index padding, Index dilation) {
  return {static_cast<std::int32_t>(in),     static_cast<std::int32_t>(out),     static_cast<std::int32_t>(kernel),
          static_cast<std::int32_t>(stride), static_cast<std::int32_t>(padding), static_cast<std::int32_t>(dilation)};
}
Axis height_of(const PoolingGeometry& g) {
  return axis(g.in_height, g.out_height(), g.kernel_height, g.stride_height, g.padding_height, g.dilation_height);
}
Axis width_of(const PoolingGeometry& g) {
  return axis(g.in_width, g.out_width(), g.kernel_width, g.stride_width, g.padding_width, g.dilation_width);
}

/// plane(channel of x, channel of y) for every channel of every row: pointers to their first elements.
template <class X, class Y, class Plane>
void for_each_plane(Index channels, const X& x, const Y& y, const Plane& plane) {
  if (channels == 0) return;
  const Index of_x = x.columns / channels, of_y = y.columns / channels;
  for (Index m = 0; m < x.rows; ++m) {
    for (Index c = 0; c < channels; ++c) plane(x.data + m * x.stride + c * of_x, y.data + m * y.stride + c * of_y);
  }
}

/// The first element of every window in a row of windows, so that one of equals wins that comes first.
template <class Scalar>
void begin_positions(const Axis& height, const Axis& width, std::int32_t i, Scalar* position) {
  const std::int32_t row = height.first_place(i);
  for (std::int32_t j = 0; j < width.out; ++j) {
    const std::int32_t column = width.first_place(j);
    position[j] = row < 0 || column < 0 ? Scalar(-1) : static_cast<Scalar>(row * width.in + column);
  }
}

/// One tap of a row of windows after the other, so that the windows' maxima stand beside each other and are compared
/// without branches. x: that tap of the first window; x_position: its position. fixed_stride: 0 for any other.
template <std::int32_t fixed_stride, bool keeps_positions, class Scalar>
void take_larger(const Scalar* x, std::int32_t count, std::int32_t stride_of_x, std::int32_t x_position, Scalar* y,
                 Scalar* positions) {
  const std::int32_t stride = fixed_stride > 0 ? fixed_stride : stride_of_x;
  for (std::int32_t j = 0; j < count; ++j) {
    const Scalar value = x[j * stride], largest = y[j];
    const Scalar larger = value > largest ? value : largest;  // NaN where y was, since nothing is larger
    y[j] = value == value ? larger : value;
    if constexpr (keeps_positions) {
      // A product, exact for whole numbers, where a selection would become a branch that nobody can predict.
      const auto moves = static_cast<Scalar>((value > largest) | (value != value));
      positions[j] += moves * (static_cast<Scalar>(x_position + j * stride) - positions[j]);
    }
  }
}

template <bool keeps_positions, class Scalar>
auto take_larger_of(std::int32_t stride) {
  return stride == 1   ? take_larger<1, keeps_positions, Scalar>
         : stride == 2 ? take_larger<2, keeps_positions, Scalar>
                       : take_larger<0, keeps_positions, Scalar>;
}

/// visit(row of x, column of x, first window, end of windows) for the taps of row i of the windows, row by row. The
/// windows' elements at that tap begin at that place of the image and are a stride apart.
template <class Visit>
void for_each_tap(const Axis& height, const Axis& width, std::int32_t i, const Visit& visit) {
  for (std::int32_t u = 0; u < height.kernel; ++u) {
    const std::int32_t row = height.place(i, u);
    if (row < 0 || row >= height.in) continue;
    for (std::int32_t v = 0; v < width.kernel; ++v) {
      const std::int32_t begin = width.first(v), end = width.end(v);
      if (begin < end) visit(row, width.place(begin, v), begin, end);
    }
  }
}

}  // namespace

template <class Scalar>
void max_pooling_forward(Stream&, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y,
                         MatrixOf<Scalar> positions) {
  const Axis height = height_of(geometry), width = width_of(geometry);
  const Index image_size = geometry.in_height * geometry.in_width, windows = geometry.out_height() * width.out;
  const bool keeps = positions.data != nullptr;
  const auto take = keeps ? take_larger_of<true, Scalar>(width.stride) : take_larger_of<false, Scalar>(width.stride);
  for (Index m = 0; m < y.rows; ++m) {
    for (Index c = 0; c < geometry.channels; ++c) {
      const Scalar* image = x.row(m).data + c * image_size;
      for (std::int32_t i = 0; i < height.out; ++i) {
        const Index first = c * windows + Index{i} * width.out;
        Scalar* const largest = y.row(m).data + first;
        Scalar* const position = keeps ? positions.row(m).data + first : nullptr;
        std::fill_n(largest, width.out, -std::numeric_limits<Scalar>::infinity());
        if (keeps) begin_positions(height, width, i, position);
        for_each_tap(height, width, i,
                     [&](std::int32_t row, std::int32_t column, std::int32_t begin, std::int32_t end) {
                       const std::int32_t place = row * width.in + column;
                       take(image + place, end - begin, width.stride, place, largest + begin,
                            keeps ? position + begin : nullptr);
                     });
      }
    }
  }
}

/// Window by window, which adds to an element in the same order as gathering does.
template <class Scalar>
void max_pooling_backward(Stream&, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                          ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx) {
  map(dx).setZero();
  if (dy.empty()) return;
  const Index image = geometry.in_height * geometry.in_width, windows = geometry.out_height() * geometry.out_width();
  for (Index m = 0; m < dy.rows; ++m) {
    for (Index c = 0; c < geometry.channels; ++c) {
      const Scalar* position = positions.row(m).data + c * windows;
      const Scalar* gradient = dy.row(m).data + c * windows;
      Scalar* to = dx.row(m).data + c * image;
      for (Index w = 0; w < windows; ++w) {
        if (position[w] >= Scalar(0)) to[static_cast<Index>(position[w])] += gradient[w];
      }
    }
  }
}

template <class Scalar>
void max_pooling_tangent(Stream&, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> positions,
                         ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_tangent) {
  const Index image = geometry.in_height * geometry.in_width, windows = geometry.out_height() * geometry.out_width();
  for (Index m = 0; m < y_tangent.rows; ++m) {
    for (Index c = 0; c < geometry.channels; ++c) {
      const Scalar* position = positions.row(m).data + c * windows;
      const Scalar* from = x_tangent.row(m).data + c * image;
      Scalar* to = y_tangent.row(m).data + c * windows;
      for (Index w = 0; w < windows; ++w) {
        to[w] = position[w] >= Scalar(0) ? from[static_cast<Index>(position[w])] : Scalar(0);
      }
    }
  }
}

template <class Scalar>
void average_pooling_forward(Stream&, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  const Axis height = height_of(geometry), width = width_of(geometry);
  const auto count = static_cast<Scalar>(height.kernel * width.kernel);
  for_each_plane(geometry.channels, x, y, [&](const Scalar* image, Scalar* means) {
    for (std::int32_t i = 0; i < height.out; ++i) {
      Scalar* const mean = means + Index{i} * width.out;
      std::fill_n(mean, width.out, Scalar(0));
      for_each_tap(height, width, i, [&](std::int32_t row, std::int32_t column, std::int32_t begin, std::int32_t end) {
        const Scalar* from = image + row * width.in + column;
        for (std::int32_t j = begin; j < end; ++j) mean[j] += from[(j - begin) * width.stride];
      });
      for (std::int32_t j = 0; j < width.out; ++j) mean[j] /= count;
    }
  });
}

template <class Scalar>
void average_pooling_backward(Stream&, const PoolingGeometry& geometry, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx) {
  const Axis height = height_of(geometry), width = width_of(geometry);
  const auto count = static_cast<Scalar>(height.kernel * width.kernel);
  map(dx).setZero();
  if (dy.empty()) return;
  for_each_plane(geometry.channels, dx, dy, [&](Scalar* image, const Scalar* gradients) {
    for (std::int32_t i = 0; i < height.out; ++i) {
      const Scalar* const gradient = gradients + Index{i} * width.out;
      for_each_tap(height, width, i, [&](std::int32_t row, std::int32_t column, std::int32_t begin, std::int32_t end) {
        Scalar* to = image + row * width.in + column;
        for (std::int32_t j = begin; j < end; ++j) to[(j - begin) * width.stride] += gradient[j];
      });
    }
  });
  map(dx) /= count;
}

template <class Scalar>
void nearest_upsampling_forward(Stream&, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> x,
                                MatrixOf<Scalar> y) {
  const Index down = geometry.factor_height, across = geometry.factor_width;
  const Index width = geometry.in_width * across;
  for_each_plane(geometry.channels, x, y, [&](const Scalar* from, Scalar* to) {
    for (Index h = 0; h < geometry.in_height; ++h, from += geometry.in_width, to += down * width) {
      for (Index w = 0; w < geometry.in_width; ++w) std::fill_n(to + w * across, across, from[w]);
      for (Index u = 1; u < down; ++u) std::copy_n(to, width, to + u * width);
    }
  });
}

template <class Scalar>
void nearest_upsampling_backward(Stream&, const UpsamplingGeometry& geometry, ConstMatrixOf<Scalar> dy,
                                 MatrixOf<Scalar> dx) {
  const Index down = geometry.factor_height, across = geometry.factor_width;
  const Index width = geometry.in_width * across;
  for_each_plane(geometry.channels, dx, dy, [&](Scalar* to, const Scalar* from) {
    for (Index h = 0; h < geometry.in_height; ++h, to += geometry.in_width) {
      std::fill_n(to, geometry.in_width, Scalar(0));
      for (Index u = 0; u < down; ++u, from += width) {
        for (Index w = 0; w < geometry.in_width; ++w) {
          for (Index v = 0; v < across; ++v) to[w] += from[w * across + v];
        }
      }
    }
  });
}

MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(max_pooling_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(average_pooling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(average_pooling_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(nearest_upsampling_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(nearest_upsampling_backward)

}  // namespace mynah::kernels::eigen
