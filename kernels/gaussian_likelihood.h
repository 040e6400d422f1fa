#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

struct GaussianLikelihoodOptions {
  /// Between which the log-variance is taken. The lower limit keeps a target that is met exactly from making the loss
  /// fall without end: ln 1e-6, the eps of torch.nn.GaussianNLLLoss.
  float smallest_log_variance = -13.815511f;
  float largest_log_variance = 20.0f;
  bool full = false;  ///< With the constant ln(2π)/2, as a density; it has no gradient.
};

/// Negative logarithm of the likelihood of targets t under normal distributions of mean μ and log-variance s, by
/// element, as torch.nn.GaussianNLLLoss with variance eˢ; see kernels/loss.h for what holds for all losses:
///
///   f = 1/2 (s + (t - μ)² e⁻ˢ)  [+ ln(2π)/2]            L = 1/(rows columns) Σ_mc weight_m f_mc
///
///   ∂f/∂μ = -(t - μ) e⁻ˢ        ∂f/∂s = 1/2 (1 - (t - μ)² e⁻ˢ)
///
/// s is cut to the limits of the options first. Outside of them f does not depend on s, but a gradient of 0 would leave
/// a log-variance that went astray where it is: ∂f/∂s is what it is at the limit where a step of gradient descent leads
/// back inside, and 0 where it would lead further out. (torch passes the gradient at the limit on either way.) At a
/// limit, s counts as inside.
///
/// mean, log_variance, target and the gradients [rows, columns]. Either gradient may be empty, mean_gradient may be
/// mean itself, and log_variance_gradient log_variance.
template <class Scalar = float>
void gaussian_likelihood_loss(Stream& stream, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                              ConstMatrixOf<Scalar> target, VectorView<double> loss_sum, MatrixOf<Scalar> mean_gradient,
                              MatrixOf<Scalar> log_variance_gradient, GaussianLikelihoodOptions options = {},
                              ConstVectorOf<Scalar> weights = {});

/// The product of the Hessian with a direction (μ̇, ṡ), with r = t - μ:
///
///   mean_gradient_tangent         = weight_m e⁻ˢ (μ̇ + r ṡ) / (rows columns)
///   log_variance_gradient_tangent = weight_m e⁻ˢ (r μ̇ + r² ṡ / 2) / (rows columns)
///
/// where s is cut, ṡ counts as 0 and the second is 0. All matrices [rows, columns]. Each output may be the tangent of
/// its own input.
template <class Scalar = float>
void gaussian_likelihood_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                                      ConstMatrixOf<Scalar> target, ConstMatrixOf<Scalar> mean_tangent,
                                      ConstMatrixOf<Scalar> log_variance_tangent,
                                      MatrixOf<Scalar> mean_gradient_tangent,
                                      MatrixOf<Scalar> log_variance_gradient_tangent,
                                      GaussianLikelihoodOptions options = {}, ConstVectorOf<Scalar> weights = {});

MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_likelihood_loss)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_likelihood_loss_tangent)

namespace eigen {
template <class Scalar>
void gaussian_likelihood_loss(Stream&, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                              ConstMatrixOf<Scalar> target, VectorView<double> loss_sum, MatrixOf<Scalar> mean_gradient,
                              MatrixOf<Scalar> log_variance_gradient, GaussianLikelihoodOptions,
                              ConstVectorOf<Scalar> weights);
template <class Scalar>
void gaussian_likelihood_loss_tangent(Stream&, ConstMatrixOf<Scalar> mean, ConstMatrixOf<Scalar> log_variance,
                                      ConstMatrixOf<Scalar> target, ConstMatrixOf<Scalar> mean_tangent,
                                      ConstMatrixOf<Scalar> log_variance_tangent,
                                      MatrixOf<Scalar> mean_gradient_tangent,
                                      MatrixOf<Scalar> log_variance_gradient_tangent, GaussianLikelihoodOptions,
                                      ConstVectorOf<Scalar> weights);
}  // namespace eigen

}  // namespace mynah::kernels
