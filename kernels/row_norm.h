#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Euclidean norms of rows, what a gradient penalty is made of. Sums run in double and a fixed order. Any size may be
/// zero.

/// n_m = ‖x_m‖ = sqrt(Σ_c x_mc²). x [rows, columns], norms [rows].
template <class Scalar = float>
void row_norms(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms);

/// Backward of row_norms, given d_m = dL/dn_m:
///
///   dx_mc = d_m x_mc / n_m              since ∂n/∂x_c = x_c / n; 0 where n_m = 0, a point without a derivative
///
/// x, dx [rows, columns], norms and norm_gradient [rows]. dx may be x itself.
template <class Scalar = float>
void row_norms_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx);

/// A penalty on the distance of norms from a target, and its gradient, in one pass. With x the gradients of a critic
/// with respect to its inputs and target 1 it is that of Gulrajani et al. 2017, with target 0 the R1 of Mescheder et
/// al. 2018 (weight γ/2):
///
///   L = weight/rows Σ_m (n_m - target)²       gradient_mc = 2 weight/rows (n_m - target) x_mc / n_m
///
/// with gradient 0 where n_m = 0. As the losses do (kernels/loss.h), `loss_sum` (one double, or empty) is added rows *
/// L and gradient [rows, columns] (or empty) is overwritten; it may be x itself. x [rows, columns].
template <class Scalar = float>
void norm_penalty(Stream& stream, ConstMatrixOf<Scalar> x, double target, double weight, VectorView<double> loss_sum,
                  MatrixOf<Scalar> gradient);

MYNAH_CUDA_TWIN_OF_FLOATS(row_norms)
MYNAH_CUDA_TWIN_OF_FLOATS(row_norms_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(norm_penalty)

namespace eigen {
template <class Scalar>
void row_norms(Stream&, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms);
template <class Scalar>
void row_norms_backward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx);
template <class Scalar>
void norm_penalty(Stream&, ConstMatrixOf<Scalar> x, double target, double weight, VectorView<double> loss_sum,
                  MatrixOf<Scalar> gradient);
}  // namespace eigen

}  // namespace mynah::kernels
