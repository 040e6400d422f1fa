#include <cuda_runtime.h>

#include "kernels/cuda/check.h"
#include "kernels/memory.h"

namespace mynah::kernels::cuda {

void* create_stream(int ordinal) {
  const CurrentDevice current(ordinal, "create_stream");
  cudaStream_t stream = nullptr;
  // Non-blocking: independent of the default stream that a host program may use for its own work.
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "create_stream");
  return stream;
}

void destroy_stream(int ordinal, void* stream) noexcept {
  int former = 0;
  if (cudaGetDevice(&former) == cudaSuccess && former != ordinal) static_cast<void>(cudaSetDevice(ordinal));
  static_cast<void>(cudaStreamDestroy(static_cast<cudaStream_t>(stream)));
  if (former != ordinal) static_cast<void>(cudaSetDevice(former));
}

void synchronize(int ordinal, void* stream) {
  const CurrentDevice current(ordinal, "synchronize");
  check(cudaStreamSynchronize(static_cast<cudaStream_t>(stream)), "synchronize");
}

}  // namespace mynah::kernels::cuda
