#include "kernels/linear.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

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

namespace {

float* linear_scratch(Stream& stream, const vectorized::LinearSizes& sizes) {
  const auto floats = static_cast<std::size_t>(vectorized::operations().linear_scratch_floats(sizes));
  return static_cast<float*>(stream.scratch(floats * sizeof(float)));
}

}  // namespace

template <>
void linear_forward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation,
                           Matrix y) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  operations().linear_forward(sizes, rows_of(x), rows_of(w), b.empty() ? nullptr : b.data,
                              activation == Activation::relu, rows_of(y), linear_scratch(stream, sizes));
}

template <>
void linear_backward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw,
                            Vector db) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  operations().linear_backward(sizes, rows_of(x), rows_of(w), rows_of(dy), rows_of(dx), rows_of(dw),
                               db.empty() ? nullptr : db.data, linear_scratch(stream, sizes));
}

template void linear_forward(Stream&, MatrixView<const double>, MatrixView<const double>, VectorView<const double>,
                             Activation, MatrixView<double>);
template void linear_backward(Stream&, MatrixView<const double>, MatrixView<const double>, MatrixView<const double>,
                              MatrixView<double>, MatrixView<double>, VectorView<double>);

}  // namespace mynah::kernels::eigen
