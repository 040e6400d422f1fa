#pragma once

#include "kernels/eigen/vectorized/linear.h"
#include "kernels/eigen/vectorized/training.h"

/// Biases of channels, rows being [channels, places].
namespace mynah::kernels::eigen::vectorized {
namespace {

void channel_bias_forward(Size rows, Size channels, Size places, const float* b, Rows y) {
  for (Size m = 0; m < rows; ++m) {
    float* to = y.data + m * y.stride;
    for (Size c = 0; c < channels; ++c, to += places) {
      const Vec bias = broadcast(b[c]);
      for_each_vector(places, [&](Size i, auto... some) { store(to + i, load(to + i, some...) + bias, some...); });
    }
  }
}

/// Summed in double, since the places of all rows together are many.
void channel_bias_backward(Size rows, Size channels, Size places, ConstRows dy, float* db) {
  using HalfLanes = MakeLaneList<lanes / 2>::type;
  if (places == 1) return sum_bias_gradient(rows, {0, channels}, dy, db, true);
  for (Size c = 0; c < channels; ++c) {
    DoubleVec low = {}, high = {};
    for (Size m = 0; m < rows; ++m) {
      const float* from = dy.data + m * dy.stride + c * places;
      for_each_vector(places, [&](Size i, auto... some) {
        const Vec value = load(from + i, some...);
        low += doubles_of_half<0>(value, HalfLanes{});
        high += doubles_of_half<lanes / 2>(value, HalfLanes{});
      });
    }
    low += high;
    double total = 0.0;
    for (int i = 0; i < lanes / 2; ++i) total += low[i];
    db[c] += static_cast<float>(total);
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
