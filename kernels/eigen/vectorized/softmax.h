#pragma once

#include "kernels/eigen/vectorized/row_sums.h"
#include "kernels/eigen/vectorized/vector_math.h"

namespace mynah::kernels::eigen::vectorized {
namespace {

MYNAH_INLINE float largest_of(Size n, const float* x) {
  const auto larger = [](Vec a, Vec b) __attribute__((always_inline)) {
    return a > b ? a : b;
  };
  const Vec lowest = broadcast(-__builtin_inff());
  const auto term = [&](Size i, auto... some) __attribute__((always_inline)) {
    if constexpr (sizeof...(some) == 0) {
      return load(x + i);
    } else {
      return select(some..., load(x + i, some...), lowest);
    }
  };
  return fold(combine_vectors(n, lowest, term, larger), larger);
}

/// NaN, in the row or by an infinite largest, reaches the sum and so all of y.
RowExponentials softmax_row(Size columns, const float* x, float scale, float* y) {
  const float largest = largest_of(columns, x);
  const Vec shift = broadcast(largest);
  const auto term = [&](Size i, auto... some) __attribute__((always_inline)) {
    const Vec e = exp(load(x + i, some...) - shift);
    if (y != nullptr) store(y + i, e, some...);
    return kept(e, some...);
  };
  const float sum = sum_vectors(columns, term);
  if (y != nullptr) {
    const Vec factor = broadcast(scale / sum);
    for_each_vector(columns, [&](Size i, auto... some) { store(y + i, load(y + i, some...) * factor, some...); });
  }
  return {largest, sum};
}

void exp(Size rows, Size columns, ConstRows x, Rows y) {
  map_rows(
      rows, columns, x, y, [](Vec value) __attribute__((always_inline)) { return exp(value); });
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
