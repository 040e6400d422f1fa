#include "kernels/squashed_gaussian_distribution.h"

#include "kernels/cuda/gaussian_terms.h"

namespace mynah::kernels::cuda {

using gaussian_terms::Targets;
using ConstGaussian = GaussianView<const float>;
using Gaussian = GaussianView<float>;

void squashed_gaussian_sample(Stream& stream, RandomKey key, const Index* step, ConstGaussian distribution,
                              Matrix noise, Matrix pre_tanh, Matrix action, Vector log_probability) {
  const char* const name = "squashed_gaussian_sample";
  const gaussian_terms::Sample<float> before{key, step, distribution.mean, distribution.log_std, noise, pre_tanh};
  for_each_element(stream, name, action.rows, action.columns, gaussian_terms::SquashedSample<float>{before, action});
  if (log_probability.empty()) return;
  add_up_rows(stream, name, action.columns,
              gaussian_terms::SquashedSampleLogProbability<float>{noise, pre_tanh, distribution.log_std},
              log_probability);
}

void squashed_gaussian_sample_backward(Stream& stream, ConstMatrix noise, ConstMatrix pre_tanh, ConstMatrix log_std,
                                       ConstMatrix action_gradient, ConstVector log_probability_gradient,
                                       Gaussian gradients) {
  add_derivatives(stream, "squashed_gaussian_sample_backward", noise.rows, noise.columns,
                  gaussian_terms::SquashedSampleDerivatives<float>{noise, pre_tanh, log_std, action_gradient,
                                                                   log_probability_gradient},
                  Targets<float, 2>{{gradients.mean, gradients.log_std}});
}

void squashed_gaussian_pre_tanh(Stream& stream, ConstMatrix action, Matrix pre_tanh) {
  for_each_element(stream, "squashed_gaussian_pre_tanh", action.rows, action.columns,
                   gaussian_terms::InverseTanh<float>{action, pre_tanh});
}

void squashed_gaussian_log_probability(Stream& stream, ConstMatrix pre_tanh, ConstGaussian distribution, Vector out) {
  add_up_rows(stream, "squashed_gaussian_log_probability", pre_tanh.columns,
              gaussian_terms::SquashedLogProbability<float>{{pre_tanh, distribution.mean, distribution.log_std}}, out);
}

void squashed_gaussian_log_probability_backward(Stream& stream, ConstMatrix pre_tanh, ConstGaussian distribution,
                                                ConstVector gradient, Matrix pre_tanh_gradient, Gaussian gradients) {
  add_derivatives(stream, "squashed_gaussian_log_probability_backward", pre_tanh.rows, pre_tanh.columns,
                  gaussian_terms::SquashedLogProbabilityDerivatives<float>{
                      {pre_tanh, distribution.mean, distribution.log_std, gradient}},
                  Targets<float, 3>{{pre_tanh_gradient, gradients.mean, gradients.log_std}});
}

}  // namespace mynah::kernels::cuda
