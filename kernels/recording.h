#pragma once

#include <utility>

#include "kernels/stream.h"

namespace mynah::kernels {

/// Operations recorded once on a CUDA stream and replayed with one launch (a CUDA graph). Addresses and sizes are fixed
/// when it is recorded; what changes between replays lives in device memory.
///
/// The CPU needs no recording: supported() is false there and the plan calls its operations directly.
class Recording {
 public:
  static bool supported(const Stream& stream) noexcept { return stream.backend() == Backend::cuda; }

  /// Whether short kernels of a recording on this stream may start before the ones before them have ended, and wait
  /// on the device: on sm_90 and later, unless MYNAH_CUDA_EARLY_START=0 in the environment forbids it.
  static bool starts_kernels_early(const Stream& stream);

  Recording() = default;
  ~Recording();
  Recording(Recording&& other) noexcept;
  Recording& operator=(Recording&& other) noexcept;

  /// Between begin and end, operations called on the stream are recorded and not run. If one throws, call abandon().
  void begin(Stream& stream);
  void end(Stream& stream);
  void abandon(Stream& stream) noexcept;
  /// Records what `queue`, a callable without arguments, queues.
  template <class Queue>
  void record(Stream& stream, Queue&& queue) {
    begin(stream);
    try {
      std::forward<Queue>(queue)();
    } catch (...) {
      abandon(stream);
      throw;
    }
    end(stream);
  }
  void replay(Stream& stream) const;
  bool ready() const noexcept { return executable_ != nullptr; }
  int launches() const noexcept { return launches_; }  ///< Number of nodes in the graph.

 private:
  void* executable_ = nullptr;
  int launches_ = 0;
};

/// What is queued on `stream` from here on waits on the device until what was queued on `before` up to here is done.
/// If `before` is being recorded, `stream` takes part in the recording from here on: its operations become a branch of
/// it, which may run at the same time as the others. Before the recording ends its own stream has to run after every
/// branch. On the CPU nothing is to be done: an operation ends with its call.
void run_after(Stream& stream, const Stream& before);

namespace cuda {
bool starts_early(const Stream& stream);
void run_after(Stream& stream, const Stream& before);
void begin_recording(Stream& stream);
/// The executable graph; *launches becomes its number of nodes.
void* end_recording(Stream& stream, int* launches);
void abandon_recording(Stream& stream) noexcept;
void replay_recording(Stream& stream, void* executable);
void destroy_recording(void* executable) noexcept;
}  // namespace cuda

}  // namespace mynah::kernels
