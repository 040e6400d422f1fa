#pragma once

#include "kernels/eigen/vectorized/vector.h"

/// One row of x with a contiguous w whose rows are a little longer than a vector (17 to 31 inputs: most robots'
/// observations, one at a time). Loads that begin at each row would nearly all cross a cache line, and each row would
/// need a second, masked one. Here w is read as the flat run that it is: `lanes` rows are exactly K vectors, each
/// holding the end of a row and the beginning of the next, and meets x turned to the same phase.
namespace mynah::kernels::eigen::vectorized {
namespace {

constexpr int flat_shortest = lanes + 1;
constexpr int flat_longest = 2 * lanes - 1;

#if defined(__AVX512F__)

struct FlatArguments {
  const float* x;
  const float* w;
  const float* bias;  ///< null: none.
  bool relu;
  float* y;
  Size tiles;  ///< of `lanes` outputs
};

/// Vector number `V` of a tile: lanes below `end` belong to row `V * lanes / K`, the others to the next.
template <int K, int V>
MYNAH_INLINE void add_flat_vector(const float* w, const float* turned_x, Vec (&sum)[lanes]) {
  constexpr int row = V * lanes / K, end = (row + 1) * K - V * lanes;
  const Vec a = load(w + V * lanes), b = load(turned_x + V * lanes);
  if constexpr (end >= lanes) {
    sum[row] += a * b;
  } else {
    constexpr __mmask16 ending = (1u << end) - 1u;
    sum[row] = _mm512_mask3_fmadd_ps(a, b, sum[row], ending);
    sum[row + 1] = _mm512_maskz_mul_ps(static_cast<__mmask16>(~ending), a, b);  // It begins here.
  }
}

template <int K, int... V>
MYNAH_INLINE void add_flat_vectors(const float* w, const float* turned_x, Vec (&sum)[lanes], LaneList<V...>) {
  (add_flat_vector<K, V>(w, turned_x, sum), ...);
}

/// Vector number `V` of x repeated without end.
template <int K, int V, int... Lane>
MYNAH_INLINE Vec turned(Vec first, Vec second, LaneList<Lane...>) {
  return __builtin_shufflevector(first, second, ((V * lanes + Lane) % K)...);
}

template <int K, int... V>
MYNAH_INLINE void turn(const float* x, float* turned_x, LaneList<V...>) {
  const Vec first = load(x), second = load(x + lanes, First(K - lanes));
  (store(turned_x + V * lanes, turned<K, V>(first, second, AllLanes{})), ...);
}

template <int K>
void multiply_flat_rows(const FlatArguments& t) {
  using AllVectors = typename MakeLaneList<K>::type;
  alignas(vector_bytes) float turned_x[K * lanes];
  turn<K>(t.x, turned_x, AllVectors{});
  for (Size tile = 0; tile < t.tiles; ++tile) {
    Vec sum[lanes] = {};
    add_flat_vectors<K>(t.w + tile * K * lanes, turned_x, sum, AllVectors{});
    Vec y = sums_of_lanes(sum);
    if (t.bias != nullptr) y += load(t.bias + tile * lanes);
    if (t.relu) y = rectified(y);
    store(t.y + tile * lanes, y);
  }
}

struct FlatTiles {
  void (*of[flat_longest - flat_shortest + 1])(const FlatArguments&);

  template <int... I>
  static constexpr FlatTiles make(LaneList<I...>) {
    return {{multiply_flat_rows<flat_shortest + I>...}};
  }
};
constexpr FlatTiles flat_tiles = FlatTiles::make(MakeLaneList<flat_longest - flat_shortest + 1>::type{});

/// The first outputs of y = x wᵀ + b, and how many they are: all whole vectors of them, or none.
MYNAH_INLINE Size multiply_flat(Size inputs, Size outputs, const float* x, const float* w, const float* bias, bool relu,
                                float* y) {
  if (inputs < flat_shortest || inputs > flat_longest || outputs < lanes) return 0;
  flat_tiles.of[inputs - flat_shortest]({x, w, bias, relu, y, outputs / lanes});
  return outputs / lanes * lanes;
}

#else

// Without masked arithmetic it does not pay.
MYNAH_INLINE Size multiply_flat(Size, Size, const float*, const float*, const float*, bool, float*) {
  return 0;
}

#endif

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
