#include "kernels/recording.h"

#include <utility>

#include "kernels/operation.h"

namespace mynah::kernels {

bool Recording::starts_kernels_early([[maybe_unused]] const Stream& stream) {
#if MYNAH_WITH_CUDA
  return stream.backend() == Backend::cuda && cuda::starts_early(stream);
#else
  return false;
#endif
}

Recording::~Recording() {
#if MYNAH_WITH_CUDA
  if (executable_ != nullptr) cuda::destroy_recording(executable_);
#endif
}

Recording::Recording(Recording&& other) noexcept
    : executable_(std::exchange(other.executable_, nullptr)), launches_(std::exchange(other.launches_, 0)) {}

Recording& Recording::operator=(Recording&& other) noexcept {
  std::swap(executable_, other.executable_);
  std::swap(launches_, other.launches_);
  return *this;
}

void Recording::begin([[maybe_unused]] Stream& stream) {
  MYNAH_ON_CUDA(begin_recording, stream);
}

void Recording::end([[maybe_unused]] Stream& stream) {
#if MYNAH_WITH_CUDA
  void* executable = cuda::end_recording(stream, &launches_);
  if (executable_ != nullptr) cuda::destroy_recording(executable_);
  executable_ = executable;
#else
  throw_no_cuda_backend("end_recording");
#endif
}

void Recording::abandon([[maybe_unused]] Stream& stream) noexcept {
#if MYNAH_WITH_CUDA
  cuda::abandon_recording(stream);
#endif
}

void Recording::replay([[maybe_unused]] Stream& stream) const {
  MYNAH_ON_CUDA(replay_recording, stream, executable_);
}

void run_after([[maybe_unused]] Stream& stream, [[maybe_unused]] const Stream& before) {
  if (stream.device() != before.device()) {
    throw Error(Error::Cause::internal, "run_after", "the streams are those of two devices");
  }
  if (stream.backend() == Backend::cpu) return;
  MYNAH_ON_CUDA(run_after, stream, before);
}

}  // namespace mynah::kernels
