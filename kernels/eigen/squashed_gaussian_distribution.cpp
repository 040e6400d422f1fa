#include "kernels/squashed_gaussian_distribution.h"

#include "kernels/eigen/gaussian_terms.h"

namespace mynah::kernels::eigen {

using gaussian_terms::Targets;

template <class Scalar>
void squashed_gaussian_sample(Stream&, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                              MatrixOf<Scalar> noise, MatrixOf<Scalar> pre_tanh, MatrixOf<Scalar> action,
                              VectorOf<Scalar> log_probability) {
  const gaussian_terms::Sample<Scalar> before{key, step, distribution.mean, distribution.log_std, noise, pre_tanh};
  for_each_element(action.rows, action.columns, gaussian_terms::SquashedSample<Scalar>{before, action});
  add_up_rows(action.columns,
              gaussian_terms::SquashedSampleLogProbability<Scalar>{noise, pre_tanh, distribution.log_std},
              log_probability);
}

template <class Scalar>
void squashed_gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> pre_tanh,
                                       ConstMatrixOf<Scalar> log_std, ConstMatrixOf<Scalar> action_gradient,
                                       ConstVectorOf<Scalar> log_probability_gradient, GaussianView<Scalar> gradients) {
  add_derivatives(stream, noise.rows, noise.columns,
                  gaussian_terms::SquashedSampleDerivatives<Scalar>{noise, pre_tanh, log_std, action_gradient,
                                                                    log_probability_gradient},
                  Targets<Scalar, 2>{{gradients.mean, gradients.log_std}});
}

template <class Scalar>
void squashed_gaussian_pre_tanh(Stream&, ConstMatrixOf<Scalar> action, MatrixOf<Scalar> pre_tanh) {
  for_each_element(action.rows, action.columns, gaussian_terms::InverseTanh<Scalar>{action, pre_tanh});
}

template <class Scalar>
void squashed_gaussian_log_probability(Stream&, ConstMatrixOf<Scalar> pre_tanh, GaussianView<const Scalar> distribution,
                                       VectorOf<Scalar> out) {
  add_up_rows(pre_tanh.columns,
              gaussian_terms::SquashedLogProbability<Scalar>{{pre_tanh, distribution.mean, distribution.log_std}}, out);
}

template <class Scalar>
void squashed_gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> pre_tanh,
                                                GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                                MatrixOf<Scalar> pre_tanh_gradient, GaussianView<Scalar> gradients) {
  add_derivatives(stream, pre_tanh.rows, pre_tanh.columns,
                  gaussian_terms::SquashedLogProbabilityDerivatives<Scalar>{
                      {pre_tanh, distribution.mean, distribution.log_std, gradient}},
                  Targets<Scalar, 3>{{pre_tanh_gradient, gradients.mean, gradients.log_std}});
}

MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_sample)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_sample_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_pre_tanh)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_log_probability)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_log_probability_backward)

}  // namespace mynah::kernels::eigen
