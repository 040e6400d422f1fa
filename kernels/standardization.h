#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Observation and action normalisation, per column. A deviation must be positive: where a column is constant, whoever
/// computes the deviations writes 1.

/// y_mc = (x_mc - mean_c) / deviation_c. x, y [rows, columns], mean, deviation [columns]. y may be x itself.
template <class Scalar = float>
void standardize(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean, ConstVectorOf<Scalar> deviation,
                 MatrixOf<Scalar> y);

/// dx_mc = dy_mc / deviation_c: backward of standardize. dx may be dy itself.
template <class Scalar = float>
void standardize_backward(Stream& stream, ConstMatrixOf<Scalar> dy, ConstVectorOf<Scalar> deviation,
                          MatrixOf<Scalar> dx);

/// y_mc = x_mc deviation_c + mean_c: the inverse of standardize. y may be x itself.
template <class Scalar = float>
void unstandardize(Stream& stream, ConstMatrixOf<Scalar> x, ConstVectorOf<Scalar> mean, ConstVectorOf<Scalar> deviation,
                   MatrixOf<Scalar> y);

/// dx_mc = dy_mc deviation_c: backward of unstandardize. dx may be dy itself.
template <class Scalar = float>
void unstandardize_backward(Stream& stream, ConstMatrixOf<Scalar> dy, ConstVectorOf<Scalar> deviation,
                            MatrixOf<Scalar> dx);

MYNAH_CUDA_TWIN_OF_FLOATS(standardize)
MYNAH_CUDA_TWIN_OF_FLOATS(standardize_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(unstandardize)
MYNAH_CUDA_TWIN_OF_FLOATS(unstandardize_backward)

namespace eigen {
template <class Scalar>
void standardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean, VectorView<const Scalar> deviation,
                 MatrixView<Scalar> y);
template <class Scalar>
void standardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                          MatrixView<Scalar> dx);
template <class Scalar>
void unstandardize(Stream&, MatrixView<const Scalar> x, VectorView<const Scalar> mean,
                   VectorView<const Scalar> deviation, MatrixView<Scalar> y);
template <class Scalar>
void unstandardize_backward(Stream&, MatrixView<const Scalar> dy, VectorView<const Scalar> deviation,
                            MatrixView<Scalar> dx);
}  // namespace eigen

}  // namespace mynah::kernels
