#include "kernels/stream.h"

#include <algorithm>
#include <utility>

#include "kernels/memory.h"
#include "kernels/operation.h"
#include "kernels/worker_team.h"

namespace mynah {

Stream::Stream(DeviceId device) : device_(device) {
  const auto devices = list_devices();
  const bool known = std::any_of(devices.begin(), devices.end(), [&](const auto& one) { return one.id == device; });
  if (!known) {
    throw input_error("device",
                      "CUDA device " + std::to_string(device.ordinal) + " is not there" +
                          (cuda_unavailable_reason().empty() ? "" : " (" + cuda_unavailable_reason() + ")"),
                      "use `--device cpu`, or see `mynah devices`");
  }
  if (device.backend == Backend::cuda) {
#if MYNAH_WITH_CUDA
    native_ = kernels::cuda::create_stream(device.ordinal);
#endif
  }
}

Stream::~Stream() {
  close();
}

Stream::Stream(Stream&& other) noexcept
    : device_(other.device_),
      native_(std::exchange(other.native_, nullptr)),
      scratch_bytes_(std::exchange(other.scratch_bytes_, 0)),
      scratch_blocks_(std::exchange(other.scratch_blocks_, {})),
      team_(std::move(other.team_)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    device_ = other.device_;
    native_ = std::exchange(other.native_, nullptr);
    scratch_bytes_ = std::exchange(other.scratch_bytes_, 0);
    scratch_blocks_ = std::exchange(other.scratch_blocks_, {});
    team_ = std::move(other.team_);
  }
  return *this;
}

void Stream::close() noexcept {
  team_.reset();
  for (void* block : scratch_blocks_) kernels::release(device_, block);
  scratch_blocks_.clear();
  scratch_bytes_ = 0;
#if MYNAH_WITH_CUDA
  if (native_ != nullptr) kernels::cuda::destroy_stream(device_.ordinal, native_);
#endif
  native_ = nullptr;
}

void Stream::synchronize() {
#if MYNAH_WITH_CUDA
  if (native_ != nullptr) kernels::cuda::synchronize(device_.ordinal, native_);
#endif
}

void* Stream::scratch(std::size_t bytes) {
  if (bytes > scratch_bytes_) {
    const std::size_t grown = std::max(bytes, 2 * scratch_bytes_);
    void* block = kernels::allocate(device_, grown);
    scratch_blocks_.push_back(block);
    scratch_bytes_ = grown;
  }
  return scratch_blocks_.empty() ? nullptr : scratch_blocks_.back();
}

void Stream::use_threads(int count, Binding binding) {
  if (count < 1) throw input_error("threads", std::to_string(count) + " is below 1");
  if (backend() != Backend::cpu) return;
  team_.reset();
  if (count > 1) team_ = std::make_unique<kernels::WorkerTeam>(count, binding == Binding::bound);
}

int Stream::threads() const noexcept {
  return team_ == nullptr ? 1 : team_->size();
}

}  // namespace mynah
