// A product as large problems have it: one thread has operands brought into two stages of shared memory, a warpgroup
// multiplies them. Without a defect, or with one that the emulated device must catch.

#include <cuda_runtime.h>

#include "kernels.h"
#include "kernels/cuda/bulk_copy.h"
#include "kernels/cuda/shared_memory.h"
#include "kernels/cuda/wgmma.h"

namespace pipeline {
namespace {

namespace cuda = mynah::kernels::cuda;
using mynah::kernels::Precision;

constexpr int stages = 2;
constexpr int a_bytes = cuda::wgmma_rows * cuda::wgmma_row_bytes;
constexpr int b_bytes = cuda::wgmma_columns * cuda::wgmma_row_bytes;
constexpr int stage_bytes = a_bytes + b_bytes;
constexpr std::size_t shared_bytes =
    cuda::wgmma_alignment + stages * stage_bytes + 2 * stages * sizeof(cuda::CopyBarrier);

struct Shared {
  unsigned char* tiles;
  cuda::CopyBarrier* full;
  cuda::CopyBarrier* empty;

  explicit Shared(bool aligned) {
    auto* const begin = cuda::dynamic_shared<unsigned char>();
    const std::uint32_t past = cuda::shared_address(begin) % cuda::wgmma_alignment;
    tiles = begin + (cuda::wgmma_alignment - past) - (aligned ? 0 : 512);
    full = reinterpret_cast<cuda::CopyBarrier*>(begin + shared_bytes) - 2 * stages;
    empty = full + stages;
  }
};

void produce(const Shared& shared, const unsigned char* a, const unsigned char* b, int k_tiles, Defect defect) {
  const int tiles = defect == Defect::copies_at_the_end ? k_tiles + stages : k_tiles;
  for (int k = 0; k < tiles; ++k) {
    const int stage = k % stages;
    const std::uint32_t parity = static_cast<std::uint32_t>(k / stages % 2);
    if (defect != Defect::no_wait_for_empty) {
      cuda::wait(shared.empty[stage], defect == Defect::wrong_parity_of_empty ? parity : parity ^ 1u);
    }
    cuda::arrive_expecting(shared.full[stage], stage_bytes + (defect == Defect::too_many_bytes ? 16 : 0));
    unsigned char* const to = shared.tiles + stage * stage_bytes;
    const int from = k % k_tiles;
    cuda::copy_to_shared(to, a + from * a_bytes, a_bytes, shared.full[stage]);
    cuda::copy_to_shared(to + a_bytes, b + from * b_bytes + (defect == Defect::misaligned_copy ? 8 : 0), b_bytes,
                         shared.full[stage]);
  }
}

void consume(const Shared& shared, float* c, int k_tiles, Defect defect) {
  const int thread = static_cast<int>(threadIdx.x);
  cuda::WarpgroupSums sums{};
  const std::uint64_t first = cuda::wgmma_descriptor(cuda::shared_address(shared.tiles));
  for (int k = 0; k < k_tiles; ++k) {
    const int stage = k % stages;
    const std::uint32_t parity = static_cast<std::uint32_t>(k / stages % 2);
    if (defect != Defect::no_wait_for_full) {
      cuda::wait(shared.full[stage], defect == Defect::wrong_parity_of_full ? parity ^ 1u : parity);
    }
    const std::uint64_t a = first + cuda::wgmma_offset(static_cast<std::uint32_t>(stage * stage_bytes));
    const std::uint64_t b = a + cuda::wgmma_offset(a_bytes);
    if (defect != Defect::no_fence) cuda::order_registers();
    for (int step = 0; step < cuda::wgmma_steps; ++step) {
      const std::uint64_t on = static_cast<std::uint64_t>(step) * cuda::wgmma_step;
      if (defect == Defect::absent_thread && thread == 77 && k + 1 == k_tiles && step == 3) continue;
      const bool other = defect == Defect::other_operand && thread == 77;
      cuda::multiply_add_asynchronously<Precision::bfloat16>(sums, a + on, b + on + (other ? cuda::wgmma_step : 0));
    }
    if (defect != Defect::no_commit) cuda::commit_products();
    const bool early = defect == Defect::release_before_products;
    if (early && thread % 32 == 0) cuda::arrive(shared.empty[stage]);
    if (defect != Defect::no_wait_for_products) cuda::wait_for_products<0>();
    if (!early && thread % 32 == 0) cuda::arrive(shared.empty[stage]);
  }
  for (int i = 0; i < cuda::wgmma_columns / 2; ++i) {
    const int row = thread / 32 * 16 + thread % 32 / 4 + i / 2 % 2 * 8;
    c[row * cuda::wgmma_columns + i / 4 * 8 + thread % 4 * 2 + i % 2] = sums.value[i];
  }
}

__global__ void pipeline_kernel(const unsigned char* a, const unsigned char* b, float* c, int k_tiles, Defect defect) {
  const Shared shared(defect != Defect::misaligned_operand);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < stages; ++stage) {
      cuda::initialize(shared.full[stage], 1);
      if (defect != Defect::no_initialisation) cuda::initialize(shared.empty[stage], 4);
    }
    cuda::show_to_copies();
  }
  __syncthreads();
  if (threadIdx.x >= 128) {
    if (threadIdx.x == 128) produce(shared, a, b, k_tiles, defect);
  } else {
    consume(shared, c, k_tiles, defect);
  }
}

__global__ void few_threads_kernel() {
  cuda::WarpgroupSums sums{};
  const std::uint64_t operand = cuda::wgmma_descriptor(2 * cuda::wgmma_alignment);
  cuda::order_registers();
  cuda::multiply_add_asynchronously<Precision::tf32>(sums, operand, operand);
}

template <class... Parameters, class... Arguments>
cudaError_t start(cudaStream_t stream, int threads, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  cudaLaunchConfig_t config{};
  config.gridDim = 1;
  config.blockDim = static_cast<unsigned>(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

}  // namespace

cudaError_t multiply(cudaStream_t stream, const void* a, const void* b, float* c, int k_tiles, Defect defect) {
  return start(stream, 128 + 32, &pipeline_kernel, static_cast<const unsigned char*>(a),
               static_cast<const unsigned char*>(b), c, k_tiles, defect);
}

cudaError_t few_threads(cudaStream_t stream, int threads) {
  return start(stream, threads, &few_threads_kernel);
}

}  // namespace pipeline
