#pragma once

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
  void replay(Stream& stream) const;
  bool ready() const noexcept { return executable_ != nullptr; }
  int launches() const noexcept { return launches_; }  ///< Number of nodes in the graph.

 private:
  void* executable_ = nullptr;
  int launches_ = 0;
};

namespace cuda {
bool starts_early(const Stream& stream);
void begin_recording(Stream& stream);
/// The executable graph; *launches becomes its number of nodes.
void* end_recording(Stream& stream, int* launches);
void abandon_recording(Stream& stream) noexcept;
void replay_recording(Stream& stream, void* executable);
void destroy_recording(void* executable) noexcept;
}  // namespace cuda

}  // namespace mynah::kernels
