#include "kernels/loss.h"

namespace mynah::kernels {

template <class Scalar>
void mse_loss(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
              VectorView<double> loss_sum, MatrixOf<Scalar> gradient) {
  require(same_shape(prediction, target), "mse_loss", "target of the shape of prediction");
  require(gradient.data == nullptr || same_shape(prediction, gradient), "mse_loss",
          "gradient of the shape of prediction, or empty");
  require(loss_sum.size <= 1, "mse_loss", "a loss_sum of one value, or empty");
  if (prediction.empty()) return;
  MYNAH_CALL_TWIN(mse_loss, stream, prediction, target, loss_sum, gradient);
}

template <class Scalar>
void softmax_cross_entropy_loss(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixOf<Scalar> gradient) {
  require(logits.columns >= 1, "softmax_cross_entropy_loss", "at least one class");
  require(labels.size == logits.rows, "softmax_cross_entropy_loss", "one label a row");
  require(gradient.data == nullptr || same_shape(logits, gradient), "softmax_cross_entropy_loss",
          "gradient of the shape of logits, or empty");
  require(loss_sum.size <= 1, "softmax_cross_entropy_loss", "a loss_sum of one value, or empty");
  if (logits.empty()) return;
  MYNAH_CALL_TWIN(softmax_cross_entropy_loss, stream, logits, labels, loss_sum, gradient);
}

void count_correct(Stream& stream, ConstMatrix scores, ConstLabels labels, VectorView<double> count) {
  require(scores.columns >= 1 && labels.size == scores.rows, "count_correct", "scores [rows, classes], labels [rows]");
  require(count.size == 1, "count_correct", "a count of one value");
  if (scores.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(count_correct, stream, scores, labels, count);
  eigen::count_correct<float>(stream, scores, labels, count);
}

void argmax_rows(Stream& stream, ConstMatrix scores, Labels out) {
  require(scores.columns >= 1 && out.size == scores.rows, "argmax_rows", "scores [rows, classes], out [rows]");
  if (scores.empty()) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(argmax_rows, stream, scores, out);
  eigen::argmax_rows<float>(stream, scores, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(mse_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(softmax_cross_entropy_loss)

}  // namespace mynah::kernels
