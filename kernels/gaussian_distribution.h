#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Diagonal Gaussian distributions, one a row, over n numbers: the stochastic policies of continuous actions.
///
///   mean [rows, n]      log_std [rows, n], or [1, n]: one for all rows, as a policy's own parameter
///
/// Their standard deviations are σ = exp(log_std). Gradients have the shapes of their parameters: that of a shared
/// log_std is summed over the rows, in a fixed order, in double. Calls take {mean, log_std}. The mean and mode of each
/// is `mean` itself. Results of rows are contiguous vectors [rows]; their sums over n are taken in double. All
/// operations below are meant for log_std in [-20, 2], the range to which policies clamp it, and stay finite there.
template <class T>
struct GaussianView {
  MatrixView<T> mean;
  MatrixView<T> log_std;
};

/// Every `_backward` *adds* to its gradients, so that a loss may have several terms; empty where nobody wants one.
/// `gradient` [rows] is dL/dout. No matrix that is written may overlap another argument.

/// action = mean + σ ε, with ε standard normal:
///
///   noise, action [rows, n]      ε_rc is number i = r n + c, whatever the strides, of kernels::normal for (key,
///   step[0])
///
/// step: one Index in device memory, or null for 0. Every device draws the same noise; it is what backward needs. At
/// most 2³⁴ elements.
template <class Scalar = float>
void gaussian_sample(Stream& stream, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                     MatrixOf<Scalar> noise, MatrixOf<Scalar> action);

/// The pathwise gradient (reparametrisation; Kingma and Welling 2014), given action_gradient = dL/daction:
///
///   dmean += dL/daction      dlog_std += dL/daction σ ε
template <class Scalar = float>
void gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> log_std,
                              ConstMatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients);

/// out_r = Σ_c (-z²/2 - log_std - log(2π)/2),  z = (action - mean) / σ.      action [rows, n], out [rows]
template <class Scalar = float>
void gaussian_log_probability(Stream& stream, ConstMatrixOf<Scalar> action, GaussianView<const Scalar> distribution,
                              VectorOf<Scalar> out);

/// With g = gradient_r:  daction += -g z/σ      dmean += g z/σ      dlog_std += g (z² - 1)
template <class Scalar = float>
void gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> action,
                                       GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                       MatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients);

/// out_r = Σ_c (log_std + log(2πe)/2): differential entropy. log_std [rows, n] or [1, n], out [rows]
template <class Scalar = float>
void gaussian_entropy(Stream& stream, ConstMatrixOf<Scalar> log_std, VectorOf<Scalar> out);

/// dlog_std += gradient_r
template <class Scalar = float>
void gaussian_entropy_backward(Stream& stream, ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> log_std_gradient);

/// out_r = KL(p ‖ q) = Σ_c (-d + (exp(2d) - 1)/2 + t²/2),  d = log σ_p - log σ_q,  t = (mean_p - mean_q)/σ_q
///
/// Where p and q are close, as those of two successive policies are, nothing is lost by cancellation. It is also the
/// divergence of two Gaussians squashed by the same tanh, since a bijection does not change it.
template <class Scalar = float>
void gaussian_kl_divergence(Stream& stream, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                            VectorOf<Scalar> out);

/// With g = gradient_r:
///
///   dmean_p += g t/σ_q      dlog_std_p += g (exp(2d) - 1)
///   dmean_q -= g t/σ_q      dlog_std_q -= g (exp(2d) - 1 + t²)
template <class Scalar = float>
void gaussian_kl_divergence_backward(Stream& stream, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                                     ConstVectorOf<Scalar> gradient, GaussianView<Scalar> p_gradients,
                                     GaussianView<Scalar> q_gradients);

/// The Fisher information of each row's distribution, times a direction of its parameters (Kakade, "A natural policy
/// gradient", NIPS 2001; Schulman et al., "Trust region policy optimization", ICML 2015, appendix C):
///
///   products.mean += scale mean_tangent / σ²      products.log_std += scale 2 log_std_tangent
///
/// It is the Hessian of KL(p ‖ q) with respect to q at q = p. Between a network's tangent pass and its backward pass it
/// makes the Fisher-vector product Jᵀ F J v; scale = 1/rows takes the mean over rows. A shared log_std has a shared
/// tangent, and its product is summed over the `mean.rows` rows. An empty tangent is 0, and its product is not touched.
template <class Scalar = float>
void gaussian_fisher_product(Stream& stream, ConstMatrixOf<Scalar> log_std, GaussianView<const Scalar> tangents,
                             Index rows, float scale, GaussianView<Scalar> products);

MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_sample)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_sample_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_log_probability)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_log_probability_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_entropy)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_entropy_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_kl_divergence)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_kl_divergence_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(gaussian_fisher_product)

namespace eigen {
template <class Scalar>
void gaussian_sample(Stream&, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                     MatrixOf<Scalar> noise, MatrixOf<Scalar> action);
template <class Scalar>
void gaussian_sample_backward(Stream&, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> log_std,
                              ConstMatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients);
template <class Scalar>
void gaussian_log_probability(Stream&, ConstMatrixOf<Scalar> action, GaussianView<const Scalar> distribution,
                              VectorOf<Scalar> out);
template <class Scalar>
void gaussian_log_probability_backward(Stream&, ConstMatrixOf<Scalar> action, GaussianView<const Scalar> distribution,
                                       ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> action_gradient,
                                       GaussianView<Scalar> gradients);
template <class Scalar>
void gaussian_entropy(Stream&, ConstMatrixOf<Scalar> log_std, VectorOf<Scalar> out);
template <class Scalar>
void gaussian_entropy_backward(Stream&, ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> log_std_gradient);
template <class Scalar>
void gaussian_kl_divergence(Stream&, GaussianView<const Scalar> p, GaussianView<const Scalar> q, VectorOf<Scalar> out);
template <class Scalar>
void gaussian_kl_divergence_backward(Stream&, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                                     ConstVectorOf<Scalar> gradient, GaussianView<Scalar> p_gradients,
                                     GaussianView<Scalar> q_gradients);
template <class Scalar>
void gaussian_fisher_product(Stream&, ConstMatrixOf<Scalar> log_std, GaussianView<const Scalar> tangents, Index rows,
                             float scale, GaussianView<Scalar> products);
}  // namespace eigen

}  // namespace mynah::kernels
