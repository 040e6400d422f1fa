#include "kernels/top_k.h"

#include <algorithm>
#include <functional>

#include "kernels/top_k_key.h"

namespace mynah::kernels::eigen {

void top_k_rows(Stream& stream, ConstMatrix x, Matrix values, Labels positions) {
  auto* keys = static_cast<unsigned long long*>(
      stream.scratch(static_cast<std::size_t>(x.columns) * sizeof(unsigned long long)));
  const Index k = values.columns;
  for (Index m = 0; m < x.rows; ++m) {
    const float* row = x.row(m).data;
    for (Index c = 0; c < x.columns; ++c) keys[c] = top_k_key(row[c], c);
    std::partial_sort(keys, keys + k, keys + x.columns, std::greater<>());
    for (Index i = 0; i < k; ++i) {
      const Index position = position_of_key(keys[i]);
      values.row(m).data[i] = row[position];
      positions.data[m * k + i] = static_cast<std::int32_t>(position);
    }
  }
}

}  // namespace mynah::kernels::eigen
