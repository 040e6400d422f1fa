#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Reductions within a warp and a block, always in the same order: the same values give the same bits.

constexpr unsigned all_lanes = 0xffffffffu;

/// The sum over groups of `group` neighbouring lanes (a power of two up to 32), in every lane. All 32 lanes take part.
/// In each step partners add the same two numbers, so all lanes of a group hold the same bits.
template <int group = 32, class T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int offset = group / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(all_lanes, value, offset);
  return value;
}

template <int group = 32, class T>
__device__ __forceinline__ T warp_max(T value) {
#pragma unroll
  for (int offset = group / 2; offset > 0; offset /= 2) {
    const T other = __shfl_xor_sync(all_lanes, value, offset);
    value = other > value ? other : value;
  }
  return value;
}

/// The sum over a block of `threads` threads (a multiple of 32), in every thread. Called by all threads of the block.
template <int threads, class T>
__device__ __forceinline__ T block_sum(T value) {
  static_assert(threads % 32 == 0 && threads <= 1024);
  __shared__ T of_warp[threads / 32];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  T total = of_warp[0];
#pragma unroll
  for (int warp = 1; warp < threads / 32; ++warp) total += of_warp[warp];
  __syncthreads();  // of_warp is free for the next call
  return total;
}

template <int threads, class T>
__device__ __forceinline__ T block_max(T value) {
  static_assert(threads % 32 == 0 && threads <= 1024);
  __shared__ T of_warp[threads / 32];
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  T largest = of_warp[0];
#pragma unroll
  for (int warp = 1; warp < threads / 32; ++warp) largest = of_warp[warp] > largest ? of_warp[warp] : largest;
  __syncthreads();
  return largest;
}

}  // namespace mynah::kernels::cuda
