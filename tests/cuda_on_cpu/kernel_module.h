#pragma once

#include <cstddef>
#include <string>

namespace cuda_on_cpu::detail {

/// Where the static shared memory of a kernel lies: the thread-local storage of the shared library that holds it.
struct SharedImage {
  bool found = false;  ///< False when the kernel does not come from a shared library of its own.
  char* data = nullptr;
  std::size_t bytes = 0;
};

/// For the calling operating-system thread.
SharedImage shared_image_of(const void* function);

/// The kernel's demangled name, for reports.
const std::string& kernel_name(const void* function);

}  // namespace cuda_on_cpu::detail
