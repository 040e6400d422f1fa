#include "kernels/linear.h"

#include "kernels/eigen/map.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void linear_forward(Stream& stream, MatrixView<const Scalar> x, MatrixView<const Scalar> w, VectorView<const Scalar> b,
                    Activation activation, MatrixView<Scalar> y) {
  auto out = map(y);
  out.noalias() = map(x) * map(w).transpose();
  if (!b.empty()) out.rowwise() += map(b);
  activation_forward<Scalar>(stream, activation, y, y);
}

template <class Scalar>
void linear_backward(Stream&, MatrixView<const Scalar> x, MatrixView<const Scalar> w, MatrixView<const Scalar> dy,
                     MatrixView<Scalar> dx, MatrixView<Scalar> dw, VectorView<Scalar> db) {
  if (dx.data != nullptr) map(dx).noalias() = map(dy) * map(w);
  map(dw).noalias() += map(dy).transpose() * map(x);
  if (!db.empty()) map(db) += map(dy).colwise().sum();
}

template void linear_forward(Stream&, MatrixView<const float>, MatrixView<const float>, VectorView<const float>,
                             Activation, MatrixView<float>);
template void linear_forward(Stream&, MatrixView<const double>, MatrixView<const double>, VectorView<const double>,
                             Activation, MatrixView<double>);
template void linear_backward(Stream&, MatrixView<const float>, MatrixView<const float>, MatrixView<const float>,
                              MatrixView<float>, MatrixView<float>, VectorView<float>);
template void linear_backward(Stream&, MatrixView<const double>, MatrixView<const double>, MatrixView<const double>,
                              MatrixView<double>, MatrixView<double>, VectorView<double>);

}  // namespace mynah::kernels::eigen
