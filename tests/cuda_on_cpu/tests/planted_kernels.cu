// Kernels with one defect each, which the emulated device must catch.

#include <cuda_runtime.h>

// One of them fails an assertion, in every kind of build.
#undef NDEBUG
#include <cassert>

#include "kernels.h"
#include "kernels/cuda/async_copy.h"
#include "kernels/cuda/earlier_work.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/shared_memory.h"

namespace planted {
namespace {

template <class... Parameters, class... Arguments>
cudaError_t start(cudaStream_t stream, dim3 grid, dim3 block, size_t shared, void (*kernel)(Parameters...),
                  Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

__global__ void overlapping_kernel(mynah::kernels::cuda::EarlierWork earlier, int forgetful) {
  if (static_cast<int>(threadIdx.x) < static_cast<int>(blockDim.x) - forgetful) earlier.wait();
}

__global__ void missing_barrier_kernel(const float* x, float* y, int count) {
  __shared__ float tile[256];
  const int i = static_cast<int>(threadIdx.x);
  tile[i] = x[i];
  // Here every thread should wait for the others.
  y[i] = tile[count - 1 - i];
}

__global__ void out_of_bounds_write_kernel(float* y, int count, int past) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) y[i + (i == count - 1 ? past : 0)] = 1.0f;
}

__global__ void out_of_bounds_read_kernel(const float* x, float* y, int count, int past) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) y[i] = x[i + (i == count - 1 ? past : 0)];
}

__global__ void divergent_barrier_kernel() {
  // One lane waits for its neighbour, which waits with all the others for the whole block.
  if (threadIdx.x == 40) __syncwarp(1u << 8 | 1u << 9);
  __syncthreads();
}

__global__ void barrier_in_branch_kernel() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

__global__ void early_return_kernel() {
  if (threadIdx.x == 7) return;
  __syncthreads();
}

__global__ void unwritten_shared_kernel(float* y, int count) {
  __shared__ float tile[256];
  const int i = static_cast<int>(threadIdx.x);
  if (i < count / 2) tile[i] = 1.0f;
  __syncthreads();
  if (i < count) y[i] = tile[i];
}

__global__ void unwritten_shared_of_other_block_kernel(float* y) {
  __shared__ float left_over;
  if (blockIdx.x % 2 == 0) left_over = 3.0f;
  y[blockIdx.x] = left_over;
}

// stale[b]: how many slots of its shared memory block b found written before it wrote its own.
__global__ void stale_large_shared_kernel(float* stale) {
  __shared__ float large[8 * 1024];
  const int stride = 8 * 1024 / static_cast<int>(gridDim.x);
  int found = 0;
  for (int i = 0; i < 8 * 1024; ++i) found += large[i] == large[i] ? 1 : 0;
  large[static_cast<int>(blockIdx.x) * stride] = 1.0f;
  stale[blockIdx.x] = static_cast<float>(found);
}

__global__ void static_shared_index_kernel(float* y, int past) {
  __shared__ float row[32];
  const int i = static_cast<int>(threadIdx.x);
  row[i + (i == 31 ? past : 0)] = 1.0f;
  y[i] = row[i];
}

__global__ void four_at_a_time_kernel(const float* x, float* y) {
  const float4 four = *reinterpret_cast<const float4*>(x + 4 * threadIdx.x);
  y[threadIdx.x] = four.x + four.y + four.z + four.w;
}

__global__ void unwritten_dynamic_shared_kernel(float* y, int count) {
  const float* shared = mynah::kernels::cuda::dynamic_shared<float>();
  const int i = static_cast<int>(threadIdx.x);
  if (i < count) y[i] = shared[i];
}

__global__ void dynamic_shared_overrun_kernel(int past) {
  float* shared = mynah::kernels::cuda::dynamic_shared<float>();
  shared[threadIdx.x + static_cast<unsigned>(past)] = 1.0f;
}

__global__ void mask_without_own_lane_kernel() {
  __shfl_sync(0x0000ffffu, threadIdx.x, 0);
}

