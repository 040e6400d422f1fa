#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda/block_reduce.h"
#include "kernels/stream.h"
#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// Sums over a whole array come in two passes of fixed order, without atomics: each block of the first kernel leaves
/// one double, a second kernel of one block adds them up. When the first kernel has one block only (small batches,
/// where a launch costs more than the work) it finishes by itself.

constexpr int sum_threads = 256;

/// Where a sum goes: out becomes scale * total, on top of what it was if `add` says so.
struct SumTarget {
  double* out = nullptr;  ///< null: the sum is not wanted
  double scale = 1.0;
  bool add = true;
  double* partial = nullptr;  ///< one double a block, in the stream's scratch memory; may be null for one block
};

/// The end of a first pass; called by all sum_threads threads of each block.
__device__ __forceinline__ void finish_sum(const SumTarget& target, double value) {
  if (target.out == nullptr) return;
  const double total = block_sum<sum_threads>(value);
  if (threadIdx.x != 0) return;
  if (gridDim.x > 1) {
    target.partial[blockIdx.x] = total;
  } else {
    target.out[0] = (target.add ? target.out[0] : 0.0) + target.scale * total;
  }
}

/// Asks for scratch memory for `blocks` partial sums, if there is need of them.
void prepare_sum(Stream& stream, SumTarget& target, Index blocks);

/// The second pass, if there is need of one.
void add_partial_sums(Stream& stream, const char* operation, const SumTarget& target, Index blocks);

}  // namespace mynah::kernels::cuda
