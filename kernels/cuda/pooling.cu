#include "kernels/pooling.h"

#include "kernels/cuda/map.h"

namespace mynah::kernels::cuda {
namespace {

// A thread for each element of the result, which gathers: nothing is added to from two sides, and sums have one order.
// Neighbouring threads have neighbouring windows, whose common elements they find in L1; beyond that the operations are
// limited by memory. Places are 32-bit numbers, whose divisions cost a fraction of those of 64 bits.

/// One axis of the windows.
struct Axis {
  int in, out, kernel, stride, padding, dilation;

  /// The windows [first, last] that may have element e among theirs: all of them if the dilation is 1.
  __device__ int first_with(int e) const {
    const int start = e + padding - dilation * (kernel - 1);
    return start <= 0 ? 0 : (start + stride - 1) / stride;
  }
  __device__ int last_with(int e) const { return min((e + padding) / stride, out - 1); }
};

Axis axis(Index in, Index out, Index kernel, Index stride, Index padding, Index dilation) {
  return {static_cast<int>(in),     static_cast<int>(out),     static_cast<int>(kernel),
          static_cast<int>(stride), static_cast<int>(padding), static_cast<int>(dilation)};
}

struct Windows {
  Axis height, width;

  explicit Windows(const PoolingGeometry& g)
      : height(
            axis(g.in_height, g.out_height(), g.kernel_height, g.stride_height, g.padding_height, g.dilation_height)),
        width(axis(g.in_width, g.out_width(), g.kernel_width, g.stride_width, g.padding_width, g.dilation_width)) {}
};

/// An element of [channels, height, width], found from its column.
struct Place {
  int channel, row, column;
};

__device__ __forceinline__ Place place_of(Index element, int height, int width) {
  const auto flat = static_cast<unsigned>(element);
  const unsigned line = flat / static_cast<unsigned>(width);
  const unsigned channel = line / static_cast<unsigned>(height);
  return {static_cast<int>(channel), static_cast<int>(line - channel * static_cast<unsigned>(height)),
          static_cast<int>(flat - line * static_cast<unsigned>(width))};
}

/// The sum of gradient[window] over the windows that have element `in` among theirs and of which counts(window) holds.
template <class Counts>
__device__ __forceinline__ float sum_over_windows(const Windows& windows, const Place& in, const float* gradient,
                                                  const Counts& counts) {
  float sum = 0.0f;
  for (int i = windows.height.first_with(in.row); i <= windows.height.last_with(in.row); ++i) {
    for (int j = windows.width.first_with(in.column); j <= windows.width.last_with(in.column); ++j) {
      const int window = i * windows.width.out + j;
      if (counts(window)) sum += gradient[window];
    }
  }
  return sum;
}

struct MaxForward {
  Windows windows;
  ConstMatrix x;
  Matrix y;
  Matrix positions;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Axis& down = windows.height;
    const Axis& across = windows.width;
    const Place out = place_of(element, down.out, across.out);
    const float* image = x.data + row * x.stride + Index{out.channel} * down.in * across.in;
    float largest = -INFINITY;
    int position = -1;
    for (int u = 0; u < down.kernel; ++u) {
      const int h = out.row * down.stride - down.padding + u * down.dilation;
      if (h < 0 || h >= down.in) continue;
      for (int v = 0; v < across.kernel; ++v) {
        const int w = out.column * across.stride - across.padding + v * across.dilation;
        if (w < 0 || w >= across.in) continue;
        const float value = image[h * across.in + w];
        if (value > largest || position < 0 || value != value) {
          largest = value;
          position = h * across.in + w;
        }
      }
    }
    y.data[row * y.stride + element] = largest;
    if (positions.data != nullptr) positions.data[row * positions.stride + element] = static_cast<float>(position);
  }
};

struct MaxBackward {
  Windows windows;
  ConstMatrix positions;
  ConstMatrix dy;
  Matrix dx;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Axis& down = windows.height;
    const Axis& across = windows.width;
    const Place in = place_of(element, down.in, across.in);
    const Index channel = Index{in.channel} * down.out * across.out;
    const float* position = positions.data + row * positions.stride + channel;
    const float* gradient = dy.data + row * dy.stride + channel;
    const auto own = static_cast<float>(in.row * across.in + in.column);
    dx.data[row * dx.stride + element] =
        sum_over_windows(windows, in, gradient, [=](int window) { return position[window] == own; });
  }
};

struct MaxTangent {
  Windows windows;
  ConstMatrix positions;
  ConstMatrix x_tangent;
  Matrix y_tangent;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Place out = place_of(element, windows.height.out, windows.width.out);
    const float* image =
        x_tangent.data + row * x_tangent.stride + Index{out.channel} * windows.height.in * windows.width.in;
    const auto position = static_cast<int>(positions.data[row * positions.stride + element]);
    y_tangent.data[row * y_tangent.stride + element] = position < 0 ? 0.0f : image[position];
  }
};

