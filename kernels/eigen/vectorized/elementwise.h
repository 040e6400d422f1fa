#pragma once

#include "kernels/eigen/vectorized/operations.h"
#include "kernels/eigen/vectorized/vector.h"

/// Operations without sums: one pass over rows, the last columns through a mask.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Calls operation(position) with whole vectors and operation(position, First) with the rest of 0 ... n-1.
template <class Operation>
MYNAH_INLINE void for_each_vector(Size n, const Operation& operation) {
  Size i = 0;
  for (; i + lanes <= n; i += lanes) operation(i);
  if (i < n) operation(i, First(n - i));
}

/// Calls operation(row, columns) for each row, or once for all of them where they are one run of memory.
template <class Operation>
MYNAH_INLINE void for_each_run(Size rows, Size columns, bool contiguous, const Operation& operation) {
  if (contiguous) return operation(Size{0}, rows * columns);
  for (Size m = 0; m < rows; ++m) operation(m, columns);
}

/// y = f(x) over rows: f takes and gives a Vec.
template <class Function>
MYNAH_INLINE void map_rows(Size rows, Size columns, ConstRows x, Rows y, const Function& f) {
  for_each_run(rows, columns, x.stride == columns && y.stride == columns, [&](Size m, Size n) {
    const float* from = x.data + m * x.stride;
    float* to = y.data + m * y.stride;
    for_each_vector(n, [&](Size i, auto... some) { store(to + i, f(load(from + i, some...)), some...); });
  });
}

/// z = f(x, y) over rows; z may be x or y.
template <class Function>
MYNAH_INLINE void map_rows(Size rows, Size columns, ConstRows x, ConstRows y, Rows z, const Function& f) {
  const bool contiguous = x.stride == columns && y.stride == columns && z.stride == columns;
  for_each_run(rows, columns, contiguous, [&](Size m, Size n) {
    const float* first = x.data + m * x.stride;
    const float* second = y.data + m * y.stride;
    float* to = z.data + m * z.stride;
    for_each_vector(n, [&](Size i, auto... some) {
      store(to + i, f(load(first + i, some...), load(second + i, some...)), some...);
    });
  });
}

void fill(Size n, float* x, float value) {
  const Vec all = broadcast(value);
  for_each_vector(n, [&](Size i, auto... some) { store(x + i, all, some...); });
}

void copy(Size rows, Size columns, ConstRows x, Rows y) {
  map_rows(rows, columns, x, y, [](Vec value) { return value; });
}

void add(Size rows, Size columns, ConstRows x, Rows y) {
  map_rows(rows, columns, x, ConstRows{y.data, y.stride}, y, [](Vec one, Vec other) { return other + one; });
}

/// y = f(x, p, q) over rows, with p and q per column.
template <class Function>
MYNAH_INLINE void map_columns(Size rows, Size columns, ConstRows x, const float* p, const float* q, Rows y,
                              const Function& f) {
  for (Size m = 0; m < rows; ++m) {
    const float* from = x.data + m * x.stride;
    float* to = y.data + m * y.stride;
    for_each_vector(columns, [&](Size i, auto... some) {
      store(to + i, f(load(from + i, some...), load(p + i, some...), load(q + i, some...)), some...);
    });
  }
}

void standardize(Size rows, Size columns, ConstRows x, const float* mean, const float* deviation, Rows y) {
  map_columns(rows, columns, x, mean, deviation, y, [](Vec value, Vec mu, Vec sigma) { return (value - mu) / sigma; });
}

void standardize_backward(Size rows, Size columns, ConstRows dy, const float* deviation, Rows dx) {
  map_columns(rows, columns, dy, deviation, deviation, dx, [](Vec value, Vec sigma, Vec) { return value / sigma; });
}

void unstandardize(Size rows, Size columns, ConstRows x, const float* mean, const float* deviation, Rows y) {
  map_columns(rows, columns, x, mean, deviation, y, [](Vec value, Vec mu, Vec sigma) { return value * sigma + mu; });
}

void unstandardize_backward(Size rows, Size columns, ConstRows dy, const float* deviation, Rows dx) {
  map_columns(rows, columns, dy, deviation, deviation, dx, [](Vec value, Vec sigma, Vec) { return value * sigma; });
}

void gather_rows(Size rows, Size columns, ConstRows source, const std::int32_t* chosen, Rows out) {
  for (Size m = 0; m < rows; ++m) {
    const float* from = source.data + chosen[m] * source.stride;
    float* to = out.data + m * out.stride;
    for_each_vector(columns, [&](Size i, auto... some) { store(to + i, load(from + i, some...), some...); });
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