__global__ void lane_that_never_comes_kernel() {
  if (threadIdx.x != 3)
    __syncwarp();
  else
    __syncwarp(1u << 3 | 1u << 4);
}

__global__ void sum_with_absent_lanes_kernel(const float* x, float* total, int count) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= count) return;
  float value = x[i];
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
  if (i == 0) *total = value;
}

__global__ void multiply_without_a_lane_kernel(planted::MissingLane what) {
  namespace cuda = mynah::kernels::cuda;
  using mynah::kernels::Precision;
  cuda::FragmentC sums{};
  if (threadIdx.x == 5) {
    if (what == planted::MissingLane::returned) return;
    if (what == planted::MissingLane::at_a_barrier) __syncthreads();
    if (what == planted::MissingLane::with_another_instruction)
      cuda::multiply_add<Precision::bfloat16>(sums, cuda::FragmentA{}, cuda::FragmentB{});
    return;
  }
  cuda::multiply_add<Precision::tf32>(sums, cuda::FragmentA{}, cuda::FragmentB{});
}

__global__ void load_blocks_wrongly_kernel(planted::BlockDefect defect) {
  __shared__ __align__(16) unsigned rows[33][4];
  for (int i = 0; i < 4; ++i) rows[threadIdx.x][i] = 0;
  if (threadIdx.x == 0) rows[32][0] = 0;
  if (threadIdx.x == 5) {
    if (defect == planted::BlockDefect::lane_returned) return;
    if (defect == planted::BlockDefect::lane_at_a_barrier) __syncthreads();
  }
  std::uint32_t word[4];
  mynah::kernels::cuda::load_blocks(word, rows[threadIdx.x] + (defect == planted::BlockDefect::misaligned ? 1 : 0));
}

__global__ void copy_kernel(float* x, float* y, planted::CopyDefect defect) {
  namespace cuda = mynah::kernels::cuda;
  using planted::CopyDefect;
  __shared__ __align__(16) float tiles[2][128];
  const int mine = 4 * static_cast<int>(threadIdx.x);
  const int other = 124 - mine;
  const auto write = [&](int tile) {
    for (int i = 0; i < 4; ++i) y[128 * tile + other + i] = tiles[tile][other + i];
  };
  cuda::start_copy<16>(tiles[0] + mine + (defect == CopyDefect::target_misaligned ? 2 : 0),
                       x + mine + (defect == CopyDefect::source_misaligned ? 1 : 0), 16);
  cuda::commit_copies();
  if (defect == CopyDefect::source_overwritten) x[mine] = 7.0f;
  cuda::start_copy<16>(defect == CopyDefect::target_not_shared ? y : tiles[1] + mine, x + 128 + mine,
                       mine < 124                                        ? 16
                       : defect == CopyDefect::reads_more_than_it_writes ? 20
                                                                         : 4);
  if (defect != CopyDefect::no_commit) cuda::commit_copies();
  if (defect == CopyDefect::wait_too_weak) {
    cuda::wait_for_copies<2>();
  } else if (defect != CopyDefect::no_wait) {
    cuda::wait_for_copies<1>();
  }
  if (defect != CopyDefect::no_barrier) __syncthreads();
  write(0);
  if (defect == CopyDefect::target_reused) {
    cuda::start_copy<4>(tiles[0] + mine, x + 128 + mine, 4);
    cuda::commit_copies();
  }
  if (defect != CopyDefect::never_awaited) cuda::wait_for_copies<0>();
  __syncthreads();
  write(1);
}

__global__ void block_order_kernel(float* y) {
  // Each block continues from what it takes for its predecessor's result.
  if (blockIdx.x > 0) y[blockIdx.x] = y[blockIdx.x - 1] + 1.0f;
}

__global__ void trap_kernel() {
  if (threadIdx.x == 2) __trap();
}

__global__ void failing_assertion_kernel() {
  assert(threadIdx.x != 3);
}

}  // namespace

