#include "kernels/device.h"

#include <cuda_runtime.h>

#include <map>
#include <string>

#include "kernels/cuda/check.h"

namespace mynah::kernels::cuda {
namespace {

/// Its code is loaded to find out whether this build has any for a GPU.
__global__ void probe(int* out) {
  out[0] = 1;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string reason_without_devices(cudaError_t status) {
  int driver = 0;
  int runtime = 0;
  static_cast<void>(cudaDriverGetVersion(&driver));
  static_cast<void>(cudaRuntimeGetVersion(&runtime));
  if (driver == 0) return "no NVIDIA driver on this machine";
  if (status == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is too old: it serves CUDA " + version_text(driver) + ", this build needs " +
           version_text(runtime);
  }
  if (status == cudaErrorNoDevice || status == cudaSuccess) return "the NVIDIA driver offers no GPU";
  return std::string("the NVIDIA driver cannot be used: ") + cudaGetErrorString(status);
}

/// Asked once for each compute capability, since it costs a context on that GPU. Empty: there is code.
std::string reason_without_code(int ordinal, const std::string& architecture) {
  int former = 0;
  cudaError_t status = cudaGetDevice(&former);
  if (status == cudaSuccess) status = cudaSetDevice(ordinal);
  if (status == cudaSuccess) {
    cudaFuncAttributes attributes{};
    status = cudaFuncGetAttributes(&attributes, probe);
    static_cast<void>(cudaSetDevice(former));
  }
  static_cast<void>(cudaGetLastError());
  if (status == cudaSuccess) return {};
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
    return "this build has no kernels for " + architecture + " (set CMAKE_CUDA_ARCHITECTURES)";
  }
  return architecture + " cannot be used: " + cudaGetErrorString(status);
}

}  // namespace

std::vector<DeviceDescription> list_devices(std::string* unavailable_reason) {
  std::vector<DeviceDescription> devices;
  unavailable_reason->clear();
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());
    *unavailable_reason = reason_without_devices(status);
    return devices;
  }
  std::map<std::string, std::string> reasons;  // by architecture
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, ordinal) != cudaSuccess) {
      static_cast<void>(cudaGetLastError());
      continue;
    }
    const std::string architecture = "sm_" + std::to_string(properties.major) + std::to_string(properties.minor);
    const auto [known, first] = reasons.try_emplace(architecture);
    if (first) known->second = reason_without_code(ordinal, architecture);
    if (!known->second.empty()) {
      *unavailable_reason = properties.name + std::string(": ") + known->second;
      continue;
    }
    devices.push_back(
        {{Backend::cuda, ordinal}, properties.name + (" (" + architecture + ")"), properties.totalGlobalMem});
  }
  if (!devices.empty()) unavailable_reason->clear();
  if (devices.empty() && unavailable_reason->empty()) *unavailable_reason = "the NVIDIA driver describes no GPU";
  return devices;
}

}  // namespace mynah::kernels::cuda
