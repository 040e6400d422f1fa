#pragma once

#include <cuda_runtime.h>

#include <chrono>
#include <cstdint>

namespace mynah::kernels::cuda {

/// Words that a kernel and the host write to each other. Stands in for the header of the same name beside the kernels.

inline std::uint64_t load_from_host(const std::uint64_t* word) {
  return __atomic_load_n(word, __ATOMIC_RELAXED);
}

inline void store_to_host(std::uint64_t* word, std::uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

inline void release_to_host(std::uint64_t* word, std::uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/// The host, whose thread runs the kernel, goes on once all threads of the block wait here or for those that do.
inline void await_host(int, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::await_host(site);
}

inline std::uint64_t device_nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace mynah::kernels::cuda
