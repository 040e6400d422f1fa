#include "kernels/dropout.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {

template <class Scalar>
void dropout_forward(Stream& stream, RandomKey key, const Index* step, float p, ConstMatrixOf<Scalar> x,
                     MatrixOf<Scalar> y) {
  require(same_shape(x, y), "dropout_forward", "y of the shape of x");
  require(p >= 0.0f && p < 1.0f, "dropout_forward", "a probability p in [0, 1)");
  require(x.columns == 0 || x.rows <= (Index{1} << 34) / x.columns, "dropout_forward", "at most 2^34 elements");
  if (y.empty()) return;
  if (is_only_counted(stream, step, x, y)) return;
  MYNAH_CALL_TWIN(dropout_forward, stream, key, step, p, x, y);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(dropout_forward)

}  // namespace mynah::kernels
