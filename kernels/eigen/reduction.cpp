#include "kernels/reduction.h"

#include <algorithm>

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

template void column_moments(Stream&, MatrixView<const float>, VectorView<float>, VectorView<float>);
template void column_moments(Stream&, MatrixView<const double>, VectorView<double>, VectorView<double>);
template void sum(Stream&, VectorView<const float>, VectorView<double>);
template void sum(Stream&, VectorView<const double>, VectorView<double>);

}  // namespace mynah::kernels::eigen
