#pragma once

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/partial_sums.h"

namespace mynah::kernels::cuda {

/// Operations on whole rows (softmax, largest element): `group` neighbouring threads share a row, so that a row of a
/// few classes does not waste a warp and a row of thousands does not wait for one.
///
/// group: 4 or 32 threads (a part of a warp, a warp), or sum_threads (the block).

template <int group, class T>
__device__ __forceinline__ T group_sum(T value) {
  if constexpr (group > 32) {
    return block_sum<group>(value);
  } else {
    return warp_sum<group>(value);
  }
}

template <int group, class T>
__device__ __forceinline__ T group_max(T value) {
  if constexpr (group > 32) {
    return block_max<group>(value);
  } else {
    return warp_max<group>(value);
  }
}

/// Calls row(m, lane, valid) for the rows of this thread's group. Groups without a row left take part with valid =
/// false, since the threads of a warp or block must stay together for their reductions.
template <int group, class Row>
__device__ __forceinline__ void for_each_row(Index rows, const Row& row) {
  constexpr int rows_per_block = sum_threads / group;
  const int lane = static_cast<int>(threadIdx.x) % group;
  const int place = static_cast<int>(threadIdx.x) / group;
  const Index step = Index{gridDim.x} * rows_per_block;
  for (Index first = Index{blockIdx.x} * rows_per_block; first < rows; first += step) {
    row(first + place, lane, first + place < rows);
  }
}

/// The number of blocks of sum_threads threads: several rows a group, so that there are fewer partial sums.
inline Index row_blocks(Index rows, int group) {
  const Index rows_per_block = sum_threads / group;
  return std::clamp<Index>(ceil_divide(rows, rows_per_block), 1, grid_limit / 4);
}

inline LaunchShape row_shape(Index blocks) {
  return {dim3(static_cast<unsigned>(blocks)), dim3(sum_threads)};
}

}  // namespace mynah::kernels::cuda
