#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Categorical distributions over n classes, one a row, given by logits: the stochastic policies of discrete actions.
///
///   logits [rows, n], n >= 1      p_c = exp(l_c) / Σ_k exp(l_k)
///
/// The row's largest logit is subtracted first, so logits of any size are safe. A logit of -∞ is an action that cannot
/// be taken: p = 0 exactly, it is never drawn, adds nothing to entropy and divergence, and its gradient is 0. A row
/// without a finite logit, with NaN or with +∞ is no distribution: its results are NaN, and what is drawn is -1.
/// Everything is computed in double and rounded once, since divergences of like distributions cancel. The mode is
/// argmax_rows (kernels/loss.h).
///
/// labels [rows], each in [0, n). Results of rows are contiguous vectors [rows]. Every `_backward` *adds* to its
/// gradient [rows, n]; `gradient` [rows] is dL/dout. Sums have a fixed order. No matrix that is written may overlap
/// another argument.

/// labels_r = argmax_c (l_c - log(-log u_rc)), which has the probabilities p (the Gumbel-max trick). u_rc = (word +
/// 1/2) / 2³² for word number r n + c of (key, step[0]); step: one Index in device memory, or null for 0. Every device
/// draws the same labels. At most 2³⁴ elements.
template <class Scalar = float>
void categorical_sample(Stream& stream, RandomKey key, const Index* step, ConstMatrixOf<Scalar> logits, Labels labels);

/// out_r = log p_label(r): -∞ where the label cannot be taken, NaN where it is not in [0, n).
template <class Scalar = float>
void categorical_log_probability(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                 VectorOf<Scalar> out);

/// dlogits_c += gradient_r ([c = label(r)] - p_c)
template <class Scalar = float>
void categorical_log_probability_backward(Stream& stream, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                          ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> logits_gradient);

/// out_r = H = -Σ_c p_c log p_c, with 0 log 0 = 0
template <class Scalar = float>
void categorical_entropy(Stream& stream, ConstMatrixOf<Scalar> logits, VectorOf<Scalar> out);

/// dlogits_c -= gradient_r p_c (log p_c + H)
template <class Scalar = float>
void categorical_entropy_backward(Stream& stream, ConstMatrixOf<Scalar> logits, ConstVectorOf<Scalar> gradient,
                                  MatrixOf<Scalar> logits_gradient);

/// out_r = KL(p ‖ q) = Σ_c p_c (log p_c - log q_c) over the c with p_c > 0: +∞ where q cannot take an action of p.
template <class Scalar = float>
void categorical_kl_divergence(Stream& stream, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                               VectorOf<Scalar> out);

/// With g = gradient_r; either gradient may be empty:
///
///   dp_logits_c += g p_c (log p_c - log q_c - KL)      dq_logits_c += g (q_c - p_c)
template <class Scalar = float>
void categorical_kl_divergence_backward(Stream& stream, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                                        ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> p_logits_gradient,
                                        MatrixOf<Scalar> q_logits_gradient);

/// The Fisher information of each row's distribution, times a direction of its logits (see gaussian_fisher_product):
///
///   product_c += scale p_c (tangent_c - Σ_k p_k tangent_k)      tangent, product [rows, n]
template <class Scalar = float>
void categorical_fisher_product(Stream& stream, ConstMatrixOf<Scalar> logits, ConstMatrixOf<Scalar> tangent,
                                float scale, MatrixOf<Scalar> product);

MYNAH_CUDA_TWIN_OF_FLOATS(categorical_sample)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_log_probability)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_log_probability_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_entropy)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_entropy_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_kl_divergence)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_kl_divergence_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(categorical_fisher_product)

namespace eigen {
template <class Scalar>
void categorical_sample(Stream&, RandomKey key, const Index* step, ConstMatrixOf<Scalar> logits, Labels labels);
template <class Scalar>
void categorical_log_probability(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels, VectorOf<Scalar> out);
template <class Scalar>
void categorical_log_probability_backward(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                          ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> logits_gradient);
template <class Scalar>
void categorical_entropy(Stream&, ConstMatrixOf<Scalar> logits, VectorOf<Scalar> out);
template <class Scalar>
void categorical_entropy_backward(Stream&, ConstMatrixOf<Scalar> logits, ConstVectorOf<Scalar> gradient,
                                  MatrixOf<Scalar> logits_gradient);
template <class Scalar>
void categorical_kl_divergence(Stream&, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                               VectorOf<Scalar> out);
template <class Scalar>
void categorical_kl_divergence_backward(Stream&, ConstMatrixOf<Scalar> p_logits, ConstMatrixOf<Scalar> q_logits,
                                        ConstVectorOf<Scalar> gradient, MatrixOf<Scalar> p_logits_gradient,
                                        MatrixOf<Scalar> q_logits_gradient);
template <class Scalar>
void categorical_fisher_product(Stream&, ConstMatrixOf<Scalar> logits, ConstMatrixOf<Scalar> tangent, float scale,
                                MatrixOf<Scalar> product);
}  // namespace eigen

}  // namespace mynah::kernels
