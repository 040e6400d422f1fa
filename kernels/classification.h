#pragma once

#include <optional>

#include "kernels/operation.h"

namespace mynah::kernels {

template <class Scalar = float>
struct CrossEntropyOptions {
  VectorView<const Scalar> class_weights = {};     ///< [classes], in device memory; empty: 1 each.
  Scalar label_smoothing = Scalar(0);              ///< ε in [0, 1]: Szegedy et al. 2016.
  std::optional<std::int32_t> ignored_label = {};  ///< Rows with this label count for nothing, such as padding.
  VectorView<const Scalar> weights = {};           ///< [rows], in device memory: see kernels/loss.h; empty: 1 each.
};

/// Cross-entropy of p = softmax(logits) and class indices, as torch.nn.CrossEntropyLoss, with the row maximum
/// subtracted first so that logits of any size are safe. With K classes, class weights u, smoothing ε and row weights
/// w:
///
///   q_mc = (1 - ε) u_c [c = label(m)] + u_c ε / K           what a row is compared with; Q_m = Σ_c q_mc
///   L = -1/D Σ_m w_m Σ_c q_mc ln p_mc                       p_mc = exp(l_mc) / Σ_k exp(l_mk)
///   gradient_mc = w_m (Q_m p_mc - q_mc) / D
///
/// where both the sum over rows and D = Σ_m u_label(m) leave out the rows whose label is the ignored one; their
/// gradient is 0, whatever their logits. Without class weights and ignored label, D is the number of rows, as in every
/// other loss; with them, L is torch's mean, and w is not part of D.
///
/// loss_sum is added rows * L, rows with ignored ones: divided by the rows it is L for a single batch; over several
/// batches it is the mean of their L by their rows, which is the data set's own L where D is the same share of each.
/// D = 0 (every row ignored): L and gradient are 0, where torch has NaN.
///
/// logits, gradient [rows, classes], classes >= 1; labels [rows]. gradient may be logits itself. Labels are checked
/// where data enter (check_targets of engine/loss.h); here, one outside of [0, classes) makes the loss and the gradient
/// of its row NaN.
template <class Scalar = float>
void softmax_cross_entropy_loss(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                VectorView<double> loss_sum, MatrixOf<Scalar> gradient,
                                CrossEntropyOptions<Scalar> options = {});

/// The product of the loss's Hessian with a direction of the logits; see kernels/loss.h:
///
///   gradient_tangent_mc = w_m Q_m p_mc (logits_tangent_mc - Σ_k p_mk logits_tangent_mk) / D
///
/// All matrices [rows, classes]. gradient_tangent may be logits itself; it may not overlap logits_tangent.
template <class Scalar = float>
void softmax_cross_entropy_loss_tangent(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                        ConstMatrixOf<Scalar> logits_tangent, MatrixOf<Scalar> gradient_tangent,
                                        CrossEntropyOptions<Scalar> options = {});

/// Adds to count[0] the number of rows m whose largest score stands at labels(m); of equal scores the first counts.
/// scores [rows, classes], labels [rows], count: one double. A label that is no class is never met.
void count_correct(Stream& stream, ConstMatrix scores, ConstLabels labels, VectorView<double> count);

/// out(m) = position of the largest score of row m, the first of equals. scores [rows, classes >= 1], out [rows].
void argmax_rows(Stream& stream, ConstMatrix scores, Labels out);

MYNAH_CUDA_TWIN_OF_FLOATS(softmax_cross_entropy_loss)
MYNAH_CUDA_TWIN_OF_FLOATS(softmax_cross_entropy_loss_tangent)
MYNAH_CUDA_TWIN(count_correct)
MYNAH_CUDA_TWIN(argmax_rows)

namespace eigen {
template <class Scalar>
void softmax_cross_entropy_loss(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels, VectorView<double> loss_sum,
                                MatrixOf<Scalar> gradient, CrossEntropyOptions<Scalar>);
template <class Scalar>
void softmax_cross_entropy_loss_tangent(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                        ConstMatrixOf<Scalar> logits_tangent, MatrixOf<Scalar> gradient_tangent,
                                        CrossEntropyOptions<Scalar>);
template <class Scalar>
void count_correct(Stream&, MatrixView<const Scalar> scores, ConstLabels labels, VectorView<double> count);
template <class Scalar>
void argmax_rows(Stream&, MatrixView<const Scalar> scores, Labels out);
}  // namespace eigen

}  // namespace mynah::kernels