struct AverageForward {
  Windows windows;
  ConstMatrix x;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Axis& down = windows.height;
    const Axis& across = windows.width;
    const Place out = place_of(element, down.out, across.out);
    const float* image = x.data + row * x.stride + Index{out.channel} * down.in * across.in;
    const int top = out.row * down.stride - down.padding, left = out.column * across.stride - across.padding;
    float sum = 0.0f;
    for (int h = max(top, 0); h < min(top + down.kernel, down.in); ++h) {
      for (int w = max(left, 0); w < min(left + across.kernel, across.in); ++w) sum += image[h * across.in + w];
    }
    y.data[row * y.stride + element] = sum / static_cast<float>(down.kernel * across.kernel);
  }
};

struct AverageBackward {
  Windows windows;
  ConstMatrix dy;
  Matrix dx;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Axis& down = windows.height;
    const Axis& across = windows.width;
    const Place in = place_of(element, down.in, across.in);
    const float* gradient = dy.data + row * dy.stride + Index{in.channel} * down.out * across.out;
    const float sum = sum_over_windows(windows, in, gradient, [](int) { return true; });
    dx.data[row * dx.stride + element] = sum / static_cast<float>(down.kernel * across.kernel);
  }
};

struct Factors {
  int in_height, in_width, down, across;

  explicit Factors(const UpsamplingGeometry& g)
      : in_height(static_cast<int>(g.in_height)),
        in_width(static_cast<int>(g.in_width)),
        down(static_cast<int>(g.factor_height)),
        across(static_cast<int>(g.factor_width)) {}
};

struct UpsamplingForward {
  Factors factors;
  ConstMatrix x;
  Matrix y;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Place out = place_of(element, factors.in_height * factors.down, factors.in_width * factors.across);
    const float* image = x.data + row * x.stride + Index{out.channel} * factors.in_height * factors.in_width;
    y.data[row * y.stride + element] = image[out.row / factors.down * factors.in_width + out.column / factors.across];
  }
};

struct UpsamplingBackward {
  Factors factors;
  ConstMatrix dy;
  Matrix dx;
  template <int width>
  __device__ void at(Index row, Index element) const {
    const Place in = place_of(element, factors.in_height, factors.in_width);
    const int out_width = factors.in_width * factors.across;
    const float* gradient = dy.data + row * dy.stride +
                            (Index{in.channel} * factors.in_height + in.row) * factors.down * out_width +
                            Index{in.column} * factors.across;
    float sum = 0.0f;
    for (int u = 0; u < factors.down; ++u) {
      for (int v = 0; v < factors.across; ++v) sum += gradient[u * out_width + v];
    }
    dx.data[row * dx.stride + element] = sum;
  }
};

/// element.at(row, column) for every element of a result.
template <class Element>
void for_each_element(Stream& stream, const char* operation, const Matrix& result, const Element& element) {
  map(stream, operation, result.rows, result.columns, false, element);
}

}  // namespace

void max_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrix x, Matrix y, Matrix positions) {
  for_each_element(stream, "max_pooling_forward", y, MaxForward{Windows(geometry), x, y, positions});
}

void max_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrix positions, ConstMatrix dy,
                          Matrix dx) {
  for_each_element(stream, "max_pooling_backward", dx, MaxBackward{Windows(geometry), positions, dy, dx});
}

void max_pooling_tangent(Stream& stream, const PoolingGeometry& geometry, ConstMatrix positions, ConstMatrix x_tangent,
                         Matrix y_tangent) {
  const MaxTangent element{Windows(geometry), positions, x_tangent, y_tangent};
  for_each_element(stream, "max_pooling_tangent", y_tangent, element);
}

void average_pooling_forward(Stream& stream, const PoolingGeometry& geometry, ConstMatrix x, Matrix y) {
  for_each_element(stream, "average_pooling_forward", y, AverageForward{Windows(geometry), x, y});
}

void average_pooling_backward(Stream& stream, const PoolingGeometry& geometry, ConstMatrix dy, Matrix dx) {
  for_each_element(stream, "average_pooling_backward", dx, AverageBackward{Windows(geometry), dy, dx});
}

void nearest_upsampling_forward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrix x, Matrix y) {
  for_each_element(stream, "nearest_upsampling_forward", y, UpsamplingForward{Factors(geometry), x, y});
}

void nearest_upsampling_backward(Stream& stream, const UpsamplingGeometry& geometry, ConstMatrix dy, Matrix dx) {
  for_each_element(stream, "nearest_upsampling_backward", dx, UpsamplingBackward{Factors(geometry), dy, dx});
}

}  // namespace mynah::kernels::cuda
