#include "kernels/row_norm.h"

namespace mynah::kernels {

template <class Scalar>
void row_norms(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms) {
  require(norms.size == x.rows, "row_norms", "norms [rows]");
  if (x.rows == 0) return;
  MYNAH_CALL_TWIN(row_norms, stream, x, norms);
}

template <class Scalar>
void row_norms_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx) {
  require(norms.size == x.rows && norm_gradient.size == x.rows, "row_norms_backward",
          "norms [rows] and their gradient [rows]");
  require(same_shape(dx, x), "row_norms_backward", "dx of the shape of x");
  if (x.empty()) return;
  MYNAH_CALL_TWIN(row_norms_backward, stream, x, norms, norm_gradient, dx);
}

template <class Scalar>
void norm_penalty(Stream& stream, ConstMatrixOf<Scalar> x, double target, double weight, VectorView<double> loss_sum,
                  MatrixOf<Scalar> gradient) {
  require(loss_sum.size <= 1, "norm_penalty", "a loss_sum of one value, or none");
  require(gradient.data == nullptr || same_shape(gradient, x), "norm_penalty", "gradient of the shape of x, or empty");
  if (x.rows == 0) return;
  MYNAH_CALL_TWIN(norm_penalty, stream, x, target, weight, loss_sum, gradient);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(norm_penalty)

}  // namespace mynah::kernels
