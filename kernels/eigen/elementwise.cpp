#include "kernels/elementwise.h"

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void fill(Stream&, VectorView<Scalar> x, Scalar value) {
  map(x).setConstant(value);
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

template void fill(Stream&, VectorView<float>, float);
template void fill(Stream&, VectorView<double>, double);
template void add(Stream&, MatrixView<const float>, MatrixView<float>);
template void add(Stream&, MatrixView<const double>, MatrixView<double>);
template void copy(Stream&, MatrixView<const float>, MatrixView<float>);
template void copy(Stream&, MatrixView<const double>, MatrixView<double>);

}  // namespace mynah::kernels::eigen
