#include "kernels/histogram.h"

#include <cmath>
#include <limits>

#include "kernels/operation_count.h"

namespace mynah::kernels {

void histogram(Stream& stream, ConstVector x, float low, float high, Labels counts) {
  require(counts.size >= 1, "histogram", "at least one bin");
  require(std::isfinite(low) && std::isfinite(high) && low < high, "histogram", "finite numbers low < high");
  require(x.size <= std::numeric_limits<std::int32_t>::max(), "histogram", "at most 2147483647 values");
  if (is_only_counted(stream, x, changed(counts))) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(histogram, stream, x, low, high, counts);
  eigen::histogram(stream, x, low, high, counts);
}

}  // namespace mynah::kernels
