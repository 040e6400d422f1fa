#include "kernels/prefix_sum.h"

namespace mynah::kernels::eigen {

template <class Scalar>
void prefix_sums(Stream&, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y, PrefixSumOptions options) {
  for (Index m = 0; m < x.rows; ++m) {
    double total = 0.0;
    for (Index i = 0; i < x.columns; ++i) {
      const Index c = options.reverse ? x.columns - 1 - i : i;
      const double before = total;
      total += static_cast<double>(x.row(m).data[c]);
      y.row(m).data[c] = static_cast<Scalar>(options.exclusive ? before : total);
    }
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(prefix_sums)

}  // namespace mynah::kernels::eigen
