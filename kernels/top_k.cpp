#include "kernels/top_k.h"

#include <limits>

#include "kernels/operation_count.h"

namespace mynah::kernels {

void top_k_rows(Stream& stream, ConstMatrix x, Matrix values, Labels positions) {
  require(values.rows == x.rows && values.columns <= x.columns, "top_k_rows", "values [rows, k] with k <= columns");
  require(positions.size == values.rows * values.columns, "top_k_rows", "positions [rows, k]");
  require(x.columns < std::numeric_limits<std::int32_t>::max(), "top_k_rows", "fewer than 2147483647 columns");
  if (values.empty()) return;
  if (is_only_counted(stream, x, values, positions)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(top_k_rows, stream, x, values, positions);
  eigen::top_k_rows(stream, x, values, positions);
}

}  // namespace mynah::kernels
