#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace mynah::kernels::cuda {

/// Bulk copies from device memory into shared memory by the copy engine, and the barriers in shared memory that tell
/// when they are there (cp.async.bulk and mbarrier, sm_90 and later): the one place with their PTX. The CUDA-on-CPU
/// build has a header of the same name in its place.
///
/// A copy names a barrier and a thread tells the barrier how many bytes to expect. The barrier goes through phases: one
/// is complete when as many threads have arrived as it was initialised for and all expected bytes have come. Phases
/// have parities, 0, 1, 0, ...; wait() for the parity of the phase before the current one returns at once.
struct alignas(8) CopyBarrier {
  std::uint64_t state;
};

/// Where it lies in the window of shared memory, as instructions and descriptors name it.
__device__ __forceinline__ std::uint32_t shared_address(const void* address) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(address));
}

/// By one thread; then show_to_copies() by the same thread, and a barrier of the block before others use it.
__device__ __forceinline__ void initialize(CopyBarrier& barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(arrivals) : "memory");
}

/// What the calling thread has written, or has seen written, is there for the copy engine and the tensor cores, which
/// do not see memory as threads do: what is in shared memory, and in device memory before copies are started.
__device__ __forceinline__ void show_to_copies() {
  asm volatile("fence.proxy.async;" ::: "memory");
}

__device__ __forceinline__ void arrive(CopyBarrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier)) : "memory");
}

/// Arrives, and makes the phase wait for `bytes` more: fewer than 2²⁰ in all.
__device__ __forceinline__ void arrive_expecting(CopyBarrier& barrier, std::uint32_t bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)), "r"(bytes)
               : "memory");
}

/// Returns when the phase of this parity is complete; what was copied is there to read.
__device__ __forceinline__ void wait(CopyBarrier& barrier, std::uint32_t parity) {
  std::uint32_t complete = 0;
  while (complete == 0) {
    asm volatile(
        "{\n"
        ".reg .pred complete;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 complete, [%1], %2;\n"
        "selp.u32 %0, 1, 0, complete;\n"
        "}"
        : "=r"(complete)
        : "r"(shared_address(&barrier)), "r"(parity)
        : "memory");
  }
}

/// Starts a copy of `bytes` neighbouring bytes, of which the barrier counts them as they come. All three are multiples
/// of 16. One thread calls it; the block must not end before the copy has.
__device__ __forceinline__ void copy_to_shared(void* to, const void* from, std::uint32_t bytes, CopyBarrier& barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(to)),
               "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(shared_address(&barrier))
               : "memory");
}

}  // namespace mynah::kernels::cuda
