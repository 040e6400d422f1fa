#include "kernels/gradient_penalty.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void gradient_penalty_loss(Stream& stream, const GradientPenaltyOptions& options, ConstMatrixOf<Scalar> gradient,
                           VectorView<double> loss_sum, MatrixOf<Scalar> direction) {
  require(same_shape(gradient, direction), "gradient_penalty_loss", "direction of the shape of gradient");
  require(loss_sum.size <= 1, "gradient_penalty_loss", "a loss_sum of one value, or empty");
  if (gradient.rows == 0) return;
  if (is_only_counted(stream, gradient, changed(loss_sum), direction)) return;
  MYNAH_CALL_TWIN(gradient_penalty_loss, stream, options, gradient, loss_sum, direction);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gradient_penalty_loss)

}  // namespace mynah::kernels
