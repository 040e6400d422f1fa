#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// The innermost part of a product: a tile of C that stays in registers while a column of A meets a row of B.
namespace mynah::kernels::eigen::vectorized {
namespace {

// The largest tile that leaves registers for two vectors of B and one value of A: 32 registers, or 16.
#if defined(__AVX512F__)
constexpr int tile_rows = 14;
#elif defined(__AVX2__)
constexpr int tile_rows = 6;
#else
constexpr int tile_rows = 4;
#endif
constexpr int tile_vectors = 2;
constexpr int tile_columns = tile_vectors * lanes;

/// At most so many steps of a sum at once: a packed panel of B, [steps, tile_columns], then fits the first-level cache.
/// A large tile does so much with a step that the panel may come from the second level, where it takes its turns with
/// others of block_columns; more steps at once then save more on what is done to finished tiles.
constexpr Size most_steps = tile_rows >= 14 ? 512 : 256;
/// Distance between the rows of packed A: a constant, so that rows are offsets and need no registers; 16 more than a
/// multiple of 4096 bytes' share, so that the rows of a tile do not fall on each other in the cache.
constexpr Size packed_row_stride = most_steps + 16;

/// From so many steps on, what C holds is asked for while its tile is summed; its rows are far apart, and the processor
/// does not look ahead to them. Sums of fewer steps would wait for the asking.
constexpr Size steps_to_prefetch = 128;

/// Where a tile finds its values of A: at(r) is that of row r and of the step to which next() has gone on.

/// Rows one after the other, packed_row_stride apart.
class PackedRows {
 public:
  MYNAH_INLINE PackedRows(const float* a, Size) : a_(a) {}
  MYNAH_INLINE float at(int r) const { return a_[r * packed_row_stride]; }
  MYNAH_INLINE void next() { ++a_; }

 private:
  const float* a_;
};

/// A step's values side by side.
class Columns {
 public:
  MYNAH_INLINE Columns(const float* a, Size stride) : a_(a), stride_(stride) {}
  MYNAH_INLINE float at(int r) const { return a_[r]; }
  MYNAH_INLINE void next() { a_ += stride_; }

 private:
  const float* a_;
  Size stride_;
};

/// Rows where they lie, any distance apart. Two pointers and three distances reach 14 rows by what an address can be
/// (base + 1, 2, 4 or 8 times an index); a pointer for each row would not fit the registers, and be loaded at each
/// step.
class RowsInPlace {
 public:
  MYNAH_INLINE RowsInPlace(const float* a, Size stride)
      : low_(reinterpret_cast<const char*>(a)), one_(stride * static_cast<Size>(sizeof(float))) {
    three_ = 3 * one_;
    five_ = 5 * one_;
    high_ = low_ + 7 * one_;
    hide();
  }
  MYNAH_INLINE float at(int r) const {
    const char* const from = r < 7 ? low_ : high_;
    const Size distance[7] = {0, one_, 2 * one_, three_, 4 * one_, five_, 2 * three_};
    return *reinterpret_cast<const float*>(from + distance[r % 7]);
  }
  MYNAH_INLINE void next() {
    low_ += sizeof(float);
    high_ += sizeof(float);
    hide();
  }

 private:
  /// The compiler would make a pointer for each row after all, did it know how these belong together.
  MYNAH_INLINE void hide() { asm("" : "+r"(low_), "+r"(high_), "+r"(one_), "+r"(three_), "+r"(five_)); }

