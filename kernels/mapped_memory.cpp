#include "kernels/mapped_memory.h"

#include <utility>

#include "kernels/operation.h"

namespace mynah::kernels {

MappedMemory::MappedMemory([[maybe_unused]] DeviceId device, [[maybe_unused]] std::size_t bytes) : device_(device) {
#if MYNAH_WITH_CUDA
  if (device.backend == Backend::cuda) {
    host_ = cuda::allocate_mapped(device.ordinal, bytes, &on_device_);
    return;
  }
#endif
  throw_no_cuda_backend("mapped memory");
}

MappedMemory::~MappedMemory() {
#if MYNAH_WITH_CUDA
  if (host_ != nullptr) cuda::release_mapped(device_.ordinal, host_);
#endif
}

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : device_(other.device_),
      host_(std::exchange(other.host_, nullptr)),
      on_device_(std::exchange(other.on_device_, nullptr)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(host_, other.host_);
  std::swap(on_device_, other.on_device_);
  return *this;
}

bool is_done([[maybe_unused]] Stream& stream) {
#if MYNAH_WITH_CUDA
  if (stream.backend() == Backend::cuda) return cuda::is_done(stream.device().ordinal, stream.native());
#endif
  return true;
}

}  // namespace mynah::kernels
