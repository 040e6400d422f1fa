#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// What several networks, the members of an ensemble, say together, and how far they disagree (algorithms/ensemble.h).
/// Their outputs lie behind each other: member k of M has rows [k rows, (k + 1) rows) of x [M rows, columns]. Sums are
/// doubles, in an order that depends on M alone. Outputs may not overlap x.

/// Bounds of the members' outputs: low_kc <= x_krc <= high_kc, clipped to them before anything else; NaN stays NaN.
/// low, high [M, columns], or empty for none.
struct EnsembleBounds {
  ConstMatrix low, high;
};

///   mean_rc = 1/M Σ_k x_krc          deviation_rc = sqrt(1/M Σ_k (x_krc - mean_rc)²)
///
/// x [M rows, columns] with M >= 1, mean and deviation [rows, columns].
void ensemble_moments(Stream& stream, ConstMatrix x, const EnsembleBounds& bounds, Matrix mean, Matrix deviation);

/// Of the classes' probabilities p_kr = softmax(scores_kr):
///
///   mean_rc = 1/M Σ_k p_krc          information_r = max(0, H(mean_r) - 1/M Σ_k H(p_kr)),   H(p) = -Σ_c p_c ln p_c
///
/// the mutual information of class and member, in nats; where a score is NaN, it is NaN, and so is the mean: a member
/// that says nothing must not look like agreement. scores [M rows, classes] with M >= 1 and classes >= 1, mean [rows,
/// classes], information [rows]. The class that is chosen is argmax_rows of the mean (kernels/classification.h).
void ensemble_probabilities(Stream& stream, ConstMatrix scores, Matrix mean, Vector information);

MYNAH_CUDA_TWIN(ensemble_moments)
MYNAH_CUDA_TWIN(ensemble_probabilities)

namespace eigen {
void ensemble_moments(Stream&, ConstMatrix x, const EnsembleBounds& bounds, Matrix mean, Matrix deviation);
void ensemble_probabilities(Stream&, ConstMatrix scores, Matrix mean, Vector information);
}  // namespace eigen

}  // namespace mynah::kernels
