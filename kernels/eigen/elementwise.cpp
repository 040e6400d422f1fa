#include "kernels/elementwise.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/shared_work.h"
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
void fill<float>(Stream& stream, Vector x, float value) {
  share(stream, x.size >= least_shared_elements, [&](const vectorized::Team& team) {
    const Vector own = SharedPart(x.size, team).of(x);
    vectorized::operations().fill(own.size, own.data, value);
  });
}

template <>
void add<float>(Stream& stream, ConstMatrix x, Matrix y) {
  share(stream, x.rows * x.columns >= least_shared_elements, [&](const vectorized::Team& team) {
    const SharedPart own(x.rows, team);
    vectorized::operations().add(own.count, x.columns, vectorized::rows_of(own.of(x)), vectorized::rows_of(own.of(y)));
  });
}

template <>
void copy<float>(Stream& stream, ConstMatrix x, Matrix y) {
  share(stream, x.rows * x.columns >= least_shared_elements, [&](const vectorized::Team& team) {
    const SharedPart own(x.rows, team);
    vectorized::operations().copy(own.count, x.columns, vectorized::rows_of(own.of(x)), vectorized::rows_of(own.of(y)));
  });
}

template void fill(Stream&, VectorView<double>, double);
template void zero(Stream&, MatrixView<float>);
template void zero(Stream&, MatrixView<double>);
template void add(Stream&, MatrixView<const double>, MatrixView<double>);
template void copy(Stream&, MatrixView<const double>, MatrixView<double>);

}  // namespace mynah::kernels::eigen
