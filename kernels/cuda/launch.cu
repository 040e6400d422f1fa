#include "kernels/cuda/launch.h"

#include <cstdlib>
#include <cstring>
#include <string>

namespace mynah::kernels::cuda {
namespace {

std::string text_of(const dim3& extent) {
  return std::to_string(extent.x) + " x " + std::to_string(extent.y) + " x " + std::to_string(extent.z);
}

bool launches_block() {
  static const bool block = [] {
    const char* value = std::getenv("MYNAH_CUDA_BLOCKING");
    return value != nullptr && std::strcmp(value, "1") == 0;
  }();
  return block;
}

}  // namespace

void check_launch(cudaError_t status, Stream& stream, const char* operation, const LaunchShape& shape) {
  if (status == cudaSuccess && !launches_block()) return;
  const std::string detail = "grid " + text_of(shape.grid) + ", block " + text_of(shape.block) + ", " +
                             std::to_string(shape.shared_bytes) + " bytes of dynamic shared memory";
  check(status, operation, detail.c_str());
  auto* native = static_cast<cudaStream_t>(stream.native());
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(native, &capture), operation);
  if (capture == cudaStreamCaptureStatusNone) check(cudaStreamSynchronize(native), operation, detail.c_str());
}

}  // namespace mynah::kernels::cuda
