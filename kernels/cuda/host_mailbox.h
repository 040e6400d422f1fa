#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace mynah::kernels::cuda {

/// Words of 64 bits that a running kernel and the host write to each other, in memory of the host, and time. The
/// CUDA-on-CPU build has a header of the same name in its place, whose await_host() lets the host go on.
///
/// Reads and writes are single ones of 64 bits in the scope of the whole system (PTX memory model: relaxed.sys), which
/// no cache of the device answers. They are not ordered among each other, but for the release.

__device__ __forceinline__ std::uint64_t load_from_host(const std::uint64_t* word) {
  std::uint64_t value;
  asm volatile("ld.relaxed.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(__cvta_generic_to_global(word)) : "memory");
  return value;
}

__device__ __forceinline__ void store_to_host(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(__cvta_generic_to_global(word)), "l"(value) : "memory");
}

/// Behind everything that this thread wrote, and that others wrote before a barrier.
__device__ __forceinline__ void release_to_host(std::uint64_t* word, std::uint64_t value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(__cvta_generic_to_global(word)), "l"(value) : "memory");
}

/// Called after a look that found nothing new, the `looks`-th one in a row. Sleeps only where nothing has come for
/// about a millisecond, when a tenth of a microsecond more does no harm.
__device__ __forceinline__ void await_host(int looks) {
  if (looks > 1000) __nanosleep(100);
}

/// Nanoseconds of the device's clock, which may go on in steps of a microsecond.
__device__ __forceinline__ std::uint64_t device_nanoseconds() {
  std::uint64_t value;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(value));
  return value;
}

}  // namespace mynah::kernels::cuda
