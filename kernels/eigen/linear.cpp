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

float* scratch_of(Stream& stream, std::int64_t floats) {
  if (floats == 0) return nullptr;
  return static_cast<float*>(stream.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
}

}  // namespace

template <>
void linear_forward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation,
                           Matrix y) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  use.linear_forward(sizes, rows_of(x), rows_of(w), b.empty() ? nullptr : b.data, activation == Activation::relu,
                     rows_of(y), scratch_of(stream, use.linear_forward_scratch(sizes)));
}

template <>
void linear_backward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw,
                            Vector db) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  use.linear_backward(sizes, rows_of(x), rows_of(w), rows_of(dy), rows_of(dx), rows_of(dw),
                      db.empty() ? nullptr : db.data, scratch_of(stream, use.linear_backward_scratch(sizes)));
}

template void linear_forward(Stream&, MatrixView<const double>, MatrixView<const double>, VectorView<const double>,
                             Activation, MatrixView<double>);
template void linear_backward(Stream&, MatrixView<const double>, MatrixView<const double>, MatrixView<const double>,
                              MatrixView<double>, MatrixView<double>, VectorView<double>);

}  // namespace mynah::kernels::eigen