  const char* low_;
  const char* high_;
  Size one_, three_, five_;
};
static_assert(tile_rows <= 14, "RowsInPlace reaches 14");

/// What becomes of a finished tile.
struct Finish {
  bool accumulate;    ///< Add what C holds.
  const float* bias;  ///< Of the tile's columns; null: none.
  bool relu;
  const float* row_bias = nullptr;  ///< Of the tile's rows; null: none.
  const float* gate = nullptr;      ///< Laid out as C: where it is not above 0, C becomes 0 (ReLU's derivative).
  Size gate_stride = 0;
};

struct TileArguments {
  Size steps;
  const float* a;
  Size a_stride;  ///< Of Columns and RowsInPlace.
  const float* b;
  Size b_stride;  ///< Between steps; readable for whole vectors.
  float* c;
  Size c_stride;
  Size last_columns;  ///< Columns of the last vector that C has.
  Finish finish;
};

static_assert(tile_rows <= lanes, "packing takes the rows of a tile as one vector");

/// Calls operation(r, v, some...) for each vector of a tile; `some` is the First of the last vector of a row, or
/// nothing where that is whole.
template <int R, int V, class Operation, class... Last>
MYNAH_INLINE void for_each_of_tile(const Operation& operation, Last... last) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v + 1 < V; ++v) operation(r, v);
    operation(r, V - 1, last...);
  }
}

template <int R, int V, class... Last>
MYNAH_INLINE void finish_tile(const TileArguments& t, Vec (&sum)[R][V], Last... last) {
  if (t.finish.accumulate) {
    for_each_of_tile<R, V>(
        [&](int r, int v, auto... some)
            __attribute__((always_inline)) { sum[r][v] += load(t.c + r * t.c_stride + v * lanes, some...); },
        last...);
  }
  if (t.finish.bias != nullptr) {
    for_each_of_tile<R, V>(
        [&](int r, int v, auto... some)
            __attribute__((always_inline)) { sum[r][v] += load(t.finish.bias + v * lanes, some...); },
        last...);
  }
  if (t.finish.row_bias != nullptr) {
    for_each_of_tile<R, V>([&](int r, int v)
                               __attribute__((always_inline)) { sum[r][v] += broadcast(t.finish.row_bias[r]); });
  }
  if (t.finish.gate != nullptr) {
    for_each_of_tile<R, V>(
        [&](int r, int v, auto... some) __attribute__((always_inline)) {
          sum[r][v] = load(t.finish.gate + r * t.finish.gate_stride + v * lanes, some...) > Vec{} ? sum[r][v] : Vec{};
        },
        last...);
  }
  if (t.finish.relu) {
    for_each_of_tile<R, V>([&](int r, int v) __attribute__((always_inline)) { sum[r][v] = rectified(sum[r][v]); });
  }
  for_each_of_tile<R, V>(
      [&](int r, int v, auto... some)
          __attribute__((always_inline)) { store(t.c + r * t.c_stride + v * lanes, sum[r][v], some...); },
      last...);
}

template <class Layout, int R, int V>
void multiply_tile(const TileArguments& t) {
  Vec sum[R][V] = {};
  if (t.finish.accumulate && t.steps >= steps_to_prefetch) {
    for_each_of_tile<R, V>([&](int r, int v) __attribute__((always_inline)) {
      __builtin_prefetch(t.c + r * t.c_stride + v * lanes, 0, 2);
    });
  }
  const float* b = t.b;
  Layout a(t.a, t.a_stride);
  for (Size k = 0; k < t.steps; ++k, b += t.b_stride, a.next()) {
    Vec row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = load(b + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec value = broadcast(a.at(r));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] += value * row[v];
    }
  }
  // Masked stores are slow on some processors: only where the last vector is not whole.
  if (t.last_columns == lanes) {
    finish_tile<R, V>(t, sum);
  } else {
    finish_tile<R, V>(t, sum, First(t.last_columns));
  }
}

using Tile = void (*)(const TileArguments&);

/// Tiles of every number of rows and vectors: tiles.of[rows - 1][vectors - 1].
template <class Layout>
struct Tiles {
  Tile of[tile_rows][tile_vectors];

  template <int... Row>
  static constexpr Tiles make(LaneList<Row...>) {
    return {{{multiply_tile<Layout, Row + 1, 1>, multiply_tile<Layout, Row + 1, 2>}...}};
  }
};

template <class Layout>
constexpr Tiles<Layout> tiles = Tiles<Layout>::make(typename MakeLaneList<tile_rows>::type{});

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
