#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// y = x wᵀ where the outputs or the rows are few: both operands are contiguous along the sum, so each element of y is
/// a dot product over whole vectors, and nothing is packed.
namespace mynah::kernels::eigen::vectorized {
namespace {

constexpr int most_dot_outputs = lanes < 8 ? lanes : 8;

struct DotArguments {
  Size steps;
  const float* x;
  Size x_stride;
  const float* w;
  Size w_stride;
  const float* bias;  ///< Of the tile's outputs; null: none.
  bool relu;
  float* y;
  Size y_stride;
};

/// R rows times O outputs, R * O <= lanes sums at once, so that one tree of additions finishes them all.
template <int R, int O>
void multiply_dot_tile(const DotArguments& t) {
  static_assert(R * O <= lanes);
  Vec sum[lanes] = {};
  const auto accumulate = [&](auto&& at) __attribute__((always_inline)) {
    Vec x[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) x[r] = at(t.x + r * t.x_stride);
#pragma GCC unroll 16
    for (int o = 0; o < O; ++o) {
      const Vec w = at(t.w + o * t.w_stride);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[r * O + o] += x[r] * w;
    }
  };
  Size k = 0;
  for (; k + lanes <= t.steps; k += lanes) {
    accumulate([k](const float* row) __attribute__((always_inline)) { return load(row + k); });
  }
  if (k < t.steps) {
    const First some(t.steps - k);
    accumulate([ k, some ](const float* row) __attribute__((always_inline)) { return load(row + k, some); });
  }
  Vec y = sums_of_lanes(sum);
  if (t.bias != nullptr) {
    float bias[lanes] = {};
#pragma GCC unroll 16
    for (int i = 0; i < R * O; ++i) bias[i] = t.bias[i % O];
    y += R == 1 && O == lanes ? load(t.bias) : load(bias);
  }
  if (t.relu) y = rectified(y);
  if (R == 1) return store(t.y, y, First(O));
  float results[lanes];
  store(results, y);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int o = 0; o < O; ++o) t.y[r * t.y_stride + o] = results[r * O + o];
  }
}

using DotTile = void (*)(const DotArguments&);

struct DotTiles {
  DotTile several_rows[most_dot_outputs];  ///< [outputs - 1]; lanes / outputs rows each
  DotTile one_row[lanes];                  ///< [outputs - 1]

  template <int... Output, int... All>
  static constexpr DotTiles make(LaneList<Output...>, LaneList<All...>) {
    return {{multiply_dot_tile<lanes / (Output + 1), Output + 1>...}, {multiply_dot_tile<1, All + 1>...}};
  }
};

constexpr DotTiles dot_tiles = DotTiles::make(MakeLaneList<most_dot_outputs>::type{}, AllLanes{});

/// y [rows, outputs] = x wᵀ + bias; steps may be 0.
void multiply_by_dots(Size rows, Size outputs, DotArguments all) {
  const Size most = rows == 1 ? lanes : most_dot_outputs;
  const Size tile_count = divided_up(outputs, most);
  Size first = 0;
  for (Size tile = 0; tile < tile_count; ++tile) {
    const Size count = divided_up(outputs - first, tile_count - tile);
    const Size tile_height = rows == 1 ? 1 : lanes / count;
    DotArguments t = all;
    t.w += first * all.w_stride;
    if (t.bias != nullptr) t.bias += first;
    for (Size r = 0; r < rows;) {
      const bool whole = rows - r >= tile_height && rows > 1;
      t.x = all.x + r * all.x_stride;
      t.y = all.y + r * all.y_stride + first;
      (whole ? dot_tiles.several_rows[count - 1] : dot_tiles.one_row[count - 1])(t);
      r += whole ? tile_height : 1;
    }
    first += count;
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
