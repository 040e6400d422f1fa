#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

struct PrefixSumOptions {
  bool exclusive = false;  ///< Without the element itself.
  bool reverse = false;    ///< From the last column on: suffix sums.
};

/// Sums of everything up to an element, in every row by itself:
///
///   y_mc = Σ_{k <= c} x_mk      exclusive: k < c      reverse: k >= c; both: k > c
///
/// x, y [rows, columns]; y may be x itself. A vector is a matrix of one row. Accumulated in double and in a fixed
/// order, each element rounded once. The operation is linear: it is its own tangent pass, and its backward pass is the
/// same operation with `reverse` turned round,
///
///   dx_mk = Σ_{c >= k} dy_mc.
template <class Scalar = float>
void prefix_sums(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y, PrefixSumOptions options = {});

MYNAH_CUDA_TWIN_OF_FLOATS(prefix_sums)

namespace eigen {
template <class Scalar>
void prefix_sums(Stream&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y, PrefixSumOptions options);
}  // namespace eigen

}  // namespace mynah::kernels
