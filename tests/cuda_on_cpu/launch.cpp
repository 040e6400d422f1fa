#include "include/cuda_on_cpu/launch.h"

#include <cstdint>
#include <map>
#include <utility>

#include "device_limits.h"
#include "device_memory.h"
#include "device_state.h"
#include "earlier_work.h"
#include "stream.h"
#include "suspended_launch.h"

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

dim3 cluster_of(const cudaLaunchConfig_t& config) {
  dim3 cluster;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id != cudaLaunchAttributeClusterDimension) continue;
    const auto& wanted = config.attrs[i].val.clusterDim;
    cluster = {wanted.x, wanted.y, wanted.z};
  }
  return cluster;
}

cudaError_t check_cluster(dim3 cluster, dim3 grid) {
  if (cluster.x == 0 || cluster.y == 0 || cluster.z == 0 || grid.x % cluster.x != 0 || grid.y % cluster.y != 0 ||
      grid.z % cluster.z != 0)
    return cudaErrorInvalidConfiguration;
  if (!has_clusters() && cluster.x * cluster.y * cluster.z > 1) return cudaErrorNotSupported;
  const bool too_large = std::uint64_t{cluster.x} * cluster.y * cluster.z > max_blocks_per_cluster;
  return too_large ? cudaErrorInvalidClusterSize : cudaSuccess;
}

}  // namespace

cudaError_t launch(const void* function, const cudaLaunchConfig_t& config, std::shared_ptr<const KernelCall> call) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (function == nullptr) return returned(cudaErrorInvalidDeviceFunction);
  if (const cudaError_t error = check_shape(config)) return returned(error);
  const dim3 cluster = cluster_of(config);
  if (const cudaError_t error = check_cluster(cluster, config.gridDim)) return returned(error);
  if (config.dynamicSmemBytes > dynamic_shared_limit(function)) return returned(cudaErrorInvalidValue);
  KernelLaunch kernel{function, config.gridDim, config.blockDim, config.dynamicSmemBytes, std::move(call), cluster};
  const bool overlaps = may_overlap_earlier_work(config);
  return returned(enqueue(config.stream, cudaGraphNodeTypeKernel, [kernel = std::move(kernel), overlaps] {
    forget_waits();
    run_launch(kernel);
    if (overlaps) check_waits(kernel);
  }));
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

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* function, const cudaLaunchConfig_t* config) {
  const DeviceLock lock;
  if (clusters == nullptr || config == nullptr) return returned(cudaErrorInvalidValue);
  const dim3 cluster = cluster_of(*config);
  if (const cudaError_t error = check_shape(*config)) return returned(error);
  if (const cudaError_t error = check_cluster(cluster, config->gridDim)) return returned(error);
  int blocks = 0;
  const std::size_t threads = std::size_t{config->blockDim.x} * config->blockDim.y * config->blockDim.z;
  const cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, static_cast<int>(threads),
                                                                          config->dynamicSmemBytes);
  // One at a time: how many multiprocessors a cluster can be spread over is not emulated.
  *clusters = blocks > 0 ? 1 : 0;
  return error;
}
