#include "kernels/gaussian_distribution.h"

#include "kernels/cuda/gaussian_terms.h"

namespace mynah::kernels::cuda {

using gaussian_terms::Targets;
using ConstGaussian = GaussianView<const float>;
using Gaussian = GaussianView<float>;

void gaussian_sample(Stream& stream, RandomKey key, const Index* step, ConstGaussian distribution, Matrix noise,
                     Matrix action) {
  for_each_element(stream, "gaussian_sample", action.rows, action.columns,
                   gaussian_terms::Sample<float>{key, step, distribution.mean, distribution.log_std, noise, action});
}

void gaussian_sample_backward(Stream& stream, ConstMatrix noise, ConstMatrix log_std, ConstMatrix action_gradient,
                              Gaussian gradients) {
  add_derivatives(stream, "gaussian_sample_backward", noise.rows, noise.columns,
                  gaussian_terms::SampleDerivatives<float>{noise, log_std, action_gradient},
                  Targets<float, 2>{{gradients.mean, gradients.log_std}});
}

void gaussian_log_probability(Stream& stream, ConstMatrix action, ConstGaussian distribution, Vector out) {
  add_up_rows(stream, "gaussian_log_probability", action.columns,
              gaussian_terms::LogProbability<float>{action, distribution.mean, distribution.log_std}, out);
}

void gaussian_log_probability_backward(Stream& stream, ConstMatrix action, ConstGaussian distribution,
                                       ConstVector gradient, Matrix action_gradient, Gaussian gradients) {
  add_derivatives(
      stream, "gaussian_log_probability_backward", action.rows, action.columns,
      gaussian_terms::LogProbabilityDerivatives<float>{action, distribution.mean, distribution.log_std, gradient},
      Targets<float, 3>{{action_gradient, gradients.mean, gradients.log_std}});
}

void gaussian_entropy(Stream& stream, ConstMatrix log_std, Vector out) {
  add_up_rows(stream, "gaussian_entropy", log_std.columns, gaussian_terms::Entropy<float>{log_std}, out);
}

void gaussian_entropy_backward(Stream& stream, ConstVector gradient, Matrix log_std_gradient) {
  add_derivatives(stream, "gaussian_entropy_backward", gradient.size, log_std_gradient.columns,
                  gaussian_terms::EntropyDerivatives<float>{gradient}, Targets<float, 1>{{log_std_gradient}});
}

void gaussian_kl_divergence(Stream& stream, ConstGaussian p, ConstGaussian q, Vector out) {
  add_up_rows(stream, "gaussian_kl_divergence", p.mean.columns,
              gaussian_terms::KlDivergence<float>{p.mean, p.log_std, q.mean, q.log_std}, out);
}

void gaussian_kl_divergence_backward(Stream& stream, ConstGaussian p, ConstGaussian q, ConstVector gradient,
                                     Gaussian p_gradients, Gaussian q_gradients) {
  add_derivatives(stream, "gaussian_kl_divergence_backward", p.mean.rows, p.mean.columns,
                  gaussian_terms::KlDivergenceDerivatives<float>{p.mean, p.log_std, q.mean, q.log_std, gradient},
                  Targets<float, 4>{{p_gradients.mean, p_gradients.log_std, q_gradients.mean, q_gradients.log_std}});
}

void gaussian_fisher_product(Stream& stream, ConstMatrix log_std, ConstGaussian tangents, Index rows, float scale,
                             Gaussian products) {
  add_derivatives(stream, "gaussian_fisher_product", rows, log_std.columns,
                  gaussian_terms::FisherProduct<float>{log_std, tangents.mean, tangents.log_std, scale},
                  Targets<float, 2>{{products.mean, products.log_std}});
}

}  // namespace mynah::kernels::cuda
