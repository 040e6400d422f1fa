#include "kernels/mixture_likelihood.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Scalar>
void check(const char* operation, MatrixView<const Scalar> prediction, MatrixView<const Scalar> target,
           const MixtureOptions<Scalar>& options, VectorView<const Scalar> weights) {
  require(options.components >= 1 && options.components <= most_mixture_components, operation, "1 to 32 components");
  require(prediction.rows == target.rows && prediction.columns == mixture_columns(options.components, target.columns),
          operation, "a prediction of mixture_columns(components, target columns) columns, a row for each target");
  require(options.log_scale.empty() || options.log_scale.size == target.columns, operation,
          "log_scale of one value a target column, or none");
  require(options.smallest_log_deviation <= options.largest_log_deviation, operation,
          "smallest_log_deviation not above largest_log_deviation");
  require(weights.empty() || weights.size == prediction.rows, operation, "one weight a row, or none");
}

}  // namespace

template <class Scalar>
void mixture_likelihood_loss(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                             VectorView<double> loss_sum, MatrixOf<Scalar> gradient, MixtureOptions<Scalar> options,
                             ConstVectorOf<Scalar> weights) {
  check<Scalar>("mixture_likelihood_loss", prediction, target, options, weights);
  require(gradient.data == nullptr || same_shape(prediction, gradient), "mixture_likelihood_loss",
          "a gradient of the shape of prediction, or empty");
  require(loss_sum.size <= 1, "mixture_likelihood_loss", "a loss_sum of one value, or empty");
  if (prediction.empty()) return;
  if (is_only_counted(stream, prediction, target, changed(loss_sum), gradient, options.log_scale, weights)) return;
  MYNAH_CALL_TWIN(mixture_likelihood_loss, stream, prediction, target, loss_sum, gradient, options, weights);
}

template <class Scalar>
void mixture_likelihood_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                                     ConstMatrixOf<Scalar> prediction_tangent, MatrixOf<Scalar> gradient_tangent,
                                     MixtureOptions<Scalar> options, ConstVectorOf<Scalar> weights) {
  check<Scalar>("mixture_likelihood_loss_tangent", prediction, target, options, weights);
  require(same_shape(prediction, prediction_tangent) && same_shape(prediction, gradient_tangent),
          "mixture_likelihood_loss_tangent", "tangents of the shape of prediction");
  if (prediction.empty()) return;
  if (is_only_counted(stream, prediction, target, prediction_tangent, gradient_tangent, options.log_scale, weights))
    return;
  MYNAH_CALL_TWIN(mixture_likelihood_loss_tangent, stream, prediction, target, prediction_tangent, gradient_tangent,
                  options, weights);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(mixture_likelihood_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(mixture_likelihood_loss_tangent)

}  // namespace mynah::kernels
