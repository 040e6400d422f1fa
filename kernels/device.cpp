#include "kernels/device.h"

#include "kernels/processor.h"

namespace mynah {
namespace {

struct CudaDevices {
  std::vector<DeviceDescription> found;
  std::string unavailable_reason;
};

/// Asked once: the driver's start-up costs a good part of a second.
const CudaDevices& cuda_devices() {
  static const CudaDevices devices = [] {
    CudaDevices result;
#if MYNAH_WITH_CUDA
    result.found = kernels::cuda::list_devices(&result.unavailable_reason);
#else
    result.unavailable_reason = "this build of mynah has no CUDA backend";
#endif
    return result;
  }();
  return devices;
}

}  // namespace

std::vector<DeviceDescription> list_devices() {
  std::vector<DeviceDescription> devices{
      {{Backend::cpu, 0}, std::string("CPU (") + kernels::processor_target_name() + ")", 0}};
  devices.insert(devices.end(), cuda_devices().found.begin(), cuda_devices().found.end());
  return devices;
}

std::string cuda_unavailable_reason() {
  return cuda_devices().unavailable_reason;
}

}  // namespace mynah
