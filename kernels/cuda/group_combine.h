#pragma once

#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {

/// Any commutative reduction over a group of threads (see row_group.h), in every thread of it and in a fixed order:
/// partners combine the same two values. All threads of the block take part.
template <int group, class T, class Combine>
__device__ __forceinline__ T group_combine(T value, const Combine& combine) {
  constexpr int lanes = group > 32 ? 32 : group;
#pragma unroll
  for (int offset = lanes / 2; offset > 0; offset /= 2) {
    value = combine(value, __shfl_xor_sync(all_lanes, value, offset));
  }
  if constexpr (group > 32) {
    __shared__ T of_warp[group / 32];
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warp[0];
    for (int warp = 1; warp < group / 32; ++warp) value = combine(value, of_warp[warp]);
    __syncthreads();  // of_warp is free for the next call
  }
  return value;
}

/// For group_combine and partial results: the larger of two, and NaN if one is.
struct Larger {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return b > a || isnan(b) ? b : a;
  }
};

/// How many threads share a row of so many columns.
inline int group_for(Index columns) {
  return columns <= 16 ? 4 : columns <= 1024 ? 32 : sum_threads;
}

/// One kernel for each size of group: calls run(group) with an integral constant.
template <class Run>
void with_group(Index columns, const Run& run) {
  switch (group_for(columns)) {
    case 4:
      return run(std::integral_constant<int, 4>{});
    case 32:
      return run(std::integral_constant<int, 32>{});
    default:
      return run(std::integral_constant<int, sum_threads>{});
  }
}

}  // namespace mynah::kernels::cuda
