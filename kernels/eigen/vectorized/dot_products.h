#pragma once

#include "kernels/eigen/vectorized/flat_dots.h"
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
  const float* bias;  ///< Of the outputs; null: none.
  bool relu;
  float* y;
  Size y_stride;
};

/// A column of tiles below each other, or a row of tiles beside each other: where one begins after the other.
struct DotSteps {
  Size tiles, rows, outputs;
};

/// sum[r * O + o] = the products of row r of x and row o of w, lane by lane.
template <int R, int O>
MYNAH_INLINE void accumulate_dots(const DotArguments& t, Vec (&sum)[lanes]) {
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
  if (k == t.steps) return;
  const First some(t.steps - k);
  if (t.steps - k <= 4) {
    accumulate([ k, some ](const float* row) __attribute__((always_inline)) { return load_few(row + k, some); });
  } else {
    accumulate([ k, some ](const float* row) __attribute__((always_inline)) { return load(row + k, some); });
  }
}

/// R rows times O outputs, R * O <= lanes sums at once, so that one tree of additions finishes them all.
template <int R, int O>
MYNAH_INLINE void multiply_dot_tile(const DotArguments& t) {
  static_assert(R * O <= lanes);
  Vec sum[lanes] = {};
  accumulate_dots<R, O>(t, sum);
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

template <int R, int O>
void multiply_dot_tiles(const DotArguments& first, const DotSteps& steps) {
  DotArguments t = first;
  for (Size tile = 0; tile < steps.tiles; ++tile) {
    multiply_dot_tile<R, O>(t);
    t.x += steps.rows * t.x_stride;
    t.w += steps.outputs * t.w_stride;
    if (t.bias != nullptr) t.bias += steps.outputs;
    t.y += steps.rows * t.y_stride + steps.outputs;
  }
}

using DotTile = void (*)(const DotArguments&, const DotSteps&);

struct DotTiles {
  DotTile several_rows[most_dot_outputs];  ///< [outputs - 1]; lanes / outputs rows each
  DotTile one_row[lanes];                  ///< [outputs - 1]

  template <int... Output, int... All>
  static constexpr DotTiles make(LaneList<Output...>, LaneList<All...>) {
    return {{multiply_dot_tiles<lanes / (Output + 1), Output + 1>...}, {multiply_dot_tiles<1, All + 1>...}};
  }
};

constexpr DotTiles dot_tiles = DotTiles::make(MakeLaneList<most_dot_outputs>::type{}, AllLanes{});

/// y [rows, outputs] = x wᵀ + bias; steps may be 0.
void multiply_by_dots(Size rows, Size outputs, const DotArguments& all) {
  DotArguments t = all;
  const auto skip_outputs = [&t](Size count) {
    t.w += count * t.w_stride;
    if (t.bias != nullptr) t.bias += count;
    t.y += count;
  };
  if (rows == 1) {
    if (all.w_stride == all.steps) {
      const Size done = multiply_flat(all.steps, outputs, all.x, all.w, all.bias, all.relu, all.y);
      skip_outputs(done);
      outputs -= done;
    }
    const Size whole = outputs / lanes, rest = outputs % lanes;
    if (whole > 0) dot_tiles.one_row[lanes - 1](t, {whole, 0, lanes});
    skip_outputs(whole * lanes);
    if (rest > 0) dot_tiles.one_row[rest - 1](t, {1, 0, 0});
    return;
  }
  // Tiles that differ by one output at most; rows that fill no tile one by one.
  const Size tile_count = divided_up(outputs, most_dot_outputs);
  const Size size = outputs / tile_count, larger = outputs - tile_count * size;
  for (Size tile = 0; tile < tile_count; ++tile) {
    const Size count = size + (tile < larger ? 1 : 0);
    const Size height = lanes / count, whole = rows / height;
    dot_tiles.several_rows[count - 1](t, {whole, height, 0});
    DotArguments rest = t;
    rest.x += whole * height * t.x_stride;
    rest.y += whole * height * t.y_stride;
    dot_tiles.one_row[count - 1](rest, {rows - whole * height, 1, 0});
    skip_outputs(count);
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
