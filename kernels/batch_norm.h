#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Batch normalisation (Ioffe and Szegedy 2015), as torch.nn.BatchNorm1d and BatchNorm2d: every channel is standardised
/// over all rows and positions of the batch, or by fixed numbers, then scaled and shifted,
///
///   y = w x̂ + b,   x̂ = (x - μ) r
///
///   x, y  [rows, channels * positions], a channel's positions being neighbours      w, b, μ, r  [channels]
///
/// All sizes may be zero: then nothing happens. Sums have a fixed order per backend and shape, in double.

/// What the moments μ and r of a channel come from.
enum class BatchMoments {
  of_batch,   ///< batch_norm_statistics: they change with x
  constants,  ///< batch_norm_running: they do not
};

/// The running statistics of a layer, [channels] each.
template <class Scalar>
struct RunningStatistics {
  VectorView<Scalar> mean, variance;
};

/// The moments of the batch, with n = rows * positions values a channel, and the running ones moved towards them:
///
///   μ = mean(x)      v = mean((x - μ)²)      r = (v + epsilon)^(-1/2)
///   running mean = (1 - momentum) running mean + momentum μ
///   running variance = (1 - momentum) running variance + momentum v n / (n - 1)
///
/// Deviations are taken from a channel's first value, so that a constant channel has v = 0 exactly. n >= 2 where there
/// is any. Nothing may overlap.
template <class Scalar = float>
void batch_norm_statistics(Stream& stream, ConstMatrixOf<Scalar> x, float epsilon, float momentum,
                           RunningStatistics<Scalar> running, VectorOf<Scalar> mean,
                           VectorOf<Scalar> reciprocal_deviation);

/// μ = running mean, r = (running variance + epsilon)^(-1/2).
template <class Scalar = float>
void batch_norm_running(Stream& stream, ConstVectorOf<Scalar> running_mean, ConstVectorOf<Scalar> running_variance,
                        float epsilon, VectorOf<Scalar> mean, VectorOf<Scalar> reciprocal_deviation);

/// y = w (x - μ) r + b. y may be x itself.
template <class Scalar = float>
void batch_norm_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        MatrixOf<Scalar> y);

/// What the passes after forward read.
template <class Scalar>
struct BatchNormInput {
  BatchMoments moments = BatchMoments::of_batch;
  MatrixView<const Scalar> x;
  VectorView<const Scalar> mean, reciprocal_deviation, w;
};

/// Backward, with P of kernels/normalized_tangent.h over each channel:
///
///   dx = r P(w dy), or r w dy for constant moments        dw = Σ dy x̂        db = Σ dy
///
/// dx is overwritten, dw and db are added to; each may be empty where nobody needs it. No output may overlap an input.
template <class Scalar = float>
void batch_norm_backward(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx, VectorOf<Scalar> dw, VectorOf<Scalar> db);

/// ẏ = w r P(ẋ) + ẇ x̂ + ḃ, or w r ẋ + ẇ x̂ + ḃ for constant moments. Empty ẋ, ẇ, ḃ: zero. ẏ is overwritten and may not
/// overlap an input.
template <class Scalar = float>
void batch_norm_tangent(Stream& stream, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent);

/// What the backward pass of forward and tangent reads, and the gradients it writes.
template <class Scalar>
struct BatchNormTangentBackward {
  BatchNormInput<Scalar> input;
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
void batch_norm_tangent_backward(Stream& stream, const BatchNormTangentBackward<Scalar>& pass);

MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_statistics)
MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_running)
MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_tangent)
MYNAH_CUDA_TWIN_OF_FLOATS(batch_norm_tangent_backward)

namespace eigen {
template <class Scalar>
void batch_norm_statistics(Stream&, ConstMatrixOf<Scalar> x, float epsilon, float momentum,
                           RunningStatistics<Scalar> running, VectorOf<Scalar> mean,
                           VectorOf<Scalar> reciprocal_deviation);
template <class Scalar>
void batch_norm_running(Stream&, ConstVectorOf<Scalar> running_mean, ConstVectorOf<Scalar> running_variance,
                        float epsilon, VectorOf<Scalar> mean, VectorOf<Scalar> reciprocal_deviation);
template <class Scalar>
void batch_norm_forward(Stream&, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean,
                        ConstVectorOf<Scalar> reciprocal_deviation, ConstVectorOf<Scalar> w, ConstVectorOf<Scalar> b,
                        MatrixOf<Scalar> y);
template <class Scalar>
void batch_norm_backward(Stream&, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> dy, MatrixOf<Scalar> dx,
                         VectorOf<Scalar> dw, VectorOf<Scalar> db);
template <class Scalar>
void batch_norm_tangent(Stream&, const BatchNormInput<Scalar>& input, ConstMatrixOf<Scalar> x_tangent,
                        ConstVectorOf<Scalar> w_tangent, ConstVectorOf<Scalar> b_tangent, MatrixOf<Scalar> y_tangent);
template <class Scalar>
void batch_norm_tangent_backward(Stream&, const BatchNormTangentBackward<Scalar>& pass);
}  // namespace eigen

}  // namespace mynah::kernels
