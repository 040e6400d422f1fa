#include "kernels/reduction.h"

namespace mynah::kernels {

void column_moments(Stream& stream, ConstMatrix x, Vector mean, Vector variance) {
  require(mean.size == x.columns, "column_moments", "mean [columns]");
  require(variance.size == 0 || variance.size == x.columns, "column_moments", "variance [columns], or empty");
  if (x.columns == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(column_moments, stream, x, mean, variance);
  eigen::column_moments<float>(stream, x, mean, variance);
}

void sum(Stream& stream, ConstVector x, VectorView<double> out) {
  require(out.size == 1, "sum", "an out of one value");
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(sum, stream, x, out);
  eigen::sum<float>(stream, x, out);
}

}  // namespace mynah::kernels
