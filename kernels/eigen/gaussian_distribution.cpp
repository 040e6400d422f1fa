#include "kernels/gaussian_distribution.h"

#include "kernels/eigen/gaussian_terms.h"

namespace mynah::kernels::eigen {

using gaussian_terms::Targets;

template <class Scalar>
void gaussian_sample(Stream&, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                     MatrixOf<Scalar> noise, MatrixOf<Scalar> action) {
  for_each_element(action.rows, action.columns,
                   gaussian_terms::Sample<Scalar>{key, step, distribution.mean, distribution.log_std, noise, action});
}

template <class Scalar>
void gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> log_std,
                              ConstMatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients) {
  add_derivatives(stream, noise.rows, noise.columns,
                  gaussian_terms::SampleDerivatives<Scalar>{noise, log_std, action_gradient},
                  Targets<Scalar, 2>{{gradients.mean, gradients.log_std}});
}

template <class Scalar>
void gaussian_log_probability(Stream&, ConstMatrixOf<Scalar> action, GaussianView<const Scalar> distribution,
                              VectorOf<Scalar> out) {
  add_up_rows(action.columns, gaussian_terms::LogProbability<Scalar>{action, distribution.mean, distribution.log_std},
              out);
}

template <class Scalar>
void gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> action,
                                       GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                       MatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients) {
  add_derivatives(
      stream, action.rows, action.columns,
      gaussian_terms::LogProbabilityDerivatives<Scalar>{action, distribution.mean, distribution.log_std, gradient},
      Targets<Scalar, 3>{{action_gradient, gradients.mean, gradients.log_std}});
}

template <class Scalar>
void gaussian_entropy(Stream&, ConstMatrixOf<Scalar> log_std, VectorOf<Scalar> out) {
  add_up_rows(log_std.columns, gaussian_terms::Entropy<Scalar>{log_std}, out);
}

template <class Scalar>
void gaussian_entropy_backward(Stream& stream, ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> log_std_gradient) {
  add_derivatives(stream, gradient.size, log_std_gradient.columns, gaussian_terms::EntropyDerivatives<Scalar>{gradient},
                  Targets<Scalar, 1>{{log_std_gradient}});
}

template <class Scalar>
void gaussian_kl_divergence(Stream&, GaussianView<const Scalar> p, GaussianView<const Scalar> q, VectorOf<Scalar> out) {
  add_up_rows(p.mean.columns, gaussian_terms::KlDivergence<Scalar>{p.mean, p.log_std, q.mean, q.log_std}, out);
}

template <class Scalar>
void gaussian_kl_divergence_backward(Stream& stream, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                                     ConstVectorOf<Scalar> gradient, GaussianView<Scalar> p_gradients,
                                     GaussianView<Scalar> q_gradients) {
  add_derivatives(stream, p.mean.rows, p.mean.columns,
                  gaussian_terms::KlDivergenceDerivatives<Scalar>{p.mean, p.log_std, q.mean, q.log_std, gradient},
                  Targets<Scalar, 4>{{p_gradients.mean, p_gradients.log_std, q_gradients.mean, q_gradients.log_std}});
}

template <class Scalar>
void gaussian_fisher_product(Stream& stream, ConstMatrixOf<Scalar> log_std, GaussianView<const Scalar> tangents,
                             Index rows, float scale, GaussianView<Scalar> products) {
  add_derivatives(
      stream, rows, log_std.columns,
      gaussian_terms::FisherProduct<Scalar>{log_std, tangents.mean, tangents.log_std, static_cast<Scalar>(scale)},
      Targets<Scalar, 2>{{products.mean, products.log_std}});
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_sample)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_sample_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_log_probability)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_log_probability_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_entropy)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_entropy_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_kl_divergence)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_kl_divergence_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gaussian_fisher_product)

}  // namespace mynah::kernels::eigen