cudaError_t missing_barrier(cudaStream_t stream, const float* x, float* y, int count) {
  return start(stream, 1, static_cast<unsigned>(count), 0, &missing_barrier_kernel, x, y, count);
}
cudaError_t out_of_bounds_write(cudaStream_t stream, float* y, int count, int past) {
  return start(stream, 1, 64, 0, &out_of_bounds_write_kernel, y, count, past);
}
cudaError_t out_of_bounds_read(cudaStream_t stream, const float* x, float* y, int count, int past) {
  return start(stream, 1, 64, 0, &out_of_bounds_read_kernel, x, y, count, past);
}
cudaError_t divergent_barrier(cudaStream_t stream) {
  return start(stream, 1, 64, 0, &divergent_barrier_kernel);
}
cudaError_t barrier_in_branch(cudaStream_t stream) {
  return start(stream, 1, 64, 0, &barrier_in_branch_kernel);
}
cudaError_t early_return(cudaStream_t stream) {
  return start(stream, 2, 64, 0, &early_return_kernel);
}
cudaError_t unwritten_shared(cudaStream_t stream, float* y, int count) {
  return start(stream, 1, 256, 0, &unwritten_shared_kernel, y, count);
}
cudaError_t unwritten_shared_of_other_block(cudaStream_t stream, float* y) {
  return start(stream, 4, 1, 0, &unwritten_shared_of_other_block_kernel, y);
}
cudaError_t stale_large_shared(cudaStream_t stream, float* stale, int blocks) {
  return start(stream, static_cast<unsigned>(blocks), 1, 0, &stale_large_shared_kernel, stale);
}
cudaError_t static_shared_index(cudaStream_t stream, float* y, int past) {
  return start(stream, 1, 32, 0, &static_shared_index_kernel, y, past);
}
cudaError_t four_at_a_time(cudaStream_t stream, const float* x, float* y, int count) {
  return start(stream, 1, static_cast<unsigned>(count), 0, &four_at_a_time_kernel, x, y);
}
cudaError_t unwritten_dynamic_shared(cudaStream_t stream, float* y, int count) {
  return start(stream, 1, 64, static_cast<size_t>(count) * sizeof(float), &unwritten_dynamic_shared_kernel, y, count);
}
cudaError_t dynamic_shared_overrun(cudaStream_t stream, int past) {
  return start(stream, 1, 32, 32 * sizeof(float), &dynamic_shared_overrun_kernel, past);
}
cudaError_t mask_without_own_lane(cudaStream_t stream) {
  return start(stream, 1, 32, 0, &mask_without_own_lane_kernel);
}
cudaError_t lane_that_never_comes(cudaStream_t stream) {
  return start(stream, 1, 32, 0, &lane_that_never_comes_kernel);
}
cudaError_t sum_with_absent_lanes(cudaStream_t stream, const float* x, float* total, int count) {
  return start(stream, 1, 32, 0, &sum_with_absent_lanes_kernel, x, total, count);
}
cudaError_t multiply_without_a_lane(cudaStream_t stream, MissingLane what) {
  return start(stream, 1, 32, 0, &multiply_without_a_lane_kernel, what);
}
cudaError_t load_blocks_wrongly(cudaStream_t stream, BlockDefect defect) {
  return start(stream, 1, 32, 0, &load_blocks_wrongly_kernel, defect);
}
cudaError_t copy(cudaStream_t stream, float* x, float* y, CopyDefect defect) {
  return start(stream, 1, 32, 0, &copy_kernel, x, y, defect);
}
cudaError_t block_order(cudaStream_t stream, float* y, int blocks) {
  return start(stream, static_cast<unsigned>(blocks), 1, 0, &block_order_kernel, y);
}
cudaError_t trap(cudaStream_t stream) {
  return start(stream, 1, 32, 0, &trap_kernel);
}
cudaError_t failing_assertion(cudaStream_t stream) {
  return start(stream, 1, 32, 0, &failing_assertion_kernel);
}

cudaError_t overlap(cudaStream_t stream, int forgetful) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(3);
  config.blockDim = dim3(8);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, overlapping_kernel, mynah::kernels::cuda::EarlierWork{}, forgetful);
}

}  // namespace planted
