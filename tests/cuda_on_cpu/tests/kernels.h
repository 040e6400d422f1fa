#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// Launches of the kernels that the tests of the emulated device run. Pointers are device memory.

namespace correct {

/// y = relu(x wᵀ + b): x [rows, inputs], w [outputs, inputs], b [outputs], y [rows, outputs].
cudaError_t linear(cudaStream_t stream, const float* x, const float* w, const float* b, float* y, int rows, int outputs,
                   int inputs);

/// *sum = Σ x, by shuffles in warps and shared memory between them; one block of `threads`.
cudaError_t sum(cudaStream_t stream, const float* x, int count, float* total, int threads);

/// y[i] = x[count - 1 - i] within one block, through dynamic shared memory.
cudaError_t reverse(cudaStream_t stream, const float* x, float* y, int count);

/// y[i] += amount.
cudaError_t add(cudaStream_t stream, float* y, int count, float amount);

/// counts[0] = threads whose x is positive, counts[1] = all positive, counts[2] = any positive, counts[3] = atomic
/// count.
cudaError_t count_positive(cudaStream_t stream, const float* x, int* counts, int count);

/// Every warp operation once; out[32 * operation + lane] as unsigned, 12 operations, one warp.
cudaError_t warp_operations(cudaStream_t stream, unsigned* out);

/// out[i] for a few intrinsics, one thread.
cudaError_t intrinsics(cudaStream_t stream, float* out);

/// out[z][y][x] = x + 10 y + 100 z over a three-dimensional grid of three-dimensional blocks.
cudaError_t coordinates(cudaStream_t stream, int* out, dim3 grid, dim3 block);

/// d = c + a b by one tensor-core instruction: a [16, k], b [k, 8], c and d [16, 8]; k = 8 for tf32, 16 for bfloat16.
cudaError_t multiply_tf32(cudaStream_t stream, const float* a, const float* b, const float* c, float* d);
cudaError_t multiply_bfloat16(cudaStream_t stream, const float* a, const float* b, const float* c, float* d);

/// What ldmatrix brings of rows [32, 4] that lane l points to in reverse order, row 31 - l: out[4 * lane + block].
cudaError_t load_blocks(cudaStream_t stream, const unsigned* rows, unsigned* out);

/// Address of a kernel with dynamic shared memory, for its attributes.
const void* reverse_kernel_address();

}  // namespace correct

namespace pipeline {

enum class Defect {
  none,
  no_wait_for_full,
  wrong_parity_of_full,
  no_wait_for_empty,
  wrong_parity_of_empty,
  no_initialisation,
  too_many_bytes,
  copies_at_the_end,
  misaligned_copy,
  misaligned_operand,
  no_fence,
  no_commit,
  no_wait_for_products,
  release_before_products,
  absent_thread,
  other_operand,
};

/// c [64, 256] = a [64, k] b [256, k]ᵀ in bfloat16, operands as kernels/cuda/wgmma_operand.h has them, one step of 64 k
/// behind the other. See pipeline_kernels.cu.
cudaError_t multiply(cudaStream_t stream, const void* a, const void* b, float* c, int k_tiles,
                     Defect defect = Defect::none);

/// A product of a block of so many threads.
cudaError_t few_threads(cudaStream_t stream, int threads);

}  // namespace pipeline

namespace waiting {

// Kernels that stay: `words` is mapped memory of the host. See host_mailbox_kernels.cu.
cudaError_t counting(cudaStream_t stream, std::uint64_t* words);
cudaError_t separate(cudaStream_t stream, const std::uint64_t* words, float* y);

}  // namespace waiting

namespace cluster {

/// y[b] = Σ of 11 x over the blocks of b's cluster, through their static and dynamic shared memory. With
/// `forgets_barrier` they read before all have written.
cudaError_t sum(cudaStream_t stream, const float* x, float* y, int blocks, int size, bool forgets_barrier = false);

/// y[b] = b, which went around the cluster.
cudaError_t ring(cudaStream_t stream, float* y, int blocks, int size);

/// out[z][y][x] = rank of each block.
cudaError_t coordinates(cudaStream_t stream, int* out, dim3 grid, dim3 size);

/// In a cluster of 4 blocks of 48 threads; y [4].
enum class Defect {
  none,
  waits_elsewhere,
  returns,
  waits_without_coming,
  comes_twice,
  another_line,
  no_such_block,
  not_shared,
  access_before_it_begins,
  access_after_its_end,
  overrun
};
cudaError_t plant(cudaStream_t stream, Defect defect, float* y);

const void* sum_kernel_address();

}  // namespace cluster

namespace planted {

cudaError_t missing_barrier(cudaStream_t stream, const float* x, float* y, int count);
cudaError_t out_of_bounds_write(cudaStream_t stream, float* y, int count, int past);
cudaError_t out_of_bounds_read(cudaStream_t stream, const float* x, float* y, int count, int past);
cudaError_t divergent_barrier(cudaStream_t stream);
cudaError_t barrier_in_branch(cudaStream_t stream);
cudaError_t early_return(cudaStream_t stream);
cudaError_t unwritten_shared(cudaStream_t stream, float* y, int count);
cudaError_t unwritten_shared_of_other_block(cudaStream_t stream, float* y);
cudaError_t stale_large_shared(cudaStream_t stream, float* stale, int blocks);
cudaError_t static_shared_index(cudaStream_t stream, float* y, int past);
cudaError_t four_at_a_time(cudaStream_t stream, const float* x, float* y, int count);
cudaError_t unwritten_dynamic_shared(cudaStream_t stream, float* y, int count);
cudaError_t dynamic_shared_overrun(cudaStream_t stream, int past);
cudaError_t mask_without_own_lane(cudaStream_t stream);
cudaError_t lane_that_never_comes(cudaStream_t stream);
cudaError_t sum_with_absent_lanes(cudaStream_t stream, const float* x, float* total, int count);
enum class BlockDefect { lane_returned, lane_at_a_barrier, misaligned };
/// ldmatrix that must fail.
cudaError_t load_blocks_wrongly(cudaStream_t stream, BlockDefect defect);

enum class MissingLane { returned, at_a_barrier, with_another_instruction };
cudaError_t multiply_without_a_lane(cudaStream_t stream, MissingLane what);
/// y = x, 2 x 128 values, by asynchronous copies of 32 threads, each of which reads what another has copied; the last
/// three of x are left out, and zero in y.
enum class CopyDefect {
  none,
  no_wait,
  wait_too_weak,
  no_commit,
  no_barrier,
  source_overwritten,
  target_reused,
  source_misaligned,
  target_misaligned,
  target_not_shared,
  reads_more_than_it_writes,
  never_awaited
};
cudaError_t copy(cudaStream_t stream, float* x, float* y, CopyDefect defect);
cudaError_t block_order(cudaStream_t stream, float* y, int blocks);
cudaError_t trap(cudaStream_t stream);
cudaError_t failing_assertion(cudaStream_t stream);

/// A launch that may overlap the work before it, in which the last `forgetful` threads of a block do not wait for it.
cudaError_t overlap(cudaStream_t stream, int forgetful);

}  // namespace planted
