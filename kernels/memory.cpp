#include "kernels/memory.h"

#include <atomic>
#include <cstring>
#include <new>

#include "kernels/operation.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

constexpr std::align_val_t alignment{256};
std::atomic<std::int64_t> allocations{0};

void* allocate_cuda([[maybe_unused]] DeviceId device, [[maybe_unused]] std::size_t bytes) {
#if MYNAH_WITH_CUDA
  return cuda::allocate(device.ordinal, bytes);
#else
  throw_no_cuda_backend("allocate");
#endif
}

/// A copy is an operation too, and a launch.
bool is_counted_copy(std::size_t read, std::size_t written) {
  Work* const work = counted_work();
  if (work == nullptr) return false;
  ++work->operations;
  work->bytes_read += static_cast<Index>(read);
  work->bytes_written += static_cast<Index>(written);
  return is_only_counted("copy");
}

}  // namespace

void* allocate(DeviceId device, std::size_t bytes) {
  if (bytes == 0) return nullptr;
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (device.backend == Backend::cuda) return allocate_cuda(device, bytes);
  void* memory = ::operator new(bytes, alignment, std::nothrow);
  if (memory == nullptr) {
    throw Error(Error::Cause::device, "memory", "cannot allocate " + std::to_string(bytes) + " bytes",
                "use a smaller batch or network, or a machine with more memory");
  }
  return memory;
}

void release(DeviceId device, void* memory) noexcept {
  if (memory == nullptr) return;
#if MYNAH_WITH_CUDA
  if (device.backend == Backend::cuda) return cuda::release(device.ordinal, memory);
#else
  (void)device;
#endif
  ::operator delete(memory, alignment);
}

std::int64_t allocation_count() noexcept {
  return allocations.load(std::memory_order_relaxed);
}

void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes) {
  if (bytes == 0 || is_counted_copy(0, bytes)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(copy_to_device, stream, device, host, bytes);
  std::memcpy(device, host, bytes);
}

void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes) {
  if (bytes == 0 || is_counted_copy(bytes, 0)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(copy_to_host, stream, host, device, bytes);
  std::memcpy(host, device, bytes);
}

void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0 || is_counted_copy(bytes, bytes)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(copy_on_device, stream, to, from, bytes);
  std::memcpy(to, from, bytes);
}

}  // namespace mynah::kernels
