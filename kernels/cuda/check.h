#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Throws Error::Cause::device, naming the operation, the CUDA error and what to do, unless status is cudaSuccess.
/// `detail` says what was asked for, e.g. the size of an allocation or the shape of a launch; null for nothing.
void check(cudaError_t status, const char* operation, const char* detail = nullptr);

/// Makes a GPU the calling thread's current one for a scope, and puts the former one back. Costs two loads when it is
/// current already, the ordinary case.
class CurrentDevice {
 public:
  explicit CurrentDevice(int ordinal, const char* operation);
  ~CurrentDevice();
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int former_ = -1;  // -1: nothing to put back
};

}  // namespace mynah::kernels::cuda
