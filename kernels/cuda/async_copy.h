#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Copies from global into shared memory that do not pass through registers, so that many bytes can be on their way
/// while a thread goes on: cp.async, of sm_80 and later; the one place with its PTX. The CUDA-on-CPU build has a header
/// of the same name in its place.
///
/// A thread starts copies, commits those it has started as a group, and later waits until all of its groups but the
/// latest few have come. It then sees what it copied itself; the other threads of the block see it after a barrier that
/// follows the wait. Between start and wait neither side of a copy may be written, nor its target be read.

/// Copies `bytes` bytes, 4 or 16, of which the first `read` are read and the others become zero; with none nothing is
/// read. Both addresses are aligned to `bytes`. 16 go past L1, which has no use for what is read once.
template <int bytes>
__device__ __forceinline__ void start_copy(void* shared, const void* global, int read) {
  static_assert(bytes == 4 || bytes == 16, "a word, or a row of four");
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" : : "r"(to), "l"(global), "r"(read) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" : : "r"(to), "l"(global), "r"(read) : "memory");
  }
}

/// Makes a group, perhaps an empty one, of the copies that no group has yet.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" : : : "memory");
}

/// Returns when all groups of this thread but the latest `groups` have come.
template <int groups>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" : : "n"(groups) : "memory");
}

}  // namespace mynah::kernels::cuda
