#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Rows of a table by their numbers, as torch.nn.Embedding:
///
///   y_r,(i size + s) = table_(index_ri),s
///
///   indices [rows, positions], whole numbers in [0, count) as floats      table [count, size]
///   y       [rows, positions size]
///
/// Indices are floats because every value of a network is; whole numbers are exact in a float up to 2²⁴ = 16777216.
/// What is no whole number in [0, count) reads nothing and gives NaN, so that it is seen. Any extent may be zero. y may
/// not overlap the inputs.
///
/// It is linear in the table and constant in the indices, so it is the tangent pass as well: applied to a tangent of
/// the table it gives ẏ. constant_row: a row of the table that is not trained, hence whose tangent is 0: its positions
/// become 0 (-1: none).
template <class Scalar = float>
void embedding_forward(Stream& stream, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> table, MatrixOf<Scalar> y,
                       Index constant_row = -1);

/// Backward of embedding_forward, given dy = dL/dy [rows, positions size]:
///
///   dtable_ts = dtable_ts + Σ dy_r,(i size + s) over the r, i with index_ri = t
///
/// dtable [count, size] is added to. Row constant_row (padding; -1: none) gets nothing, nor does any row from an index
/// that is no whole number in [0, count). Sums run in a fixed order, without atomics. rows positions < 2³¹.
///
/// On CUDA every row of the table scans all indices, which costs count rows positions / 32 steps of a warp: cheap for
/// the discrete observations and actions of control, not meant for vocabularies of 10⁵ words.
template <class Scalar = float>
void embedding_backward(Stream& stream, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> dy,
                        MatrixOf<Scalar> dtable, Index constant_row = -1);

MYNAH_CUDA_TWIN_OF_FLOATS(embedding_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(embedding_backward)

namespace eigen {
template <class Scalar>
void embedding_forward(Stream&, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> table, MatrixOf<Scalar> y,
                       Index constant_row);
template <class Scalar>
void embedding_backward(Stream&, ConstMatrixOf<Scalar> indices, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dtable,
                        Index constant_row);
}  // namespace eigen

}  // namespace mynah::kernels
