#include "kernels/elementwise.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void fill(Stream&, VectorView<Scalar> x, Scalar value) {
  map(x).setConstant(value);
}

template <class Scalar>
void zero(Stream&, MatrixView<Scalar> x) {
  map(x).setZero();
}

template <class Scalar>
void add(Stream&, MatrixView<const Scalar> x, MatrixView<Scalar> y) {
  map(y) += map(x);
}

template <class Scalar>
void copy(Stream&, MatrixView<const Scalar> x, MatrixView<Scalar> y) {
  map(y) = map(x);
}

void advance(Stream&, Index* counter, Index amount) {
  counter[0] += amount;
}

void set_counters(Stream&, VectorView<Index> counters, Index value) {
  map(counters).setConstant(value);
}

template <>
void fill<float>(Stream&, Vector x, float value) {
  vectorized::operations().fill(x.size, x.data, value);
}

template <>
void add<float>(Stream&, ConstMatrix x, Matrix y) {
  vectorized::operations().add(x.rows, x.columns, vectorized::rows_of(x), vectorized::rows_of(y));
}

template <>
void copy<float>(Stream&, ConstMatrix x, Matrix y) {
  vectorized::operations().copy(x.rows, x.columns, vectorized::rows_of(x), vectorized::rows_of(y));
}

template void fill(Stream&, VectorView<double>, double);
template void zero(Stream&, MatrixView<float>);
template void zero(Stream&, MatrixView<double>);
template void add(Stream&, MatrixView<const double>, MatrixView<double>);
template void copy(Stream&, MatrixView<const double>, MatrixView<double>);

}  // namespace mynah::kernels::eigen
