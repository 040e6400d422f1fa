#include "kernels/cuda/check.h"

#include <string>

#include "kernels/error.h"

namespace mynah::kernels::cuda {
namespace {

std::string remedy_for(cudaError_t status) {
  switch (status) {
    case cudaErrorMemoryAllocation:
      return "use a smaller batch or network, or free memory on this GPU (see `nvidia-smi`)";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
      return "this build has no kernels for this GPU: configure with -DCMAKE_CUDA_ARCHITECTURES set to its compute "
             "capability, or use `--device cpu`";
    case cudaErrorStreamCaptureUnsupported:
      return "something that cannot be recorded was called while a plan was being recorded; run the plan once before";
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorMisalignedAddress:
      return "the GPU reports this late: set MYNAH_CUDA_BLOCKING=1 to learn which operation failed, and report it";
    default:
      return {};
  }
}

}  // namespace

void check(cudaError_t status, const char* operation, const char* detail) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // an error that is not sticky must not be seen again by the next call
  std::string problem = std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status);
  if (detail != nullptr) problem += std::string(" (") + detail + ")";
  throw Error(Error::Cause::device, operation, problem, remedy_for(status));
}

CurrentDevice::CurrentDevice(int ordinal, const char* operation) {
  int current = 0;
  check(cudaGetDevice(&current), operation);
  if (current == ordinal) return;
  check(cudaSetDevice(ordinal), operation);
  former_ = current;
}

CurrentDevice::~CurrentDevice() {
  if (former_ >= 0) static_cast<void>(cudaSetDevice(former_));
}

}  // namespace mynah::kernels::cuda
