#include "kernels/squashed_gaussian_distribution.h"

#include "kernels/gaussian_shapes.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void squashed_gaussian_sample(Stream& stream, RandomKey key, const Index* step, GaussianView<const Scalar> distribution,
                              MatrixOf<Scalar> noise, MatrixOf<Scalar> pre_tanh, MatrixOf<Scalar> action,
                              VectorOf<Scalar> log_probability) {
  const char* const name = "squashed_gaussian_sample";
  require(fits(distribution, action.rows, action.columns), name, gaussian_shapes);
  require_that_it_can_be_drawn(name, action);
  require(same_shape(noise, action) && same_shape(pre_tanh, action), name, "noise, pre_tanh and action [rows, n]");
  require(log_probability.data == nullptr || log_probability.size == action.rows, name,
          "log_probability [rows], or empty");
  if (action.rows == 0) return;
  if (is_only_counted(stream, step, Untold{}, noise, pre_tanh, action, log_probability)) return;
  MYNAH_CALL_TWIN(squashed_gaussian_sample, stream, key, step, distribution, noise, pre_tanh, action, log_probability);
}

template <class Scalar>
void squashed_gaussian_sample_backward(Stream& stream, ConstMatrixOf<Scalar> noise, ConstMatrixOf<Scalar> pre_tanh,
                                       ConstMatrixOf<Scalar> log_std, ConstMatrixOf<Scalar> action_gradient,
                                       ConstVectorOf<Scalar> log_probability_gradient, GaussianView<Scalar> gradients) {
  const char* const name = "squashed_gaussian_sample_backward";
  const GaussianView<const Scalar> parameters{noise, log_std};
  require(fits(parameters, noise.rows, noise.columns) && same_shape(pre_tanh, noise), name,
          "noise and pre_tanh [rows, n], log_std [rows, n] or [1, n]");
  require(is_gradient_of(action_gradient, noise), name, "action_gradient [rows, n], or empty");
  require(log_probability_gradient.data == nullptr || log_probability_gradient.size == noise.rows, name,
          "log_probability_gradient [rows], or empty");
  require(are_gradients_of(gradients, parameters), name, gaussian_gradient_shapes);
  if (noise.empty()) return;
  if (is_only_counted(stream, noise, pre_tanh, log_std, action_gradient, log_probability_gradient, Untold{})) return;
  MYNAH_CALL_TWIN(squashed_gaussian_sample_backward, stream, noise, pre_tanh, log_std, action_gradient,
                  log_probability_gradient, gradients);
}

template <class Scalar>
void squashed_gaussian_pre_tanh(Stream& stream, ConstMatrixOf<Scalar> action, MatrixOf<Scalar> pre_tanh) {
  require(same_shape(action, pre_tanh), "squashed_gaussian_pre_tanh", "pre_tanh of the shape of action");
  if (action.empty()) return;
  if (is_only_counted(stream, action, pre_tanh)) return;
  MYNAH_CALL_TWIN(squashed_gaussian_pre_tanh, stream, action, pre_tanh);
}

template <class Scalar>
void squashed_gaussian_log_probability(Stream& stream, ConstMatrixOf<Scalar> pre_tanh,
                                       GaussianView<const Scalar> distribution, VectorOf<Scalar> out) {
  const char* const name = "squashed_gaussian_log_probability";
  require(fits(distribution, pre_tanh.rows, pre_tanh.columns), name, gaussian_shapes);
  require(out.size == pre_tanh.rows, name, "out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, pre_tanh, Untold{}, out)) return;
  MYNAH_CALL_TWIN(squashed_gaussian_log_probability, stream, pre_tanh, distribution, out);
}

template <class Scalar>
void squashed_gaussian_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> pre_tanh,
                                                GaussianView<const Scalar> distribution, ConstVectorOf<Scalar> gradient,
                                                MatrixOf<Scalar> pre_tanh_gradient, GaussianView<Scalar> gradients) {
  const char* const name = "squashed_gaussian_log_probability_backward";
  require(fits(distribution, pre_tanh.rows, pre_tanh.columns), name, gaussian_shapes);
  require(gradient.size == pre_tanh.rows, name, "gradient [rows]");
  require(is_gradient_of(pre_tanh_gradient, pre_tanh) && are_gradients_of(gradients, distribution), name,
          gaussian_gradient_shapes);
  if (pre_tanh.empty()) return;
  if (is_only_counted(stream, pre_tanh, Untold{}, gradient, pre_tanh_gradient)) return;
  MYNAH_CALL_TWIN(squashed_gaussian_log_probability_backward, stream, pre_tanh, distribution, gradient,
                  pre_tanh_gradient, gradients);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_sample)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_sample_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_pre_tanh)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_log_probability)
MYNAH_FOR_FLOAT_AND_DOUBLE(squashed_gaussian_log_probability_backward)

}  // namespace mynah::kernels
