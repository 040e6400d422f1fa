#include "kernels/standardization.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void standardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean, VectorView<const Scalar> deviation,
                 MatrixView<Scalar> y) {
  map(y).array() = (map(x).rowwise() - map(mean)).array().rowwise() / map(deviation).array();
}

template <class Scalar>
void standardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                          MatrixView<Scalar> dx) {
  map(dx).array() = map(dy).array().rowwise() / map(deviation).array();
}

template <class Scalar>
void unstandardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean,
                   VectorView<const Scalar> deviation, MatrixView<Scalar> y) {
  map(y).array() = (map(x).array().rowwise() * map(deviation).array()).rowwise() + map(mean).array();
}

template <class Scalar>
void unstandardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                            MatrixView<Scalar> dx) {
  map(dx).array() = map(dy).array().rowwise() * map(deviation).array();
}

template void standardize(Stream&, MatrixView<const double>, VectorView<const double>, VectorView<const double>,
                          MatrixView<double>);
template void standardize_backward(Stream&, MatrixView<const double>, VectorView<const double>, MatrixView<double>);
template void unstandardize(Stream&, MatrixView<const double>, VectorView<const double>, VectorView<const double>,
                            MatrixView<double>);
template void unstandardize_backward(Stream&, MatrixView<const double>, VectorView<const double>, MatrixView<double>);

template <>
void standardize<float>(Stream&, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  using namespace vectorized;
  operations().standardize(x.rows, x.columns, rows_of(x), mean.data, deviation.data, rows_of(y));
}

template <>
void standardize_backward<float>(Stream&, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  using namespace vectorized;
  operations().standardize_backward(dy.rows, dy.columns, rows_of(dy), deviation.data, rows_of(dx));
}

template <>
void unstandardize<float>(Stream&, ConstMatrix x, ConstVector mean, ConstVector deviation, Matrix y) {
  using namespace vectorized;
  operations().unstandardize(x.rows, x.columns, rows_of(x), mean.data, deviation.data, rows_of(y));
}

template <>
void unstandardize_backward<float>(Stream&, ConstMatrix dy, ConstVector deviation, Matrix dx) {
  using namespace vectorized;
  operations().unstandardize_backward(dy.rows, dy.columns, rows_of(dy), deviation.data, rows_of(dx));
}

}  // namespace mynah::kernels::eigen
