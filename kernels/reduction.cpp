#include "kernels/reduction.h"

namespace mynah::kernels {

template <class Scalar>
void column_moments(Stream& stream, ConstMatrixOf<Scalar> x, VectorOf<Scalar> mean, VectorOf<Scalar> variance) {
  require(mean.size == x.columns, "column_moments", "mean [columns]");
  require(variance.size == 0 || variance.size == x.columns, "column_moments", "variance [columns], or empty");
  if (x.columns == 0) return;
  MYNAH_CALL_TWIN(column_moments, stream, x, mean, variance);
}

template <class Scalar>
void sum(Stream& stream, ConstVectorOf<Scalar> x, VectorView<double> out) {
  require(out.size == 1, "sum", "an out of one value");
  MYNAH_CALL_TWIN(sum, stream, x, out);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(column_moments)
MYNAH_FOR_FLOAT_AND_DOUBLE(sum)

}  // namespace mynah::kernels
