#include "kernels/cuda/launch.h"

#include <array>
#include <atomic>
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

bool early_start_allowed() {
  static const bool allowed = [] {
    const char* value = std::getenv("MYNAH_CUDA_EARLY_START");
    return value == nullptr || std::strcmp(value, "0") != 0;
  }();
  return allowed;
}

/// Devices are few and do not change; what is asked for every launch is looked up once for each.
bool can_start_early(int ordinal) {
  constexpr int known_devices = 64;
  static std::array<std::atomic<signed char>, known_devices> known{};  // 0: not asked yet
  if (ordinal < 0 || ordinal >= known_devices) return false;
  auto& answer = known[static_cast<std::size_t>(ordinal)];
  if (answer.load(std::memory_order_relaxed) == 0) {
    int major = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, ordinal), "launch");
    answer.store(major >= 9 ? 1 : -1, std::memory_order_relaxed);
  }
  return answer.load(std::memory_order_relaxed) > 0;
}

}  // namespace

bool starts_early(const Stream& stream) {
  return early_start_allowed() && can_start_early(stream.device().ordinal);
}

void check_launch(cudaError_t status, Stream& stream, const char* operation, const LaunchShape& shape) {
  if (status == cudaSuccess && !launches_block()) return;
  const std::string detail = "grid " + text_of(shape.grid) + ", block " + text_of(shape.block) +
                             (shape.cluster > 1 ? ", clusters of " + std::to_string(shape.cluster) : "") + ", " +
                             std::to_string(shape.shared_bytes) + " bytes of dynamic shared memory";
  check(status, operation, detail.c_str());
  auto* native = static_cast<cudaStream_t>(stream.native());
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(native, &capture), operation);
  if (capture == cudaStreamCaptureStatusNone) check(cudaStreamSynchronize(native), operation, detail.c_str());
}

}  // namespace mynah::kernels::cuda
