#include "kernels/loss.h"

#include <array>

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Scalar>
bool fits(MatrixView<const Scalar> prediction, const LossTargetOf<Scalar>& target) {
  return target.is_constant() || same_shape(prediction, target.values);
}

bool has_valid_parameter(ElementwiseLoss loss) {
  if (loss.kind() == ElementwiseLoss::huber) return loss.parameter() > 0.0f;
  if (loss.kind() == ElementwiseLoss::binary_cross_entropy) return loss.parameter() >= 0.0f;
  return true;
}

}  // namespace

const char* ElementwiseLoss::name() const {
  static constexpr std::array names{
#define MYNAH_NAME(name, type) #name,
      MYNAH_ELEMENTWISE_LOSSES(MYNAH_NAME)
#undef MYNAH_NAME
  };
  return names.at(static_cast<std::size_t>(kind_));
}

VectorView<const ElementwiseLoss::Kind> elementwise_loss_kinds() {
  static constexpr std::array kinds{
#define MYNAH_KIND(name, type) ElementwiseLoss::name,
      MYNAH_ELEMENTWISE_LOSSES(MYNAH_KIND)
#undef MYNAH_KIND
  };
  return {kinds.data(), static_cast<Index>(kinds.size())};
}

template <class Scalar>
void elementwise_loss(Stream& stream, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                      VectorView<double> loss_sum, MatrixOf<Scalar> gradient, ConstVectorOf<Scalar> weights) {
  require(fits<Scalar>(prediction, target), "elementwise_loss", "target of the shape of prediction, or one number");
  require(gradient.data == nullptr || same_shape(prediction, gradient), "elementwise_loss",
          "gradient of the shape of prediction, or empty");
  require(loss_sum.size <= 1, "elementwise_loss", "a loss_sum of one value, or empty");
  require(weights.empty() || weights.size == prediction.rows, "elementwise_loss", "one weight a row, or none");
  require(has_valid_parameter(loss), "elementwise_loss", "a delta above 0, a positive weight of 0 or more");
  if (prediction.empty()) return;
  if (is_only_counted(stream, prediction, target.values, changed(loss_sum), gradient, weights)) return;
  MYNAH_CALL_TWIN(elementwise_loss, stream, loss, prediction, target, loss_sum, gradient, weights);
}

template <class Scalar>
void elementwise_loss_tangent(Stream& stream, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction,
                              LossTarget<Scalar> target, ConstMatrixOf<Scalar> prediction_tangent,
                              MatrixOf<Scalar> gradient_tangent, ConstVectorOf<Scalar> weights) {
  require(fits<Scalar>(prediction, target), "elementwise_loss_tangent",
          "target of the shape of prediction, or one number");
  require(same_shape(prediction, prediction_tangent) && same_shape(prediction, gradient_tangent),
          "elementwise_loss_tangent", "both tangents of the shape of prediction");
  require(weights.empty() || weights.size == prediction.rows, "elementwise_loss_tangent", "one weight a row, or none");
  require(has_valid_parameter(loss), "elementwise_loss_tangent", "a delta above 0, a positive weight of 0 or more");
  if (prediction.empty()) return;
  if (is_only_counted(stream, prediction, target.values, prediction_tangent, gradient_tangent, weights)) return;
  MYNAH_CALL_TWIN(elementwise_loss_tangent, stream, loss, prediction, target, prediction_tangent, gradient_tangent,
                  weights);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(elementwise_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(elementwise_loss_tangent)

}  // namespace mynah::kernels
