#include "kernels/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {
namespace {

/// Columns whose sums are held at once; blocks, so that a wide matrix needs no scratch memory.
constexpr Index column_block = 64;

template <class Scalar>
void moments_of_block(MatrixView<const Scalar> x, Index first, Index count, Scalar* mean, Scalar* variance) {
  const double share = x.rows == 0 ? 0.0 : 1.0 / static_cast<double>(x.rows);
  double means[column_block] = {};
  double squares[column_block] = {};
  for (Index m = 0; m < x.rows; ++m) {
    const Scalar* row = x.row(m).data + first;
    for (Index c = 0; c < count; ++c) means[c] += static_cast<double>(row[c]);
  }
  for (Index c = 0; c < count; ++c) {
    means[c] *= share;
    mean[c] = static_cast<Scalar>(means[c]);
  }
  if (variance == nullptr) return;
  for (Index m = 0; m < x.rows; ++m) {
    const Scalar* row = x.row(m).data + first;
    for (Index c = 0; c < count; ++c) {
      const double difference = static_cast<double>(row[c]) - means[c];
      squares[c] += difference * difference;
    }
  }
  for (Index c = 0; c < count; ++c) variance[c] = static_cast<Scalar>(squares[c] * share);
}

/// The larger of two, and NaN if one is.
template <class Scalar>
Scalar larger(Scalar a, Scalar b) {
  return b > a || std::isnan(b) ? b : a;
}

/// Combines the values of each column, row after row, and stores the result; blocks of columns share a row's line.
template <class Scalar, class Total, class Combine, class Store>
void for_each_column(MatrixView<const Scalar> x, Total start, const Combine& combine, const Store& store) {
  for (Index first = 0; first < x.columns; first += column_block) {
    const Index count = std::min(column_block, x.columns - first);
    Total totals[column_block];
    std::fill_n(totals, count, start);
    for (Index m = 0; m < x.rows; ++m) {
      const Scalar* row = x.row(m).data + first;
      for (Index c = 0; c < count; ++c) totals[c] = combine(totals[c], row[c]);
    }
    for (Index c = 0; c < count; ++c) store(first + c, totals[c]);
  }
}

/// Σ f(x_i), in double and a fixed order: eight sums side by side, so that no addition waits for the one before.
template <class Scalar, class Function>
double total_of(VectorView<const Scalar> x, const Function& function) {
  constexpr Index lanes = 8;
  double totals[lanes] = {};
  Index i = 0;
  for (; i + lanes <= x.size; i += lanes) {
    for (Index lane = 0; lane < lanes; ++lane) totals[lane] += function(static_cast<double>(x.data[i + lane]));
  }
  for (Index lane = 0; i < x.size; ++i, ++lane) totals[lane] += function(static_cast<double>(x.data[i]));
  return ((totals[0] + totals[4]) + (totals[1] + totals[5])) + ((totals[2] + totals[6]) + (totals[3] + totals[7]));
}

}  // namespace

template <class Scalar>
void column_moments(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> mean, VectorView<Scalar> variance) {
  for (Index first = 0; first < x.columns; first += column_block) {
    const Index count = std::min(column_block, x.columns - first);
    moments_of_block(x, first, count, mean.data + first, variance.empty() ? nullptr : variance.data + first);
  }
}

template <class Scalar>
void sum(Stream&, VectorView<const Scalar> x, VectorView<double> out) {
  out.data[0] = x.empty() ? 0.0 : map(x).template cast<double>().sum();
}

template <class Scalar>
void row_moments(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> mean, VectorView<Scalar> variance) {
  const double share = x.columns == 0 ? 0.0 : 1.0 / static_cast<double>(x.columns);
  for (Index m = 0; m < x.rows; ++m) {
    const double centre = share * total_of(x.row(m), [](double value) { return value; });
    mean.data[m] = static_cast<Scalar>(centre);
    if (variance.empty()) continue;
    const double squares = total_of(x.row(m), [centre](double value) { return (value - centre) * (value - centre); });
    variance.data[m] = static_cast<Scalar>(share * squares);
  }
}

template <class Scalar>
void column_sums(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out, bool add) {
  for_each_column(
      x, 0.0, [](double total, Scalar value) { return total + static_cast<double>(value); },
      [&](Index c, double total) {
        out.data[c] = static_cast<Scalar>(total + (add ? static_cast<double>(out.data[c]) : 0.0));
      });
}

template <class Scalar>
void row_sums(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out) {
  for (Index m = 0; m < x.rows; ++m) {
    out.data[m] = static_cast<Scalar>(total_of(x.row(m), [](double value) { return value; }));
  }
}

template <class Scalar>
void column_maxima(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out) {
  for_each_column(x, -std::numeric_limits<Scalar>::infinity(), larger<Scalar>,
                  [&](Index c, Scalar largest) { out.data[c] = largest; });
}

template <class Scalar>
void row_maxima(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out) {
  for (Index m = 0; m < x.rows; ++m) {
    Scalar largest = -std::numeric_limits<Scalar>::infinity();
    for (Index c = 0; c < x.columns; ++c) largest = larger(largest, x.row(m).data[c]);
    out.data[m] = largest;
  }
}

template <class Scalar>
void vector_norm(Stream&, Norm norm, VectorView<const Scalar> x, VectorView<double> out) {
  if (norm == Norm::l1) {
    out.data[0] = total_of(x, [](double value) { return std::fabs(value); });
  } else if (norm == Norm::l2) {
    out.data[0] = std::sqrt(total_of(x, [](double value) { return value * value; }));
  } else {
    double largest = 0.0;
    for (Index i = 0; i < x.size; ++i) largest = larger(largest, std::fabs(static_cast<double>(x.data[i])));
    out.data[0] = largest;
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(column_moments)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_moments)
MYNAH_FOR_FLOAT_AND_DOUBLE(column_sums)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_sums)
MYNAH_FOR_FLOAT_AND_DOUBLE(column_maxima)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_maxima)
MYNAH_FOR_FLOAT_AND_DOUBLE(sum)
MYNAH_FOR_FLOAT_AND_DOUBLE(vector_norm)

}  // namespace mynah::kernels::eigen
