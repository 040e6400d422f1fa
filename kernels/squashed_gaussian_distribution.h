#pragma once

#include "kernels/gaussian_distribution.h"

namespace mynah::kernels {

/// Diagonal Gaussians squashed by tanh, the policies of soft actor-critic (Haarnoja et al., "Soft actor-critic
/// algorithms and applications", 2018, appendix C): action = tanh(u), u = mean + σ ε, each action within (-1, 1).
///
///   log π(action) = log N(u; mean, σ) - Σ_c log(1 - tanh² u_c),   log(1 - tanh² u) = 2 (log 2 - u - softplus(-2u))
///
/// Shapes, sharing of log_std, adding of gradients and ranges are those of gaussian_distribution.h. It is stable for
/// |u| up to 20 and far beyond, where tanh u rounds to ±1. What needs no operation of its own:
///
///   mode action       tanh(mean), what a policy does when it is evaluated: activation_forward with Activation::tanh
///   KL divergence,    those of the Gaussians before squashing (gaussian_kl_divergence, gaussian_fisher_product): a
///   Fisher product    bijection of the action changes neither
///   entropy           has no closed form; SAC estimates it by -log π of a sample, given below with its gradient

/// noise, pre_tanh (u) and action [rows, n], drawn as gaussian_sample draws them; log_probability [rows] of the action
/// drawn, or empty. It is taken from the noise, not from u - mean, which rounds to 0 where σ is small.
template <class Scalar = float>
void squashed_gaussian_sample(Stream& stream, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                              MatrixOf<Scalar> noise, MatrixOf<Scalar> pre_tanh, MatrixOf<Scalar> action,
                              VectorOf<Scalar> log_probability);

/// The pathwise gradient through action and log_probability together. With a = dL/daction and g = dL/dlog_probability,
/// each empty where it is 0, and since log π of the sample is Σ -ε²/2 - log_std - log(2π)/2 - log(1 - tanh² u):
///
///   of_u = a (1 - tanh² u) + 2 g tanh u      dmean += of_u      dlog_std += of_u σ ε - g
template <class Scalar = float>
void squashed_gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> pre_tanh,
                                       ConstMatrixOf<Scalar> log_std, ConstMatrixOf<Scalar> action_gradient,
                                       ConstVectorOf<Scalar> log_probability_gradient, GaussianView<Scalar> gradients);

/// pre_tanh = atanh(action), for actions that come without their u (demonstrations, replay). Actions beyond ±(1 -
/// 2⁻²⁴), the largest float below 1, are taken to lie there: |u| <= 8.67. NaN stays NaN. pre_tanh may be action itself.
template <class Scalar = float>
void squashed_gaussian_pre_tanh(Stream& stream, ConstMatrixOf<Scalar> action, MatrixOf<Scalar> pre_tanh);

/// out_r = log π(tanh u_r).      pre_tanh [rows, n], out [rows]
template <class Scalar = float>
void squashed_gaussian_log_probability(Stream& stream, ConstMatrixOf<Scalar> pre_tanh,
                                       GaussianView<const Scalar> distribution, VectorOf<Scalar> out);

/// With g = gradient_r, z = (u - mean)/σ:
///
///   du += g (2 tanh u - z/σ)      dmean += g z/σ      dlog_std += g (z² - 1)
template <class Scalar = float>
void squashed_gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> pre_tanh,
                                                GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                                MatrixOf<Scalar> pre_tanh_gradient, GaussianView<Scalar> gradients);

MYNAH_CUDA_TWIN_OF_FLOATS(squashed_gaussian_sample)
MYNAH_CUDA_TWIN_OF_FLOATS(squashed_gaussian_sample_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(squashed_gaussian_pre_tanh)
MYNAH_CUDA_TWIN_OF_FLOATS(squashed_gaussian_log_probability)
MYNAH_CUDA_TWIN_OF_FLOATS(squashed_gaussian_log_probability_backward)

namespace eigen {
template <class Scalar>
void squashed_gaussian_sample(Stream&, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                              MatrixOf<Scalar> noise, MatrixOf<Scalar> pre_tanh, MatrixOf<Scalar> action,
                              VectorOf<Scalar> log_probability);
template <class Scalar>
void squashed_gaussian_sample_backward(Stream&, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> pre_tanh,
                                       ConstMatrixOf<Scalar> log_std, ConstMatrixOf<Scalar> action_gradient,
                                       ConstVectorOf<Scalar> log_probability_gradient, GaussianView<Scalar> gradients);
template <class Scalar>
void squashed_gaussian_pre_tanh(Stream&, ConstMatrixOf<Scalar> action, MatrixOf<Scalar> pre_tanh);
template <class Scalar>
void squashed_gaussian_log_probability(Stream&, ConstMatrixOf<Scalar> pre_tanh, GaussianView<const Scalar> distribution,
                                       VectorOf<Scalar> out);
template <class Scalar>
void squashed_gaussian_log_probability_backward(Stream&, ConstMatrixOf<Scalar> pre_tanh,
                                                GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                                MatrixOf<Scalar> pre_tanh_gradient, GaussianView<Scalar> gradients);
}  // namespace eigen

}  // namespace mynah::kernels
