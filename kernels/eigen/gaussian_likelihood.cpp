#include "kernels/gaussian_likelihood.h"

#include "kernels/gaussian_likelihood_function.h"

namespace mynah::kernels::eigen {
namespace {

/// 1 / elements, times the weight of the row.
template <class Scalar>
Scalar share_of(MatrixView<const Scalar> mean, VectorView<const Scalar> weights, Index row) {
  const double share = 1.0 / (static_cast<double>(mean.rows) * static_cast<double>(mean.columns));
  return static_cast<Scalar>(weights.empty() ? share : share * static_cast<double>(weights.data[row]));
}

}  // namespace

template <class Scalar>
void gaussian_likelihood_loss(Stream&, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                              ConstMatrixOf<Scalar> target, VectorView<double> loss_sum, MatrixOf<Scalar> mean_gradient,
                              MatrixOf<Scalar> log_variance_gradient, GaussianLikelihoodOptions options,
                              ConstVectorOf<Scalar> weights) {
  double loss = 0.0;
  for (Index m = 0; m < mean.rows; ++m) {
    const Scalar share = share_of<Scalar>(mean, weights, m);
    double of_row = 0.0;
    for (Index c = 0; c < mean.columns; ++c) {
      const GaussianLikelihood<Scalar> at(mean.row(m).data[c], log_variance.row(m).data[c], target.row(m).data[c],
                                          options);
      of_row += at.value(options.full);
      if (mean_gradient.data != nullptr) mean_gradient.row(m).data[c] = share * at.mean_gradient();
      if (log_variance_gradient.data != nullptr) {
        log_variance_gradient.row(m).data[c] = share * at.log_variance_gradient();
      }
    }
    loss += weights.empty() ? of_row : of_row * static_cast<double>(weights.data[m]);
  }
  if (!loss_sum.empty()) loss_sum.data[0] += loss / static_cast<double>(mean.columns);
}

template <class Scalar>
void gaussian_likelihood_loss_tangent(Stream&, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                                      ConstMatrixOf<Scalar> target, ConstMatrixOf<Scalar> mean_tangent,
                                      ConstMatrixOf<Scalar> log_variance_tangent,
                                      MatrixOf<Scalar> mean_gradient_tangent,
                                      MatrixOf<Scalar> log_variance_gradient_tangent, GaussianLikelihoodOptions options,
                                      ConstVectorOf<Scalar> weights) {
  for (Index m = 0; m < mean.rows; ++m) {
    const Scalar share = share_of<Scalar>(mean, weights, m);
    for (Index c = 0; c < mean.columns; ++c) {
      const GaussianLikelihood<Scalar> at(mean.row(m).data[c], log_variance.row(m).data[c], target.row(m).data[c],
                                          options);
      const Scalar of_mean = mean_tangent.row(m).data[c];
      const Scalar of_log_variance = log_variance_tangent.row(m).data[c];
      mean_gradient_tangent.row(m).data[c] = share * at.mean_tangent(of_mean, of_log_variance);
      log_variance_gradient_tangent.row(m).data[c] = share * at.log_variance_tangent(of_mean, of_log_variance);
    }
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_likelihood_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_likelihood_loss_tangent)

}  // namespace mynah::kernels::eigen
