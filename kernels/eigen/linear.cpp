#include "kernels/linear.h"

#include "kernels/eigen/map.h"
#include "kernels/eigen/rounded_factors.h"

namespace mynah::kernels::eigen {
namespace {

/// The products below are added: to zeros, then.
template <class Scalar>
void overwrite_weights(MatrixView<Scalar> dw, VectorView<Scalar> db, ProductOptions options) {
  if (!options.overwrite_weights) return;
  if (dw.data != nullptr) map(dw).setZero();
  if (!db.empty()) map(db).setZero();
}

}  // namespace

template <class Scalar>
void linear_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b,
                    Activation activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z, ProductOptions options) {
  auto out = map(z.data == nullptr ? y : z);
  if (!options.add) out.setZero();
  out.noalias() += map(x) * map(w).transpose();
  if (!b.empty()) out.rowwise() += map(b);
  if (z.data != nullptr || activation != Activation::none) {
    eigen::activation_forward<Scalar>(stream, activation, z.data == nullptr ? y : z, y);
  }
}

template <class Scalar>
void linear_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstMatrixOf<Scalar> dz,
                     MatrixOf<Scalar> dx, MatrixOf<Scalar> dw, VectorOf<Scalar> db,
                     InputActivation<Scalar> input_activation, ProductOptions options) {
  if (dx.data != nullptr) {
    if (!options.add) map(dx).setZero();
    map(dx).noalias() += map(dz) * map(w);
    if (input_activation.activation != Activation::none) {
      eigen::activation_backward<Scalar>(stream, input_activation.activation, input_activation.operand, dx, dx);
    }
  }
  overwrite_weights<Scalar>(dw, db, options);
  if (dw.data != nullptr) map(dw).noalias() += map(dz).transpose() * map(x);
  if (db.data != nullptr && !db.empty()) map(db) += map(dz).colwise().sum();
}

template <>
void linear_forward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation, Matrix y,
                           Matrix z, ProductOptions options) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  const Matrix out = z.data == nullptr ? y : z;
  const bool fused_relu = activation == Activation::relu && z.data == nullptr;
  RoundedFactors factors(stream, options.precision, {x, w}, use.linear_forward_scratch(sizes, options.add));
  const ConstRows x_rows = factors.rows_of(x), w_rows = factors.rows_of(w);
  use.linear_forward(sizes, x_rows, w_rows, b.empty() ? nullptr : b.data, options.add, fused_relu, rows_of(out),
                     factors.rest());
  if (fused_relu || (activation == Activation::none && z.data == nullptr)) return;
  eigen::activation_forward<float>(stream, activation, out, y);  // while it is in the cache
}

template <>
void linear_backward<float>(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dz, Matrix dx, Matrix dw,
                            Vector db, InputActivation<float> input_activation, ProductOptions options) {
  using namespace vectorized;
  const LinearSizes sizes{x.rows, w.columns, w.rows};
  const Operations& use = operations();
  overwrite_weights<float>(dw, db, options);
  // db has no products: it sums dz as it is.
  float* const db_data = db.empty() ? nullptr : db.data;
  const bool strict = options.precision == Precision::float32;
  RoundedFactors factors(stream, options.precision, {x, w, dz}, use.linear_backward_scratch(sizes));
  if (strict || dx.data != nullptr || dw.data != nullptr) {
    const ConstRows x_rows = factors.rows_of(x), w_rows = factors.rows_of(w), dz_rows = factors.rows_of(dz);
    use.linear_backward(sizes, x_rows, w_rows, dz_rows, rows_of(dx), options.add, rows_of(dw),
                        strict ? db_data : nullptr, factors.rest());
  }
  if (!strict && db_data != nullptr) {
    use.linear_backward(sizes, rows_of(x), rows_of(w), rows_of(dz), {}, false, {}, db_data, factors.rest());
  }
  if (dx.data == nullptr || input_activation.activation == Activation::none) return;
  eigen::activation_backward<float>(stream, input_activation.activation, input_activation.operand, dx, dx);
}

MYNAH_FOR_DOUBLE(linear_forward)
MYNAH_FOR_DOUBLE(linear_backward)

}  // namespace mynah::kernels::eigen
