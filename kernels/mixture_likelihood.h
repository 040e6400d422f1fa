#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// A mixture of K normal distributions with diagonal covariance over n numbers, one mixture a row: what a policy says
/// of an action where several are good (Bishop, "Mixture density networks", 1994).
///
///   p(t) = Σ_k w_k Π_c N(t_c; μ_kc, σ_kc)      w = softmax(l)      σ_kc = exp(z_c + s_kc)
///
/// A row holds, side by side, the logits l [K] (none where K = 1: a single normal distribution), the means μ [K, n] and
/// the logarithms s [K, n] of the deviations, component by component: mixture_columns(K, n) columns.
///
/// z is the same for every row: the logarithm of a deviation that the numbers have anyway, so that s = 0 means as wide
/// as the data, whatever their unit. s is cut to the limits of the options first. The lower one keeps a component that
/// meets its targets exactly from making the loss fall without end.
constexpr Index most_mixture_components = 32;
constexpr Index mixture_columns(Index components, Index columns) {
  return components == 1 ? 2 * columns : components + 2 * components * columns;
}

template <class Scalar = float>
struct MixtureOptions {
  Index components = 1;                         ///< K, 1 to most_mixture_components.
  VectorView<const Scalar> log_scale = {};      ///< z [n] in device memory; empty: 0.
  float smallest_log_deviation = -9.21034037f;  ///< ln 1e-4
  float largest_log_deviation = 10.0f;
};

/// Negative logarithm of the likelihood of targets; see kernels/loss.h for what holds for all losses. With
/// r = (t - μ)/σ, a_k = l_k + Σ_c ln N(t_c; μ_kc, σ_kc) and the responsibilities γ = softmax(a):
///
///   f = ln Σ_k exp(l_k) - ln Σ_k exp(a_k)              L = 1/rows Σ_m weight_m f_m
///
///   ∂f/∂l_k = w_k - γ_k      ∂f/∂μ_kc = -γ_k r_kc / σ_kc      ∂f/∂s_kc = γ_k (1 - r_kc²)
///
/// The largest term is subtracted before each exponential, and everything is computed in double and rounded once. f is
/// that of the row, with all constants: a density. Beyond its limits ∂f/∂s is what it is at the limit where a step of
/// gradient descent leads back inside, and 0 where it would lead further out, as in kernels/gaussian_likelihood.h.
///
/// prediction, gradient [rows, mixture_columns(K, n)], target [rows, n]. gradient may be prediction itself. Sums have a
/// fixed order.
template <class Scalar = float>
void mixture_likelihood_loss(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                             VectorView<double> loss_sum, MatrixOf<Scalar> gradient,
                             MixtureOptions<Scalar> options = {}, ConstVectorOf<Scalar> weights = {});

/// The product of the Hessian with a direction (l̇, μ̇, ṡ), which is 0 for an s that is cut. With
///
///   ȧ_k = l̇_k + Σ_c (r_kc μ̇_kc / σ_kc + (r_kc² - 1) ṡ_kc)      γ̇_k = γ_k (ȧ_k - Σ_j γ_j ȧ_j)
///   ẇ_k = w_k (l̇_k - Σ_j w_j l̇_j)
///
///   of l:  (ẇ_k - γ̇_k) weight_m / rows
///   of μ:  (γ_k (μ̇_kc / σ_kc + 2 r_kc ṡ_kc) - γ̇_k r_kc) / σ_kc weight_m / rows
///   of s:  (γ̇_k (1 - r_kc²) + 2 γ_k r_kc (μ̇_kc / σ_kc + r_kc ṡ_kc)) weight_m / rows; 0 where s is cut
///
/// All matrices but target [rows, mixture_columns(K, n)]. gradient_tangent may be prediction_tangent itself.
template <class Scalar = float>
void mixture_likelihood_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                                     ConstMatrixOf<Scalar> prediction_tangent, MatrixOf<Scalar> gradient_tangent,
                                     MixtureOptions<Scalar> options = {}, ConstVectorOf<Scalar> weights = {});

MYNAH_CUDA_TWIN_OF_FLOATS(mixture_likelihood_loss)
MYNAH_CUDA_TWIN_OF_FLOATS(mixture_likelihood_loss_tangent)

namespace eigen {
template <class Scalar>
void mixture_likelihood_loss(Stream&, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                             VectorView<double> loss_sum, MatrixOf<Scalar> gradient, MixtureOptions<Scalar>,
                             ConstVectorOf<Scalar> weights);
template <class Scalar>
void mixture_likelihood_loss_tangent(Stream&, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
                                     ConstMatrixOf<Scalar> prediction_tangent, MatrixOf<Scalar> gradient_tangent,
                                     MixtureOptions<Scalar>, ConstVectorOf<Scalar> weights);
}  // namespace eigen

}  // namespace mynah::kernels
