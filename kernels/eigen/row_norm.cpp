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

MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms_backward)

}  // namespace mynah::kernels::eigen
