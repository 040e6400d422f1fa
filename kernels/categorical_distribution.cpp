#include "kernels/categorical_distribution.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr const char* of_logits = "logits [rows, n], n at least 1";
constexpr const char* of_gradient = "the gradient of logits [rows, n], or empty, and the gradient of the result [rows]";

template <class T, class U>
bool is_gradient_of(MatrixView<T> gradient, MatrixView<U> logits) {
  return gradient.data == nullptr || same_shape(gradient, logits);
}

}  // namespace

template <class Scalar>
void categorical_sample(Stream& stream, RandomKey key, const Index* step, ConstMatrixOf<Scalar> logits, Labels labels) {
  require(logits.columns >= 1 && labels.size == logits.rows, "categorical_sample",
          "logits [rows, n] and labels [rows]");
  require(logits.rows <= (Index{1} << 34) / logits.columns, "categorical_sample", "at most 2^34 elements");
  if (labels.empty()) return;
  if (is_only_counted(stream, step, logits, labels)) return;
  MYNAH_CALL_TWIN(categorical_sample, stream, key, step, logits, labels);
}

template <class Scalar>
void categorical_log_probability(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                 VectorOf<Scalar> out) {
  require(logits.columns >= 1, "categorical_log_probability", of_logits);
  require(labels.size == logits.rows && out.size == logits.rows, "categorical_log_probability",
          "labels [rows] and out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, logits, labels, out)) return;
  MYNAH_CALL_TWIN(categorical_log_probability, stream, logits, labels, out);
}

template <class Scalar>
void categorical_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                          ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> logits_gradient) {
  const char* const name = "categorical_log_probability_backward";
  require(logits.columns >= 1, name, of_logits);
  require(labels.size == logits.rows, name, "labels [rows]");
  require(gradient.size == logits.rows && is_gradient_of(logits_gradient, logits), name, of_gradient);
  if (logits_gradient.empty()) return;
  if (is_only_counted(stream, logits, labels, gradient, logits_gradient)) return;
  MYNAH_CALL_TWIN(categorical_log_probability_backward, stream, logits, labels, gradient, logits_gradient);
}

template <class Scalar>
void categorical_entropy(Stream& stream, ConstMatrixOf<Scalar> logits, VectorOf<Scalar> out) {
  require(logits.columns >= 1, "categorical_entropy", of_logits);
  require(out.size == logits.rows, "categorical_entropy", "out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, logits, out)) return;
  MYNAH_CALL_TWIN(categorical_entropy, stream, logits, out);
}

template <class Scalar>
void categorical_entropy_backward(Stream& stream, ConstMatrixOf<Scalar> logits, ConstVectorOf<Scalar> gradient,
                                  MatrixOf<Scalar> logits_gradient) {
  require(logits.columns >= 1, "categorical_entropy_backward", of_logits);
  require(gradient.size == logits.rows && is_gradient_of(logits_gradient, logits), "categorical_entropy_backward",
          of_gradient);
  if (logits_gradient.empty()) return;
  if (is_only_counted(stream, logits, gradient, logits_gradient)) return;
  MYNAH_CALL_TWIN(categorical_entropy_backward, stream, logits, gradient, logits_gradient);
}

template <class Scalar>
void categorical_kl_divergence(Stream& stream, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                               VectorOf<Scalar> out) {
  require(p_logits.columns >= 1 && same_shape(p_logits, q_logits), "categorical_kl_divergence",
          "p_logits and q_logits [rows, n], n at least 1");
  require(out.size == p_logits.rows, "categorical_kl_divergence", "out [rows]");
  if (out.empty()) return;
  if (is_only_counted(stream, p_logits, q_logits, out)) return;
  MYNAH_CALL_TWIN(categorical_kl_divergence, stream, p_logits, q_logits, out);
}

template <class Scalar>
void categorical_kl_divergence_backward(Stream& stream, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                                        ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> p_logits_gradient,
                                        MatrixOf<Scalar> q_logits_gradient) {
  const char* const name = "categorical_kl_divergence_backward";
  require(p_logits.columns >= 1 && same_shape(p_logits, q_logits), name,
          "p_logits and q_logits [rows, n], n at least 1");
  require(gradient.size == p_logits.rows && is_gradient_of(p_logits_gradient, p_logits) &&
              is_gradient_of(q_logits_gradient, q_logits),
          name, of_gradient);
  if (p_logits.empty() || (p_logits_gradient.data == nullptr && q_logits_gradient.data == nullptr)) return;
  if (is_only_counted(stream, p_logits, q_logits, gradient, p_logits_gradient, q_logits_gradient)) return;
  MYNAH_CALL_TWIN(categorical_kl_divergence_backward, stream, p_logits, q_logits, gradient, p_logits_gradient,
                  q_logits_gradient);
}

template <class Scalar>
void categorical_fisher_product(Stream& stream, ConstMatrixOf<Scalar> logits, ConstMatrixOf<Scalar> tangent,
                                float scale, MatrixOf<Scalar> product) {
  require(logits.columns >= 1, "categorical_fisher_product", of_logits);
  require(same_shape(tangent, logits) && same_shape(product, logits), "categorical_fisher_product",
          "tangent and product of the shape of logits");
  if (product.empty()) return;
  if (is_only_counted(stream, logits, tangent, product)) return;
  MYNAH_CALL_TWIN(categorical_fisher_product, stream, logits, tangent, scale, product);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_sample)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_log_probability)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_log_probability_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_entropy)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_entropy_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_kl_divergence)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_kl_divergence_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(categorical_fisher_product)

}  // namespace mynah::kernels
