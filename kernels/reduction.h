#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// Sums, moments, maxima and norms, of vectors and of the rows and columns of a matrix. Accumulators are doubles and
/// the order is fixed: the same call gives the same bits. A maximum over values with a NaN among them is NaN; a maximum
/// over nothing is -infinity. Sums and norms of nothing are 0. Outputs may not overlap x.

/// Mean and population variance of each column, in two passes with double accumulators and a fixed order:
///
///   mean_c = 1/rows Σ_m x_mc          variance_c = 1/rows Σ_m (x_mc - mean_c)²
///
/// x [rows, columns], mean [columns], variance [columns] or empty. rows = 0: both become 0.
template <class Scalar = float>
void column_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance);

/// The same of each row: mean and variance [rows], variance or empty. columns = 0: both become 0.
template <class Scalar = float>
void row_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance);

/// out_c = Σ_m x_mc; with `add`, on top of what out holds. x [rows, columns], out [columns].
template <class Scalar = float>
void column_sums(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out, bool add = false);

/// out_m = Σ_c x_mc. x [rows, columns], out [rows].
template <class Scalar = float>
void row_sums(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out);

/// out_c = max_m x_mc. x [rows, columns], out [columns].
template <class Scalar = float>
void column_maxima(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out);

/// out_m = max_c x_mc. x [rows, columns], out [rows]. The position of it is argmax_rows (kernels/loss.h).
template <class Scalar = float>
void row_maxima(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out);

/// out[0] = Σ_i x_i, in double and a fixed order. x [n], out: one double in device memory.
template <class Scalar = float>
void sum(Stream& stream, ConstVectorOf<Scalar> x, VectorView<double> out);

enum class Norm {
  l1,       ///< Σ |x_i|
  l2,       ///< sqrt(Σ x_i²)
  maximum,  ///< max |x_i|; 0 for no values
};

/// out[0] = the norm of x, in double. x [n], out: one double in device memory.
template <class Scalar = float>
void vector_norm(Stream& stream, Norm norm, ConstVectorOf<Scalar> x, VectorView<double> out);

MYNAH_CUDA_TWIN_OF_FLOATS(column_moments)
MYNAH_CUDA_TWIN_OF_FLOATS(row_moments)
MYNAH_CUDA_TWIN_OF_FLOATS(column_sums)
MYNAH_CUDA_TWIN_OF_FLOATS(row_sums)
MYNAH_CUDA_TWIN_OF_FLOATS(column_maxima)
MYNAH_CUDA_TWIN_OF_FLOATS(row_maxima)
MYNAH_CUDA_TWIN_OF_FLOATS(sum)
MYNAH_CUDA_TWIN_OF_FLOATS(vector_norm)

namespace eigen {
template <class Scalar>
void column_moments(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> mean, VectorView<Scalar> variance);
template <class Scalar>
void row_moments(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> mean, VectorView<Scalar> variance);
template <class Scalar>
void column_sums(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out, bool add);
template <class Scalar>
void row_sums(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out);
template <class Scalar>
void column_maxima(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out);
template <class Scalar>
void row_maxima(Stream&, MatrixView<const Scalar> x, VectorView<Scalar> out);
template <class Scalar>
void sum(Stream&, VectorView<const Scalar> x, VectorView<double> out);
template <class Scalar>
void vector_norm(Stream&, Norm norm, VectorView<const Scalar> x, VectorView<double> out);
}  // namespace eigen

}  // namespace mynah::kernels
