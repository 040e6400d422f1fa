#pragma once

#include "kernels/eigen/vectorized/elementwise.h"

/// Sums and maxima over a row.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// x, with zeros behind the first lanes where there are some.
MYNAH_INLINE Vec kept(Vec x) {
  return x;
}
MYNAH_INLINE Vec kept(Vec x, First first) {
  return select(first, x, Vec{});
}

template <int Distance, int... Lane>
MYNAH_INLINE Vec neighbours(Vec x, LaneList<Lane...>) {
  return __builtin_shufflevector(x, x, (Lane ^ Distance)...);
}

/// combine() of all lanes of x, in a fixed tree.
template <int Distance = lanes / 2, class Combine>
MYNAH_INLINE float fold(Vec x, const Combine& combine) {
  const Vec folded = combine(x, neighbours<Distance>(x, AllLanes{}));
  if constexpr (Distance == 1) {
    return folded[0];
  } else {
    return fold<Distance / 2>(folded, combine);
  }
}
MYNAH_INLINE float sum_of_lanes(Vec x) {
  return fold(
      x, [](Vec a, Vec b) __attribute__((always_inline)) { return a + b; });
}

/// combine(a, b) over all vectors of 0 ... n-1, begun with `start`: term(position) gives one, term(position, First) the
/// last with what does no harm behind its first lanes. Four chains, since one would wait for itself.
template <class Term, class Combine>
MYNAH_INLINE Vec combine_vectors(Size n, Vec start, const Term& term, const Combine& combine) {
  Vec all[4] = {start, start, start, start};
  Size i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
#pragma GCC unroll 4
    for (int chain = 0; chain < 4; ++chain) all[chain] = combine(all[chain], term(i + chain * lanes));
  }
  for (; i + lanes <= n; i += lanes) all[0] = combine(all[0], term(i));
  if (i < n) all[1] = combine(all[1], term(i, First(n - i)));
  return combine(combine(all[0], all[1]), combine(all[2], all[3]));
}

template <class Term>
MYNAH_INLINE float sum_vectors(Size n, const Term& term) {
  return sum_of_lanes(combine_vectors(
      n, Vec{}, term, [](Vec a, Vec b) __attribute__((always_inline)) { return a + b; }));
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
