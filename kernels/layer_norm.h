#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Layer normalisation (Ba, Kiros and Hinton 2016), as torch.nn.LayerNorm: every group of `size` neighbouring columns
/// of a row is standardised by its own mean and deviation, then scaled and shifted,
///
///   y = w x̂ + b,   x̂ = (x - μ) r,   μ = mean(x),   r = (mean((x - μ)²) + epsilon)^(-1/2)
///
///   x, y  [rows, groups * size]      w, b  [size], size >= 1      μ, r  [rows * groups], row by row
///
/// rows and groups may be zero. The mean is taken of x - x_0, x_0 being the group's first value, and the deviation in a
/// second walk: a group of equal values gives x̂ = 0 exactly, however large they are. Sums have a fixed order per
/// backend and shape.

/// y, μ and r are overwritten. y may be x itself, and may not overlap it otherwise.
template <class Scalar = float>
void layer_norm_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        float epsilon, MatrixOf<Scalar> y, VectorOf<Scalar> mean,
                        VectorOf<Scalar> reciprocal_deviation);

/// Backward, with P of kernels/normalized_tangent.h over each group:
///
///   dx = r P(w dy)        dw = Σ dy x̂        db = Σ dy        summed over rows and groups
///
/// dx is overwritten, dw and db are added to; each may be empty where nobody needs it. No output may overlap an input.
template <class Scalar = float>
void layer_norm_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                         ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx,
                         VectorOf<Scalar> dw, VectorOf<Scalar> db);

/// ẏ = w r P(ẋ) + ẇ x̂ + ḃ. Empty ẋ, ẇ, ḃ: zero. ẏ is overwritten and may not overlap an input.
template <class Scalar = float>
void layer_norm_tangent(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent);

/// What the backward pass of forward and tangent reads, and the gradients it writes.
template <class Scalar>
struct LayerNormTangentBackward {
  MatrixView<const Scalar> x;
  VectorView<const Scalar> w, mean, reciprocal_deviation;
  MatrixView<const Scalar> x_tangent;           ///< ẋ; empty: zero
  VectorView<const Scalar> w_tangent;           ///< ẇ; empty: zero
  MatrixView<const Scalar> y_gradient;          ///< ȳ = dL/dy
  MatrixView<const Scalar> y_tangent_gradient;  ///< u = dL/dẏ
  MatrixView<Scalar> dx;                        ///< dL/dx, overwritten; empty: not needed
  MatrixView<Scalar> dx_tangent;                ///< dL/dẋ, overwritten; empty: not needed
  VectorView<Scalar> dw, db;                    ///< dL/dw, dL/db, added to; empty: not needed
};

/// Backward of y and ẏ together: see kernels/normalized_tangent.h. No output may overlap an input.
template <class Scalar = float>
void layer_norm_tangent_backward(Stream& stream, const LayerNormTangentBackward<Scalar>& pass);

MYNAH_CUDA_TWIN_OF_FLOATS(layer_norm_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(layer_norm_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(layer_norm_tangent)
MYNAH_CUDA_TWIN_OF_FLOATS(layer_norm_tangent_backward)

namespace eigen {
template <class Scalar>
void layer_norm_forward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        float epsilon, MatrixOf<Scalar> y, VectorOf<Scalar> mean,
                        VectorOf<Scalar> reciprocal_deviation);
template <class Scalar>
void layer_norm_backward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                         ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx,
                         VectorOf<Scalar> dw, VectorOf<Scalar> db);
template <class Scalar>
void layer_norm_tangent(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent);
template <class Scalar>
void layer_norm_tangent_backward(Stream&, const LayerNormTangentBackward<Scalar>& pass);
}  // namespace eigen

}  // namespace mynah::kernels
