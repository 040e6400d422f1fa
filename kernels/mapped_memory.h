#pragma once

#include <cstddef>

#include "kernels/stream.h"

namespace mynah::kernels {

/// Memory of the host that a CUDA device reads and writes in place while a kernel runs. Page-locked, 0 at first.
/// Move-only. Freeing it waits for whatever the device does.
class MappedMemory {
 public:
  MappedMemory() = default;
  /// Errors: Error::Cause::device where there is not enough, internal for the CPU.
  MappedMemory(DeviceId device, std::size_t bytes);
  ~MappedMemory();
  MappedMemory(MappedMemory&& other) noexcept;
  MappedMemory& operator=(MappedMemory&& other) noexcept;

  void* host() const noexcept { return host_; }
  void* on_device() const noexcept { return on_device_; }

 private:
  DeviceId device_;
  void* host_ = nullptr;
  void* on_device_ = nullptr;
};

/// Whether everything queued in a stream is done: asks and does not wait. Errors: Error::Cause::device if one of the
/// operations failed.
bool is_done(Stream& stream);

namespace cuda {
void* allocate_mapped(int ordinal, std::size_t bytes, void** on_device);
void release_mapped(int ordinal, void* host) noexcept;
bool is_done(int ordinal, void* stream);
}  // namespace cuda

}  // namespace mynah::kernels
