#pragma once

#include <cstddef>

#include "kernels/memory.h"

namespace mynah::tests {

/// Device memory of a rival's own, so that its calls can be recorded.
class Workspace {
 public:
  Workspace(DeviceId device, std::size_t bytes)
      : device_(device), bytes_(bytes), memory_(kernels::allocate(device, bytes)) {}
  ~Workspace() { kernels::release(device_, memory_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* data() const { return memory_; }
  std::size_t bytes() const { return bytes_; }

 private:
  DeviceId device_;
  std::size_t bytes_;
  void* memory_;
};

}  // namespace mynah::tests
