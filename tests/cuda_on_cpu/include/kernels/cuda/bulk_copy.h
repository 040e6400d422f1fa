#pragma once

#include <cuda_on_cpu/asynchronous.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace mynah::kernels::cuda {

/// Bulk copies into shared memory and barriers that count their bytes. Stands in for the header of the same name beside
/// the kernels. A copy is done when the schedule says so; until then its destination is NaN.

struct alignas(8) CopyBarrier {
  std::uint64_t state;
};

inline std::uint32_t shared_address(const void* address, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cuda_on_cpu::detail::shared_address(address, site);
}

inline void initialize(CopyBarrier& barrier, int arrivals, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::initialize_barrier(&barrier.state, arrivals, site);
}

inline void show_to_copies() {}

inline void arrive(CopyBarrier& barrier, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::arrive(&barrier.state, 0, site);
}

inline void arrive_expecting(CopyBarrier& barrier, std::uint32_t bytes,
                             cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::arrive(&barrier.state, bytes, site);
}

inline void wait(CopyBarrier& barrier, std::uint32_t parity, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::wait_for_barrier(&barrier.state, parity, site);
}

inline void copy_to_shared(void* to, const void* from, std::uint32_t bytes, CopyBarrier& barrier,
                           cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::copy_to_shared(to, from, bytes, &barrier.state, site);
}

}  // namespace mynah::kernels::cuda
