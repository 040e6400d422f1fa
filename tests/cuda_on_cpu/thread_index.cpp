#include "thread_index.h"

// Kernels see these through device_launch_parameters.h, which declares them constant and must not be included here.
uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim{};
dim3 gridDim{};

namespace cuda_on_cpu::detail {

uint3& writable_thread_index() {
  return threadIdx;
}
uint3& writable_block_index() {
  return blockIdx;
}
dim3& writable_block_dim() {
  return blockDim;
}
dim3& writable_grid_dim() {
  return gridDim;
}

}  // namespace cuda_on_cpu::detail
