// Kernels of clusters: right ones, and some with one defect each, which the emulated device must catch.

#include <cuda_runtime.h>

#include "kernels.h"
#include "kernels/cuda/cluster.h"
#include "kernels/cuda/shared_memory.h"

namespace cluster {
namespace {

namespace cuda = mynah::kernels::cuda;

// Every block writes a value of its own and reads those of all blocks, in rank order.
__global__ void sum_kernel(const float* x, float* y, bool forgets_barrier) {
  __shared__ float in_static;
  float* in_dynamic = cuda::dynamic_shared<float>();
  cuda::cluster_sync();  // all have begun
  if (threadIdx.x == 0) in_static = x[blockIdx.x];
  if (threadIdx.x == 1) *in_dynamic = 10.0f * x[blockIdx.x];
  if (!forgets_barrier) cuda::cluster_sync();
  float sum = 0.0f;
  for (unsigned rank = 0; rank < cuda::cluster_size(); ++rank) {
    sum += *cuda::in_block(&in_static, rank) + *cuda::in_block(in_dynamic, rank);
  }
  if (threadIdx.x == 0) y[blockIdx.x] = sum;
  cuda::cluster_sync();  // nobody reads any more
}

// Every block passes its number on, around the cluster, through the neighbour's memory and through several phases.
__global__ void ring_kernel(float* y) {
  __shared__ float slots[2];
  const unsigned size = cuda::cluster_size(), next = (cuda::cluster_rank() + 1) % size;
  cuda::cluster_arrive();
  float carried = static_cast<float>(blockIdx.x);
  cuda::cluster_wait();
  for (unsigned step = 0; step < size; ++step) {
    if (threadIdx.x == 40) *cuda::in_block(slots + step % 2, next) = carried;
    cuda::cluster_arrive();
    cuda::cluster_wait();
    carried = slots[step % 2];
    __syncthreads();
  }
  if (threadIdx.x == 0) y[blockIdx.x] = carried;
}

__global__ void coordinates_kernel(int* out) {
  if (threadIdx.x != 0) return;
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  out[block] = static_cast<int>(cuda::cluster_rank());
}

__global__ void defect_kernel(Defect defect, float* y) {
  float* shared = cuda::dynamic_shared<float>();
  const bool is_one = cuda::cluster_rank() == 1 && threadIdx.x == 5;
  const unsigned next = (cuda::cluster_rank() + 1) % cuda::cluster_size();
  if (defect == Defect::access_before_it_begins) *y = *cuda::in_block(shared, next);
  if (defect == Defect::waits_elsewhere && is_one) __syncthreads();
  if (defect == Defect::returns && is_one) return;
  if (defect == Defect::waits_without_coming && is_one) cuda::cluster_wait();
  if (defect == Defect::another_line && is_one) {
    cuda::cluster_sync();
  } else {
    cuda::cluster_sync();
  }
  if (defect == Defect::comes_twice) {
    for (int i = 0; i < (is_one ? 2 : 1); ++i) cuda::cluster_arrive();
    cuda::cluster_wait();
  }
  if (defect == Defect::no_such_block && is_one) y[0] = *cuda::in_block(shared, cuda::cluster_size());
  if (defect == Defect::not_shared && is_one) y[0] = *cuda::in_block(y, next);
  if (defect == Defect::access_after_its_end && threadIdx.x == 0) y[blockIdx.x] = *cuda::in_block(shared, next);
  if (defect == Defect::overrun && is_one) shared[32] = 1.0f;
}

template <class... Parameters, class... Arguments>
cudaError_t start(cudaStream_t stream, dim3 grid, dim3 size, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {size.x, size.y, size.z};
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = 48;
  config.dynamicSmemBytes = 32 * sizeof(float);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

}  // namespace

cudaError_t sum(cudaStream_t stream, const float* x, float* y, int blocks, int size, bool forgets_barrier) {
  return start(stream, static_cast<unsigned>(blocks), static_cast<unsigned>(size), sum_kernel, x, y, forgets_barrier);
}
cudaError_t ring(cudaStream_t stream, float* y, int blocks, int size) {
  return start(stream, static_cast<unsigned>(blocks), static_cast<unsigned>(size), ring_kernel, y);
}
cudaError_t coordinates(cudaStream_t stream, int* out, dim3 grid, dim3 size) {
  return start(stream, grid, size, coordinates_kernel, out);
}
cudaError_t plant(cudaStream_t stream, Defect defect, float* y) {
  return start(stream, 4, 4, defect_kernel, defect, y);
}
const void* sum_kernel_address() {
  return reinterpret_cast<const void*>(sum_kernel);
}

}  // namespace cluster
