#include "kernels/mapped_memory.h"

#include <cuda_runtime.h>

#include <cstring>
#include <string>

#include "kernels/cuda/check.h"

namespace mynah::kernels::cuda {

void* allocate_mapped(int ordinal, std::size_t bytes, void** on_device) {
  const CurrentDevice current(ordinal, "allocate_mapped");
  void* host = nullptr;
  const cudaError_t status = cudaHostAlloc(&host, bytes, cudaHostAllocMapped);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    check(status, "allocate_mapped", (std::to_string(bytes) + " bytes asked for").c_str());
  }
  std::memset(host, 0, bytes);
  check(cudaHostGetDevicePointer(on_device, host, 0), "allocate_mapped");
  return host;
}

void release_mapped(int ordinal, void* host) noexcept {
  int former = 0;
  if (cudaGetDevice(&former) == cudaSuccess && former != ordinal) static_cast<void>(cudaSetDevice(ordinal));
  static_cast<void>(cudaFreeHost(host));
  if (former != ordinal) static_cast<void>(cudaSetDevice(former));
}

bool is_done(int ordinal, void* stream) {
  const CurrentDevice current(ordinal, "is_done");
  const cudaError_t status = cudaStreamQuery(static_cast<cudaStream_t>(stream));
  if (status == cudaErrorNotReady) {
    static_cast<void>(cudaGetLastError());
    return false;
  }
  check(status, "is_done");
  return true;
}

}  // namespace mynah::kernels::cuda
