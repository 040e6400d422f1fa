#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernels/device.h"

namespace mynah {

namespace kernels {
class WorkerTeam;
}

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

  /// How a CPU stream's threads find their processors.
  enum class Binding {
    free,  ///< As the system places them.
    bound  ///< Each, the caller's thread too, stays on a processor of its own, where there are as many.
  };
  /// On the CPU: operations from here on that are large enough are done by `count` threads together, the caller's among
  /// them; small ones by the caller's alone, since they would wait longer for each other than they would save. Results
  /// do not depend on it, to the bit. On CUDA it has no effect. Errors: input_error for a count below 1, or more than
  /// the system gives.
  void use_threads(int count, Binding binding = Binding::free);
  int threads() const noexcept;
  /// Who shares the work; null with one thread.
  kernels::WorkerTeam* team() const noexcept { return team_.get(); }

 private:
  void close() noexcept;

  DeviceId device_;
  void* native_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  std::vector<void*> scratch_blocks_;  // the last one is in use
  std::unique_ptr<kernels::WorkerTeam> team_;
};

}  // namespace mynah
