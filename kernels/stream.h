#pragma once

#include <cstddef>
#include <vector>

#include "kernels/device.h"

namespace mynah {

/// An ordered queue of operations on one device; the first argument of every operation.
///
/// On the CPU an operation is done when its call returns. On CUDA it is queued; results are on the host after a copy to
/// the host or after synchronize(). A stream is used by one host thread at a time. Move-only; owns the native stream
/// and its scratch memory.
class Stream {
 public:
  /// Errors: Error::Cause::input if the device is not among list_devices().
  explicit Stream(DeviceId device);
  ~Stream();
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;

  DeviceId device() const noexcept { return device_; }
  Backend backend() const noexcept { return device_.backend; }
  /// The cudaStream_t of a CUDA stream; null on the CPU.
  void* native() const noexcept { return native_; }

  /// Waits until everything queued is done. Errors: Error::Cause::device if one of the operations failed.
  void synchronize();

  /// At least `bytes` of device memory, aligned to 256, that the running operation may use until it ends. All
  /// operations of a stream share it, since they run in order. It grows on first use (never while recording: run a plan
  /// once before it is recorded) and never moves under a recording: what was handed out stays allocated as long as the
  /// stream.
  void* scratch(std::size_t bytes);

 private:
  void close() noexcept;

  DeviceId device_;
  void* native_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  std::vector<void*> scratch_blocks_;  // the last one is in use
};

}  // namespace mynah
