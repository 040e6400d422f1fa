#include <cstdio>

#include "device_limits.h"
#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_runtime_api.h"

using namespace cuda_on_cpu::detail;

namespace {

template <class T>
int as_int(T value) {
  return static_cast<int>(value);
}

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return returned(cudaErrorInvalidValue);
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  if (device == nullptr) return returned(cudaErrorInvalidValue);
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return returned(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
cudaError_t cudaSetDeviceFlags(unsigned int) {
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (properties == nullptr) return returned(cudaErrorInvalidValue);
  if (device != 0) return returned(cudaErrorInvalidDevice);
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof(p.name), "CUDA on CPU");
  p.totalGlobalMem = device_bytes_total();
  p.sharedMemPerBlock = shared_bytes_per_block;
  p.regsPerBlock = registers;
  p.warpSize = 32;
  p.memPitch = 2147483647;
  p.maxThreadsPerBlock = as_int(max_threads_per_block);
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = as_int(max_threads_per_block);
  p.maxThreadsDim[2] = as_int(max_block_z);
  p.maxGridSize[0] = as_int(max_grid_x);
  p.maxGridSize[1] = p.maxGridSize[2] = as_int(max_grid_yz);
  p.totalConstMem = 65536;
  p.major = compute_major;
  p.minor = compute_minor;
  p.multiProcessorCount = multiprocessors;
  p.canMapHostMemory = 1;
  p.concurrentKernels = 1;
  p.asyncEngineCount = 1;
  p.unifiedAddressing = 1;
  p.memoryBusWidth = 64;
  p.l2CacheSize = l2_cache_bytes;
  p.maxThreadsPerMultiProcessor = as_int(max_threads_per_multiprocessor);
  p.sharedMemPerMultiprocessor = shared_bytes_per_multiprocessor;
  p.regsPerMultiprocessor = registers;
  p.sharedMemPerBlockOptin = shared_bytes_per_block_optin;
  p.maxBlocksPerMultiProcessor = as_int(max_blocks_per_multiprocessor);
  p.reservedSharedMemPerBlock = shared_bytes_reserved;
  p.memoryPoolsSupported = 1;
  p.clusterLaunch = has_clusters() ? 1 : 0;
  *properties = p;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (value == nullptr) return returned(cudaErrorInvalidValue);
  cudaDeviceProp p{};
  if (const cudaError_t error = cudaGetDeviceProperties(&p, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      return *value = p.maxThreadsPerBlock, cudaSuccess;
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return *value = p.maxThreadsDim[0], cudaSuccess;
    case cudaDevAttrMaxBlockDimZ:
      return *value = p.maxThreadsDim[2], cudaSuccess;
    case cudaDevAttrMaxGridDimX:
      return *value = p.maxGridSize[0], cudaSuccess;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return *value = p.maxGridSize[1], cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return *value = as_int(p.sharedMemPerBlock), cudaSuccess;
    case cudaDevAttrTotalConstantMemory:
      return *value = as_int(p.totalConstMem), cudaSuccess;
    case cudaDevAttrWarpSize:
      return *value = p.warpSize, cudaSuccess;
    case cudaDevAttrMaxRegistersPerBlock:
      return *value = p.regsPerBlock, cudaSuccess;
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
      return *value = 1000000, cudaSuccess;  // kHz, nominal
    case cudaDevAttrMultiProcessorCount:
      return *value = p.multiProcessorCount, cudaSuccess;
    case cudaDevAttrConcurrentKernels:
      return *value = p.concurrentKernels, cudaSuccess;
    case cudaDevAttrGlobalMemoryBusWidth:
      return *value = p.memoryBusWidth, cudaSuccess;
    case cudaDevAttrL2CacheSize:
      return *value = p.l2CacheSize, cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return *value = p.maxThreadsPerMultiProcessor, cudaSuccess;
    case cudaDevAttrAsyncEngineCount:
      return *value = p.asyncEngineCount, cudaSuccess;
    case cudaDevAttrUnifiedAddressing:
      return *value = p.unifiedAddressing, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      return *value = p.major, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      return *value = p.minor, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return *value = as_int(p.sharedMemPerMultiprocessor), cudaSuccess;
    case cudaDevAttrMaxRegistersPerMultiprocessor:
      return *value = p.regsPerMultiprocessor, cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return *value = as_int(p.sharedMemPerBlockOptin), cudaSuccess;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return *value = p.maxBlocksPerMultiProcessor, cudaSuccess;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return *value = as_int(p.reservedSharedMemPerBlock), cudaSuccess;
    case cudaDevAttrMemoryPoolsSupported:
      return *value = p.memoryPoolsSupported, cudaSuccess;
    case cudaDevAttrManagedMemory:
    case cudaDevAttrCooperativeLaunch:
      return *value = 0, cudaSuccess;
    case cudaDevAttrClusterLaunch:
      return *value = p.clusterLaunch, cudaSuccess;
  }
  return returned(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least != nullptr) *least = 0;
  if (greatest != nullptr) *greatest = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* bus_id, int length, int device) {
  if (bus_id == nullptr || length < 13) return returned(cudaErrorInvalidValue);
  if (device != 0) return returned(cudaErrorInvalidDevice);
  std::snprintf(bus_id, static_cast<std::size_t>(length), "0000:00:00.0");
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  return *version = CUDART_VERSION, cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return *version = CUDART_VERSION, cudaSuccess;
}
