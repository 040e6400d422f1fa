#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Mean and population variance of each column, in two passes with double accumulators and a fixed order:
///
///   mean_c = 1/rows Σ_m x_mc          variance_c = 1/rows Σ_m (x_mc - mean_c)²
///
/// x [rows, columns], mean [columns], variance [columns] or empty. rows = 0: both become 0.
template <class Scalar = float>
void column_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance);

/// out[0] = Σ_i x_i, in double and a fixed order. x [n], out: one double in device memory.
template <class Scalar = float>
void sum(Stream& stream, ConstVectorOf<Scalar> x, VectorView<double> out);

MYNAH_CUDA_TWIN_OF_FLOATS(column_moments)
MYNAH_CUDA_TWIN_OF_FLOATS(sum)

namespace eigen {
template <class Scalar>
void column_moments(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> mean, VectorView<Scalar> variance);
template <class Scalar>
void sum(Stream&, VectorView<const Scalar> x, VectorView<double> out);
}  // namespace eigen

}  // namespace mynah::kernels
