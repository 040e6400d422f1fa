#include "kernels/memory.h"

#include <cuda_runtime.h>

#include <string>

#include "kernels/cuda/check.h"

namespace mynah::kernels::cuda {
namespace {

cudaStream_t native(Stream& stream) {
  return static_cast<cudaStream_t>(stream.native());
}

std::string request(std::size_t bytes) {
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  std::string text = std::to_string(bytes) + " bytes asked for";
  if (cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess) {
    text += ", " + std::to_string(free_bytes) + " of " + std::to_string(total_bytes) + " free";
  }
  return text;
}

}  // namespace

void* allocate(int ordinal, std::size_t bytes) {
  const CurrentDevice current(ordinal, "allocate");
  void* memory = nullptr;  // cudaMalloc aligns to 256 bytes at least
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    check(status, "allocate", request(bytes).c_str());
  }
  return memory;
}

void release(int ordinal, void* memory) noexcept {
  // Nothing can be done about an error here, and one left by an earlier operation was or will be reported elsewhere.
  int former = 0;
  if (cudaGetDevice(&former) == cudaSuccess && former != ordinal) static_cast<void>(cudaSetDevice(ordinal));
  static_cast<void>(cudaFree(memory));
  if (former != ordinal) static_cast<void>(cudaSetDevice(former));
}

void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes) {
  // Pageable memory is staged before the call returns, so the caller may change `host` at once.
  const CurrentDevice current(stream.device().ordinal, "copy_to_device");
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, native(stream)), "copy_to_device");
}

void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes) {
  const CurrentDevice current(stream.device().ordinal, "copy_to_host");
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, native(stream)), "copy_to_host");
  check(cudaStreamSynchronize(native(stream)), "copy_to_host");
}

void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes) {
  const CurrentDevice current(stream.device().ordinal, "copy_on_device");
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, native(stream)), "copy_on_device");
}

}  // namespace mynah::kernels::cuda
