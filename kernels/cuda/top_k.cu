#include "kernels/top_k.h"

#include "kernels/cuda/group_combine.h"
#include "kernels/cuda/launch.h"
#include "kernels/top_k_key.h"

namespace mynah::kernels::cuda {
namespace {

struct LargerKey {
  __device__ __forceinline__ unsigned long long operator()(unsigned long long a, unsigned long long b) const {
    return b > a ? b : a;
  }
};

/// A group of threads for each row. The next value is the largest of those below the one before, so nothing is marked
/// or moved: k passes over a row that stays in L1. Meant for a small k; sorting is for a large one.
template <int group>
__global__ void __launch_bounds__(sum_threads) top_k_kernel(ConstMatrix x, Matrix values, std::int32_t* positions) {
  const Index k = values.columns;
  for_each_row<group>(x.rows, [&](Index row, int lane, bool valid) {
    const ConstVector candidates = valid ? x.row(row) : ConstVector{};
    unsigned long long before = ~0ull;  // larger than every key
    for (Index i = 0; i < k; ++i) {
      unsigned long long best = 0;
      for (Index c = lane; c < candidates.size; c += group) {
        const unsigned long long key = top_k_key(candidates.data[c], c);
        if (key < before && key > best) best = key;
      }
      before = group_combine<group>(best, LargerKey{});
      if (!valid || lane != 0) continue;
      const Index position = position_of_key(before);
      values.data[row * values.stride + i] = candidates.data[position];
      positions[row * k + i] = static_cast<std::int32_t>(position);
    }
  });
}

}  // namespace

void top_k_rows(Stream& stream, ConstMatrix x, Matrix values, Labels positions) {
  with_group(x.columns, [&](auto group) {
    launch(stream, "top_k_rows", row_shape(row_blocks(x.rows, group)), top_k_kernel<group>, x, values, positions.data);
  });
}

}  // namespace mynah::kernels::cuda
