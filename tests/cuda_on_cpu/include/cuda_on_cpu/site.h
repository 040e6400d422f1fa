#pragma once

namespace cuda_on_cpu {

/// A place in the source. Device functions take one as a default argument, so that a report can name the kernel's line.
struct Site {
  const char* file = nullptr;
  int line = 0;

  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
};

}  // namespace cuda_on_cpu
