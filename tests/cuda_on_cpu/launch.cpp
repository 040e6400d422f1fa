#include "include/cuda_on_cpu/launch.h"

#include <cstdint>
#include <map>
#include <utility>

#include "device_limits.h"
#include "device_memory.h"
#include "device_state.h"
#include "executor.h"
#include "kernel_module.h"
#include "stream.h"

namespace cuda_on_cpu::detail {
namespace {

std::map<const void*, std::size_t>& dynamic_shared_limits() {
  static auto* limits = new std::map<const void*, std::size_t>;
  return *limits;
}

std::size_t dynamic_shared_limit(const void* function) {
  const auto entry = dynamic_shared_limits().find(function);
  return entry == dynamic_shared_limits().end() ? shared_bytes_per_block : entry->second;
}

cudaError_t check_shape(const cudaLaunchConfig_t& config) {
  const dim3 grid = config.gridDim;
  const dim3 block = config.blockDim;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0)
    return cudaErrorInvalidConfiguration;
  if (grid.x > max_grid_x || grid.y > max_grid_yz || grid.z > max_grid_yz) return cudaErrorInvalidConfiguration;
  if (block.x > max_threads_per_block || block.y > max_threads_per_block || block.z > max_block_z ||
      std::size_t{block.x} * block.y * block.z > max_threads_per_block)
    return cudaErrorInvalidConfiguration;
  return cudaSuccess;
}

cudaError_t check_attributes(const cudaLaunchConfig_t& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id != cudaLaunchAttributeClusterDimension) continue;
    const auto& cluster = config.attrs[i].val.clusterDim;
    if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0 || config.gridDim.x % cluster.x != 0 ||
        config.gridDim.y % cluster.y != 0 || config.gridDim.z % cluster.z != 0)
      return cudaErrorInvalidConfiguration;
    if (cluster.x * cluster.y * cluster.z > 8) return cudaErrorInvalidClusterSize;
  }
  return cudaSuccess;
}

std::uint64_t& waits_for_earlier_work() {
  static std::uint64_t waits = 0;  // of the running launch; one runs at a time
  return waits;
}

bool may_overlap_earlier_work(const cudaLaunchConfig_t& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id == cudaLaunchAttributeProgrammaticStreamSerialization &&
        config.attrs[i].val.programmaticStreamSerializationAllowed != 0) {
      return true;
    }
  }
  return false;
}

/// On a device it would read what is not written yet, now and then.
void check_waits(const KernelLaunch& launch) {
  const std::uint64_t threads =
      std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z * launch.block.x * launch.block.y * launch.block.z;
  const std::uint64_t waits = waits_for_earlier_work();
  if (waits == threads || sticky_error() != cudaSuccess) return;
  fail_device(cudaErrorLaunchFailure, "kernel " + kernel_name(launch.function) +
                                          " may overlap the work before it, but waited for it " +
                                          std::to_string(waits) + " times in " + std::to_string(threads) + " threads");
}

void run_kernel(const KernelLaunch& launch, bool overlaps) {
  waits_for_earlier_work() = 0;
  executor().run(launch);
  if (overlaps) check_waits(launch);
  if (address_sanitizer) return;
  const std::string broken = broken_guards();
  if (!broken.empty())
    fail_device(cudaErrorIllegalAddress, broken + "\n  found after kernel " + kernel_name(launch.function));
}

}  // namespace

void note_wait_for_earlier_work() {
  ++waits_for_earlier_work();
}

cudaError_t launch(const void* function, const cudaLaunchConfig_t& config, std::shared_ptr<const KernelCall> call) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (function == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  if (const cudaError_t error = check_shape(config)) return returned(error);
  if (const cudaError_t error = check_attributes(config)) return returned(error);
  if (config.dynamicSmemBytes > dynamic_shared_limit(function)) return returned(cudaErrorInvalidValue);
  KernelLaunch kernel{function, config.gridDim, config.blockDim, config.dynamicSmemBytes, std::move(call)};
  return returned(enqueue(
      config.stream, cudaGraphNodeTypeKernel,
      [kernel = std::move(kernel), overlaps = may_overlap_earlier_work(config)] { run_kernel(kernel, overlaps); }));
}

}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  const DeviceLock lock;
  if (function == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value < 0 || static_cast<std::size_t>(value) > shared_bytes_per_block_optin)
      return returned(cudaErrorInvalidValue);
    dynamic_shared_limits()[function] = static_cast<std::size_t>(value);
  }
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  const DeviceLock lock;
  if (attributes == nullptr) return returned(cudaErrorInvalidValue);
  if (function == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  attributes->maxThreadsPerBlock = static_cast<int>(max_threads_per_block);
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = 10 * compute_major + compute_minor;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_shared_limit(function));
  attributes->preferredShmemCarveout = cudaSharedmemCarveoutDefault;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function, int block_size,
                                                          std::size_t dynamic_shared_bytes) {
  const DeviceLock lock;
  if (blocks == nullptr || block_size <= 0) return returned(cudaErrorInvalidValue);
  if (function == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  std::size_t count = max_threads_per_multiprocessor / static_cast<std::size_t>(block_size);
  if (count > max_blocks_per_multiprocessor) count = max_blocks_per_multiprocessor;
  const std::size_t by_shared = shared_bytes_per_multiprocessor / (dynamic_shared_bytes + shared_bytes_reserved);
  if (dynamic_shared_bytes > dynamic_shared_limit(function) ||
      static_cast<std::size_t>(block_size) > max_threads_per_block)
    count = 0;
  *blocks = static_cast<int>(count < by_shared ? count : by_shared);
  return cudaSuccess;
}
