#include "kernels/gaussian_likelihood.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void gaussian_likelihood_loss(Stream& stream, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                              ConstMatrixOf<Scalar> target, VectorView<double> loss_sum, MatrixOf<Scalar> mean_gradient,
                              MatrixOf<Scalar> log_variance_gradient, GaussianLikelihoodOptions options,
                              ConstVectorOf<Scalar> weights) {
  require(same_shape(mean, log_variance) && same_shape(mean, target), "gaussian_likelihood_loss",
          "log_variance and target of the shape of mean");
  require((mean_gradient.data == nullptr || same_shape(mean, mean_gradient)) &&
              (log_variance_gradient.data == nullptr || same_shape(mean, log_variance_gradient)),
          "gaussian_likelihood_loss", "gradients of the shape of mean, or empty");
  require(loss_sum.size <= 1, "gaussian_likelihood_loss", "a loss_sum of one value, or empty");
  require(weights.empty() || weights.size == mean.rows, "gaussian_likelihood_loss", "one weight a row, or none");
  require(options.smallest_log_variance <= options.largest_log_variance, "gaussian_likelihood_loss",
          "smallest_log_variance not above largest_log_variance");
  if (mean.empty()) return;
  if (is_only_counted(stream, mean, log_variance, target, changed(loss_sum), mean_gradient, log_variance_gradient,
                      weights))
    return;
  MYNAH_CALL_TWIN(gaussian_likelihood_loss, stream, mean, log_variance, target, loss_sum, mean_gradient,
                  log_variance_gradient, options, weights);
}

template <class Scalar>
void gaussian_likelihood_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                                      ConstMatrixOf<Scalar> target, ConstMatrixOf<Scalar> mean_tangent,
                                      ConstMatrixOf<Scalar> log_variance_tangent,
                                      MatrixOf<Scalar> mean_gradient_tangent,
                                      MatrixOf<Scalar> log_variance_gradient_tangent, GaussianLikelihoodOptions options,
                                      ConstVectorOf<Scalar> weights) {
  require(same_shape(mean, log_variance) && same_shape(mean, target), "gaussian_likelihood_loss_tangent",
          "log_variance and target of the shape of mean");
  require(same_shape(mean, mean_tangent) && same_shape(mean, log_variance_tangent) &&
              same_shape(mean, mean_gradient_tangent) && same_shape(mean, log_variance_gradient_tangent),
          "gaussian_likelihood_loss_tangent", "all tangents of the shape of mean");
  require(weights.empty() || weights.size == mean.rows, "gaussian_likelihood_loss_tangent",
          "one weight a row, or none");
  require(options.smallest_log_variance <= options.largest_log_variance, "gaussian_likelihood_loss_tangent",
          "smallest_log_variance not above largest_log_variance");
  if (mean.empty()) return;
  if (is_only_counted(stream, mean, log_variance, target, mean_tangent, log_variance_tangent, mean_gradient_tangent,
                      log_variance_gradient_tangent, weights))
    return;
  MYNAH_CALL_TWIN(gaussian_likelihood_loss_tangent, stream, mean, log_variance, target, mean_tangent,
                  log_variance_tangent, mean_gradient_tangent, log_variance_gradient_tangent, options, weights);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_likelihood_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_likelihood_loss_tangent)

}  // namespace mynah::kernels
