#include "kernels/reduction.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void column_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance) {
  require(mean.size == x.columns, "column_moments", "mean [columns]");
  require(variance.size == 0 || variance.size == x.columns, "column_moments", "variance [columns], or empty");
  if (x.columns == 0) return;
  if (is_only_counted(stream, x, mean, variance)) return;
  MYNAH_CALL_TWIN(column_moments, stream, x, mean, variance);
}

template <class Scalar>
void row_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance) {
  require(mean.size == x.rows, "row_moments", "mean [rows]");
  require(variance.size == 0 || variance.size == x.rows, "row_moments", "variance [rows], or empty");
  if (x.rows == 0) return;
  if (is_only_counted(stream, x, mean, variance)) return;
  MYNAH_CALL_TWIN(row_moments, stream, x, mean, variance);
}

template <class Scalar>
void column_sums(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out, bool add) {
  require(out.size == x.columns, "column_sums", "out [columns]");
  if (x.columns == 0) return;
  if (is_only_counted(stream, x, changed(out, add))) return;
  MYNAH_CALL_TWIN(column_sums, stream, x, out, add);
}

template <class Scalar>
void row_sums(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out) {
  require(out.size == x.rows, "row_sums", "out [rows]");
  if (x.rows == 0) return;
  if (is_only_counted(stream, x, out)) return;
  MYNAH_CALL_TWIN(row_sums, stream, x, out);
}

template <class Scalar>
void column_maxima(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out) {
  require(out.size == x.columns, "column_maxima", "out [columns]");
  if (x.columns == 0) return;
  if (is_only_counted(stream, x, out)) return;
  MYNAH_CALL_TWIN(column_maxima, stream, x, out);
}

template <class Scalar>
void row_maxima(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> out) {
  require(out.size == x.rows, "row_maxima", "out [rows]");
  if (x.rows == 0) return;
  if (is_only_counted(stream, x, out)) return;
  MYNAH_CALL_TWIN(row_maxima, stream, x, out);
}

template <class Scalar>
void sum(Stream& stream, ConstVectorOf<Scalar> x, VectorView<double> out) {
  require(out.size == 1, "sum", "an out of one value");
  if (is_only_counted(stream, x, out)) return;
  MYNAH_CALL_TWIN(sum, stream, x, out);
}

template <class Scalar>
void vector_norm(Stream& stream, Norm norm, ConstVectorOf<Scalar> x, VectorView<double> out) {
  require(out.size == 1, "vector_norm", "an out of one value");
  if (is_only_counted(stream, x, out)) return;
  MYNAH_CALL_TWIN(vector_norm, stream, norm, x, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(column_moments)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_moments)
MYNAH_FOR_FLOAT_AND_DOUBLE(column_sums)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_sums)
MYNAH_FOR_FLOAT_AND_DOUBLE(column_maxima)
MYNAH_FOR_FLOAT_AND_DOUBLE(row_maxima)
MYNAH_FOR_FLOAT_AND_DOUBLE(sum)
MYNAH_FOR_FLOAT_AND_DOUBLE(vector_norm)

}  // namespace mynah::kernels
