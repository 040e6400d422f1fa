#include "kernels/prefix_sum.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void prefix_sums(Stream& stream, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y, PrefixSumOptions options) {
  require(same_shape(x, y), "prefix_sums", "y of the shape of x");
  if (x.empty()) return;
  if (is_only_counted(stream, x, y)) return;
  MYNAH_CALL_TWIN(prefix_sums, stream, x, y, options);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(prefix_sums)

}  // namespace mynah::kernels
