#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Losses: value and gradient in one pass over the prediction.
///
/// A loss L is a mean over the rows of a batch. `loss_sum` (one double in device memory, or empty) is *added* rows * L,
/// so that a sum over the batches of an epoch, divided by the rows seen, is the mean over the data set whatever the
/// batch sizes. `gradient` (or empty) is overwritten with dL/dprediction. Sums have a fixed order. No rows: nothing
/// changes.

/// Mean squared error over all elements, as torch.nn.MSELoss:
///
///   L = 1/(rows columns) Σ_mc (prediction_mc - target_mc)²       gradient_mc = 2 (prediction_mc - target_mc) / (rows
///   columns)
///
/// prediction, target, gradient [rows, columns]. gradient may be prediction itself.
template <class Scalar = float>
void mse_loss(Stream& stream, ConstMatrixOf<Scalar> prediction, ConstMatrixOf<Scalar> target,
              VectorView<double> loss_sum, MatrixOf<Scalar> gradient);

/// Cross-entropy of softmax(logits) and class indices, as torch.nn.CrossEntropyLoss, with the row maximum subtracted
/// first so that logits of any size are safe:
///
///   L = -1/rows Σ_m log p_m,label(m)     p_mc = exp(l_mc) / Σ_k exp(l_mk)     gradient_mc = (p_mc - [c = label(m)]) /
///   rows
///
/// logits, gradient [rows, classes], classes >= 1; labels [rows], each in [0, classes) (checked where data enter, not
/// here). gradient may be logits itself.
template <class Scalar = float>
void softmax_cross_entropy_loss(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixOf<Scalar> gradient);

/// Adds to count[0] the number of rows m whose largest score stands at labels(m); of equal scores the first counts.
/// scores [rows, classes], labels [rows], count: one double.
void count_correct(Stream& stream, ConstMatrix scores, ConstLabels labels, VectorView<double> count);

/// out(m) = position of the largest score of row m, the first of equals. scores [rows, classes >= 1], out [rows].
void argmax_rows(Stream& stream, ConstMatrix scores, Labels out);

MYNAH_CUDA_TWIN_OF_FLOATS(mse_loss)
MYNAH_CUDA_TWIN_OF_FLOATS(softmax_cross_entropy_loss)
MYNAH_CUDA_TWIN(count_correct)
MYNAH_CUDA_TWIN(argmax_rows)

namespace eigen {
template <class Scalar>
void mse_loss(Stream&, MatrixView<const Scalar> prediction, MatrixView<const Scalar> target,
              VectorView<double> loss_sum, MatrixView<Scalar> gradient);
template <class Scalar>
void softmax_cross_entropy_loss(Stream&, MatrixView<const Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixView<Scalar> gradient);
template <class Scalar>
void count_correct(Stream&, MatrixView<const Scalar> scores, ConstLabels labels, VectorView<double> count);
template <class Scalar>
void argmax_rows(Stream&, MatrixView<const Scalar> scores, Labels out);
}  // namespace eigen

}  // namespace mynah::kernels
