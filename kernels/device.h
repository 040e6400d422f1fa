#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace mynah {

enum class Backend { cpu, cuda };

/// One place where memory lies and operations run.
struct DeviceId {
  Backend backend = Backend::cpu;
  int ordinal = 0;  ///< Which GPU; 0 for the CPU.
  friend bool operator==(const DeviceId&, const DeviceId&) = default;
};

struct DeviceDescription {
  DeviceId id;
  std::string name;              ///< "CPU (AVX-512)", "NVIDIA H100 80GB HBM3 (sm_90)"
  std::size_t memory_bytes = 0;  ///< Total device memory; 0 where unknown.
};

/// Every device this build can use on this machine, the CPU first. Never throws for a missing GPU or driver.
std::vector<DeviceDescription> list_devices();

/// Why there is no CUDA device among list_devices(), in one sentence ("this build has no CUDA backend", "no NVIDIA
/// driver on this machine", ...); empty if there is one.
std::string cuda_unavailable_reason();

namespace kernels::cuda {
/// The GPUs the driver offers; empty, with the reason, where there is none.
std::vector<DeviceDescription> list_devices(std::string* unavailable_reason);
}  // namespace kernels::cuda

}  // namespace mynah
