#include "kernels/row_norm.h"

#include <cmath>

namespace mynah::kernels::eigen {
namespace {

template <class Scalar>
double norm_of(VectorView<const Scalar> x) {
  double squares = 0.0;
  for (Index c = 0; c < x.size; ++c) squares += static_cast<double>(x.data[c]) * static_cast<double>(x.data[c]);
  return std::sqrt(squares);
}

}  // namespace

template <class Scalar>
void row_norms(Stream&, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms) {
  for (Index m = 0; m < x.rows; ++m) norms.data[m] = static_cast<Scalar>(norm_of(x.row(m)));
}

template <class Scalar>
void row_norms_backward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx) {
  for (Index m = 0; m < x.rows; ++m) {
    const Scalar factor = norms.data[m] == 0 ? Scalar{0} : norm_gradient.data[m] / norms.data[m];
    for (Index c = 0; c < x.columns; ++c) dx.row(m).data[c] = factor * x.row(m).data[c];
  }
}

template <class Scalar>
void norm_penalty(Stream&, ConstMatrixOf<Scalar> x, double target, double weight, VectorView<double> loss_sum,
                  MatrixOf<Scalar> gradient) {
  const double scale = 2.0 * weight / static_cast<double>(x.rows);
  double total = 0.0;
  for (Index m = 0; m < x.rows; ++m) {
    const double norm = norm_of(x.row(m));
    total += (norm - target) * (norm - target);
    if (gradient.data == nullptr) continue;
    const auto factor = static_cast<Scalar>(norm == 0.0 ? 0.0 : scale * (norm - target) / norm);
    for (Index c = 0; c < x.columns; ++c) gradient.row(m).data[c] = factor * x.row(m).data[c];
  }
  if (!loss_sum.empty()) loss_sum.data[0] += weight * total;
}

MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(norm_penalty)

}  // namespace mynah::kernels::eigen
