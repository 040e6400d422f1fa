#include "kernels/gaussian_distribution.h"

#include "kernels/gaussian_shapes.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {
template <class Scalar>
void gaussian_sample(Stream& stream, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                     MatrixOf<Scalar> noise, MatrixOf<Scalar> action) {
  require(fits(distribution, action.rows, action.columns), "gaussian_sample", gaussian_shapes);
  require_that_it_can_be_drawn("gaussian_sample", action);
  require(same_shape(noise, action), "gaussian_sample", "noise and action [rows, n]");
  if (action.empty()) return;
  if (is_only_counted(stream, step, Untold{}, noise, action)) return;
  MYNAH_CALL_TWIN(gaussian_sample, stream, key, step, distribution, noise, action);
}

template <class Scalar>
void gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> log_std,
                              ConstMatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients) {
  const GaussianView<const Scalar> parameters{noise, log_std};
  require(fits(parameters, noise.rows, noise.columns) && same_shape(noise, action_gradient), "gaussian_sample_backward",
          "noise and action_gradient [rows, n], log_std [rows, n] or [1, n]");
  require(are_gradients_of(gradients, parameters), "gaussian_sample_backward", gaussian_gradient_shapes);
  if (noise.empty()) return;
  if (is_only_counted(stream, noise, log_std, action_gradient, Untold{})) return;
  MYNAH_CALL_TWIN(gaussian_sample_backward, stream, noise, log_std, action_gradient, gradients);
}

template <class Scalar>
void gaussian_log_probability(Stream& stream, ConstMatrixOf<Scalar> action, GaussianView<const Scalar> distribution,
                              VectorOf<Scalar> out) {
  require(fits(distribution, action.rows, action.columns), "gaussian_log_probability", gaussian_shapes);
  require(out.size == action.rows, "gaussian_log_probability", "out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, action, Untold{}, out)) return;
  MYNAH_CALL_TWIN(gaussian_log_probability, stream, action, distribution, out);
}

template <class Scalar>
void gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> action,
                                       GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                       MatrixOf<Scalar> action_gradient, GaussianView<Scalar> gradients) {
  const char* const name = "gaussian_log_probability_backward";
  require(fits(distribution, action.rows, action.columns), name, gaussian_shapes);
  require(gradient.size == action.rows, name, "gradient [rows]");
  require(is_gradient_of(action_gradient, action) && are_gradients_of(gradients, distribution), name,
          gaussian_gradient_shapes);
  if (action.empty()) return;
  if (is_only_counted(stream, action, Untold{}, gradient, action_gradient)) return;
  MYNAH_CALL_TWIN(gaussian_log_probability_backward, stream, action, distribution, gradient, action_gradient,
                  gradients);
}

template <class Scalar>
void gaussian_entropy(Stream& stream, ConstMatrixOf<Scalar> log_std, VectorOf<Scalar> out) {
  require(log_std.rows == out.size || log_std.rows == 1, "gaussian_entropy", "log_std [rows, n] or [1, n], out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, log_std, out)) return;
  MYNAH_CALL_TWIN(gaussian_entropy, stream, log_std, out);
}

template <class Scalar>
void gaussian_entropy_backward(Stream& stream, ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> log_std_gradient) {
  require(log_std_gradient.rows == gradient.size || log_std_gradient.rows == 1, "gaussian_entropy_backward",
          "gradient [rows], log_std_gradient [rows, n] or [1, n]");
  if (gradient.empty() || log_std_gradient.empty()) return;
  if (is_only_counted(stream, gradient, log_std_gradient)) return;
  MYNAH_CALL_TWIN(gaussian_entropy_backward, stream, gradient, log_std_gradient);
}

template <class Scalar>
void gaussian_kl_divergence(Stream& stream, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                            VectorOf<Scalar> out) {
  require(fits(p, out.size, p.mean.columns) && fits(q, out.size, p.mean.columns), "gaussian_kl_divergence",
          "two distributions, each mean [rows, n] and log_std [rows, n] or [1, n], and out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, Untold{}, out)) return;
  MYNAH_CALL_TWIN(gaussian_kl_divergence, stream, p, q, out);
}

template <class Scalar>
void gaussian_kl_divergence_backward(Stream& stream, GaussianView<const Scalar> p, GaussianView<const Scalar> q,
                                     ConstVectorOf<Scalar> gradient, GaussianView<Scalar> p_gradients,
                                     GaussianView<Scalar> q_gradients) {
  const char* const name = "gaussian_kl_divergence_backward";
  require(fits(p, gradient.size, p.mean.columns) && fits(q, gradient.size, p.mean.columns), name,
          "two distributions, each mean [rows, n] and log_std [rows, n] or [1, n], and gradient [rows]");
  require(are_gradients_of(p_gradients, p) && are_gradients_of(q_gradients, q), name, gaussian_gradient_shapes);
  if (p.mean.empty()) return;
  if (is_only_counted(stream, Untold{}, gradient)) return;
  MYNAH_CALL_TWIN(gaussian_kl_divergence_backward, stream, p, q, gradient, p_gradients, q_gradients);
}

template <class Scalar>
void gaussian_fisher_product(Stream& stream, ConstMatrixOf<Scalar> log_std, GaussianView<const Scalar> tangents,
                             Index rows, float scale, GaussianView<Scalar> products) {
  const char* const name = "gaussian_fisher_product";
  require(log_std.rows == rows || log_std.rows == 1, name, "log_std [rows, n] or [1, n]");
  require(tangents.mean.data == nullptr || (tangents.mean.rows == rows && tangents.mean.columns == log_std.columns),
          name, "the tangent of mean [rows, n], or empty");
  require(is_gradient_of(tangents.log_std, log_std), name, "the tangent of log_std of the shape of log_std, or empty");
  require(products.mean.data == nullptr || (products.mean.rows == rows && products.mean.columns == log_std.columns),
          name, "the product of mean [rows, n], or empty");
  require(is_gradient_of(products.log_std, log_std), name, "the product of log_std of the shape of log_std, or empty");
  if (rows == 0 || log_std.empty()) return;
  if (tangents.mean.data == nullptr) products.mean = {};
  if (tangents.log_std.data == nullptr) products.log_std = {};
  if (is_only_counted(stream, log_std, Untold{})) return;
  MYNAH_CALL_TWIN(gaussian_fisher_product, stream, log_std, tangents, rows, scale, products);
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

}  // namespace mynah::kernels
