#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Euclidean norms of rows. Sums run in double and a fixed order. Any size may be
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

MYNAH_CUDA_TWIN_OF_FLOATS(row_norms)
MYNAH_CUDA_TWIN_OF_FLOATS(row_norms_backward)

namespace eigen {
template <class Scalar>
void row_norms(Stream&, ConstMatrixOf<Scalar> x, VectorOf<Scalar> norms);
template <class Scalar>
void row_norms_backward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> norms,
                        ConstVectorOf<Scalar> norm_gradient, MatrixOf<Scalar> dx);
}  // namespace eigen

}  // namespace mynah::kernels
