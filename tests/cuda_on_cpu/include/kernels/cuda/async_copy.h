#pragma once

#include <cuda_runtime.h>

#include <cuda_on_cpu/copy_groups.h>

namespace mynah::kernels::cuda {

/// Stands in for the header of the same name beside the kernels. A copy is done as late as it may be, by the wait that
/// covers its group; until then its target is 0xFF.
template <int bytes>
void start_copy(void* shared, const void* global, int read, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  static_assert(bytes == 4 || bytes == 16, "a word, or a row of four");
  cuda_on_cpu::detail::start_copy(shared, global, bytes, read, site);
  // Here, and not in the runtime, so that AddressSanitizer names the kernel's line.
  std::memset(shared, 0xff, bytes);
  const auto* from = static_cast<const volatile char*>(global);
  if (read > 0) static_cast<void>(from[0]), static_cast<void>(from[read - 1]);
}

inline void commit_copies() {
  cuda_on_cpu::detail::commit_copies();
}

template <int groups>
void wait_for_copies() {
  static_assert(groups >= 0);
  cuda_on_cpu::detail::wait_for_copies(groups);
}

}  // namespace mynah::kernels::cuda
