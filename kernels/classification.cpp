#include "kernels/classification.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Scalar>
void check(const char* operation, MatrixView<const Scalar> logits, ConstLabels labels,
           const CrossEntropyOptions<Scalar>& options) {
  require(logits.columns >= 1, operation, "at least one class");
  require(labels.size == logits.rows, operation, "one label a row");
  require(options.class_weights.empty() || options.class_weights.size == logits.columns, operation,
          "one weight a class, or none");
  require(options.weights.empty() || options.weights.size == logits.rows, operation, "one weight a row, or none");
  require(options.label_smoothing >= Scalar(0) && options.label_smoothing <= Scalar(1), operation,
          "a label_smoothing in [0, 1]");
}

}  // namespace

template <class Scalar>
void softmax_cross_entropy_loss(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixOf<Scalar> gradient,
                                CrossEntropyOptions<Scalar> options) {
  check<Scalar>("softmax_cross_entropy_loss", logits, labels, options);
  require(gradient.data == nullptr || same_shape(logits, gradient), "softmax_cross_entropy_loss",
          "gradient of the shape of logits, or empty");
  require(loss_sum.size <= 1, "softmax_cross_entropy_loss", "a loss_sum of one value, or empty");
  if (logits.empty()) return;
  if (is_only_counted(stream, logits, labels, changed(loss_sum), gradient, options.class_weights, options.weights))
    return;
  MYNAH_CALL_TWIN(softmax_cross_entropy_loss, stream, logits, labels, loss_sum, gradient, options);
}

template <class Scalar>
void softmax_cross_entropy_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                        ConstMatrixOf<Scalar> logits_tangent, MatrixOf<Scalar> gradient_tangent,
                                        CrossEntropyOptions<Scalar> options) {
  check<Scalar>("softmax_cross_entropy_loss_tangent", logits, labels, options);
  require(same_shape(logits, logits_tangent) && same_shape(logits, gradient_tangent),
          "softmax_cross_entropy_loss_tangent", "both tangents of the shape of logits");
  if (logits.empty()) return;
  if (is_only_counted(stream, logits, labels, logits_tangent, gradient_tangent, options.class_weights, options.weights))
    return;
  MYNAH_CALL_TWIN(softmax_cross_entropy_loss_tangent, stream, logits, labels, logits_tangent, gradient_tangent,
                  options);
}

void count_correct(Stream& stream, ConstMatrix scores, ConstLabels labels, VectorView<double> count) {
  require(scores.columns >= 1 && labels.size == scores.rows, "count_correct", "scores [rows, classes], labels [rows]");
  require(count.size == 1, "count_correct", "a count of one value");
  if (scores.empty()) return;
  if (is_only_counted(stream, scores, labels, changed(count))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(count_correct, stream, scores, labels, count);
  eigen::count_correct<float>(stream, scores, labels, count);
}

void argmax_rows(Stream& stream, ConstMatrix scores, Labels out) {
  require(scores.columns >= 1 && out.size == scores.rows, "argmax_rows", "scores [rows, classes], out [rows]");
  if (scores.empty()) return;
  if (is_only_counted(stream, scores, out)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(argmax_rows, stream, scores, out);
  eigen::argmax_rows<float>(stream, scores, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(softmax_cross_entropy_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(softmax_cross_entropy_loss_tangent)

}  // namespace mynah::kernels
