#include "kernels/row_norm.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void row_norms(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms) {
  require(norms.size == x.rows, "row_norms", "norms [rows]");
  if (x.rows == 0) return;
  if (is_only_counted(stream, x, norms)) return;
  MYNAH_CALL_TWIN(row_norms, stream, x, norms);
}

template <class Scalar>
void row_norms_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx) {
  require(norms.size == x.rows && norm_gradient.size == x.rows, "row_norms_backward",
          "norms [rows] and their gradient [rows]");
  require(same_shape(dx, x), "row_norms_backward", "dx of the shape of x");
  if (x.empty()) return;
  if (is_only_counted(stream, x, norms, norm_gradient, dx)) return;
  MYNAH_CALL_TWIN(row_norms_backward, stream, x, norms, norm_gradient, dx);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_norms_backward)

}  // namespace mynah::kernels
