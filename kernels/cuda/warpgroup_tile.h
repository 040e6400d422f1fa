#pragma once

#include "kernels/cuda/bulk_copy.h"
#include "kernels/cuda/mma_fragment.h"
#include "kernels/cuda/packed_product.h"
#include "kernels/cuda/shared_memory.h"
#include "kernels/cuda/wgmma.h"

namespace mynah::kernels::cuda {

/// C [m, n] = A B of packed operands (packed_operand.h) by warpgroups of a Hopper GPU (sm_90a).
///
/// A block works on tiles of 128 x 256 sums. One thread, the producer, has the copy engine bring both operands of the
/// next steps of k (128 bytes along k each) into four stages of shared memory; two warpgroups with 64 x 256 sums each
/// in registers, the consumers, multiply what is there. They meet in two barriers a stage: `full`, whose phase is
/// complete when the stage's bytes have come, and `empty`, when the eight warps that read it are done with it. There
/// are no more blocks than multiprocessors, each with several tiles in turn, so that the producer is four steps into
/// the next tile while the sums of this one are written. The producer's warpgroup leaves its registers to the
/// consumers, which keep 128 sums a thread and for what is done to them on their way out need more than the 40 that
/// would be left. A multiprocessor has room for one block.
struct WarpgroupTile {
  static constexpr int m = 2 * wgmma_rows;
  static constexpr int n = wgmma_columns;
  static constexpr int stages = 4;
  static constexpr int consumers = 2;                   ///< warpgroups
  static constexpr int consumer_warps = 4 * consumers;  ///< warps 0 ... 7
  static constexpr int threads = 128 * (consumers + 1);
  static constexpr int registers_at_first = 168;  ///< of a thread, as the compiler divides the 65536 of the block
  static constexpr int producer_registers = 24;
  static constexpr int consumer_registers = 240;
  static_assert(consumers * consumer_registers + producer_registers <= (consumers + 1) * registers_at_first);
  static constexpr int a_bytes = m * wgmma_row_bytes;  ///< of a stage
  static constexpr int b_bytes = n * wgmma_row_bytes;
  static constexpr int stage_bytes = a_bytes + b_bytes;
  // On the way out the sums of a warp go through rows in shared memory, 32 columns at a time; no bank conflicts.
  static constexpr int out_columns = 32;
  static constexpr int out_stride = out_columns + 8;
  static constexpr int out_rows = 16;
  static constexpr int out_floats = out_rows * out_stride;  ///< of a warp
  static constexpr std::size_t shared_bytes = wgmma_alignment + stages * stage_bytes +
                                              consumer_warps * out_floats * sizeof(float) +
                                              2 * stages * sizeof(CopyBarrier);
};

/// The block's shared memory.
struct WarpgroupShared {
  unsigned char* stages;
  float* out;
  CopyBarrier* full;
  CopyBarrier* empty;

  __device__ __forceinline__ WarpgroupShared() {
    auto* const begin = dynamic_shared<unsigned char>();
    stages = begin + (wgmma_alignment - shared_address(begin) % wgmma_alignment) % wgmma_alignment;
    out = reinterpret_cast<float*>(stages + WarpgroupTile::stages * WarpgroupTile::stage_bytes);
    full = reinterpret_cast<CopyBarrier*>(out + WarpgroupTile::consumer_warps * WarpgroupTile::out_floats);
    empty = full + WarpgroupTile::stages;
  }
};

/// Where producer and consumers are among the stages. The parity is that of the phases that the stage goes through now.
struct WarpgroupStage {
  int index = 0;
  std::uint32_t parity = 0;

  __device__ __forceinline__ void advance() {
    if (++index == WarpgroupTile::stages) {
      index = 0;
      parity ^= 1u;
    }
  }
};

/// By one thread of the producer's warpgroup.
__device__ __forceinline__ void bring_operands(const PackedArguments& arguments, const WarpgroupShared& shared) {
  WarpgroupStage stage;
  for (int number = static_cast<int>(blockIdx.x); number < arguments.work; number += static_cast<int>(gridDim.x)) {
    const PackedWork work = packed_work<WarpgroupTile>(arguments, number);
    for (int k = work.first_k; k < work.end_k; ++k) {
      wait(shared.empty[stage.index], stage.parity ^ 1u);  // the first time at once
      CopyBarrier& full = shared.full[stage.index];
      unsigned char* const to = shared.stages + stage.index * WarpgroupTile::stage_bytes;
      arrive_expecting(full, WarpgroupTile::stage_bytes);
      copy_to_shared(to, arguments.a + (k * arguments.rows_a + work.first_m) * wgmma_row_bytes, WarpgroupTile::a_bytes,
                     full);
      copy_to_shared(to + WarpgroupTile::a_bytes, arguments.b + (k * arguments.rows_b + work.first_n) * wgmma_row_bytes,
                     WarpgroupTile::b_bytes, full);
      stage.advance();
    }
  }
}

/// A warp is done with a stage. Each says so for itself, since that its own products are done says nothing of others'.
__device__ __forceinline__ void release_stage(const WarpgroupShared& shared, int stage) {
  if (threadIdx.x % 32 == 0) arrive(shared.empty[stage]);
}

/// The products of one tile, all threads of a warpgroup; those of one step of k run while the next are made ready.
template <Precision precision>
__device__ __forceinline__ void multiply_tile(WarpgroupSums& sums, const PackedWork& work,
                                              const WarpgroupShared& shared, WarpgroupStage& stage) {
  const int warpgroup = static_cast<int>(threadIdx.x) / 128;
  const std::uint32_t stages = shared_address(shared.stages);
  const std::uint64_t a = wgmma_descriptor(stages + warpgroup * (wgmma_rows * wgmma_row_bytes));
  const std::uint64_t b = wgmma_descriptor(stages + WarpgroupTile::a_bytes);
#pragma unroll
  for (float& sum : sums.value) sum = 0.0f;
  int previous = -1;
  for (int k = work.first_k; k < work.end_k; ++k) {
    wait(shared.full[stage.index], stage.parity);
    const std::uint64_t offset = wgmma_offset(stage.index * WarpgroupTile::stage_bytes);
    order_registers();
#pragma unroll
    for (int step = 0; step < wgmma_steps; ++step) {
      multiply_add_asynchronously<precision>(sums, a + offset + step * wgmma_step, b + offset + step * wgmma_step);
    }
    commit_products();
    wait_for_products<1>();
    if (previous >= 0) release_stage(shared, previous);
    previous = stage.index;
    stage.advance();
  }
  wait_for_products<0>();
  if (previous >= 0) release_stage(shared, previous);
}

/// 32 columns of a warp's sums, from registers into its rows in shared memory.
__device__ __forceinline__ void stage_sums(const WarpgroupSums& sums, int first_column, float* rows) {
  const MmaLane lane;
#pragma unroll
  for (int column = 0; column < WarpgroupTile::n; column += WarpgroupTile::out_columns) {
    if (column != first_column) continue;  // the compiler has to know which registers
#pragma unroll
    for (int j = 0; j < WarpgroupTile::out_columns / 8; ++j) {
      const float* const four = sums.value + 4 * (column / 8 + j);
      float* const to = rows + lane.group * WarpgroupTile::out_stride + 8 * j + 2 * lane.member;
      store<2>(to, Pack<2>{{four[0], four[1]}});
      store<2>(to + 8 * WarpgroupTile::out_stride, Pack<2>{{four[2], four[3]}});
    }
  }
}

/// What a warp does with its 16 rows of the tile, four neighbours in a row at a time. The text of what is done to an
/// element on its way out, which is long, is there once.
__device__ __forceinline__ void write_sums(const WarpgroupSums& sums, const PackedArguments& arguments,
                                           const PackedWork& work, const WarpgroupShared& shared) {
  constexpr int fours = WarpgroupTile::out_columns / 4;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  float* const rows = shared.out + warp * WarpgroupTile::out_floats;
#pragma unroll 1
  for (int first = 0; first < WarpgroupTile::n; first += WarpgroupTile::out_columns) {
    if (work.first_n + first >= arguments.n) break;  // the whole block
    stage_sums(sums, first, rows);
    __syncwarp();
#pragma unroll 1
    for (int at = static_cast<int>(threadIdx.x) % 32; at < WarpgroupTile::out_rows * fours; at += 32) {
      const Index m = work.first_m + warp * WarpgroupTile::out_rows + at / fours;
      const int column = at % fours * 4;
      const Index n = work.first_n + first + column;
      if (m >= arguments.m) break;
      const Pack<4> four = load<4>(rows + at / fours * WarpgroupTile::out_stride + column);
      store_packed_sums(arguments, work, m, n, four);
    }
    __syncwarp();
  }
}

// Device code for other GPUs has no such instructions. There the kernel allows no block of this size, which is how
// linear_warpgroup.cu finds out that it cannot be launched.
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define MYNAH_HAS_WARPGROUPS 0
#else
#define MYNAH_HAS_WARPGROUPS 1
#endif
constexpr int warpgroup_launch_bound = MYNAH_HAS_WARPGROUPS != 0 ? WarpgroupTile::threads : 32;

template <Precision precision>
__global__ void __launch_bounds__(warpgroup_launch_bound, 1)
    linear_warpgroup_kernel(EarlierWork earlier, PackedArguments arguments) {
#if MYNAH_HAS_WARPGROUPS
  earlier.wait();
  const WarpgroupShared shared;
  constexpr int producer = WarpgroupTile::consumers * 128;
  if (threadIdx.x == producer) {
    for (int stage = 0; stage < WarpgroupTile::stages; ++stage) {
      initialize(shared.full[stage], 1);
      initialize(shared.empty[stage], WarpgroupTile::consumer_warps);
    }
    show_to_copies();
  }
  __syncthreads();
  if (threadIdx.x >= producer) {
    give_up_registers<WarpgroupTile::producer_registers>();
    if (threadIdx.x == producer) bring_operands(arguments, shared);
  } else {
    take_registers<WarpgroupTile::consumer_registers>();
    WarpgroupStage stage;
    for (int number = static_cast<int>(blockIdx.x); number < arguments.work; number += static_cast<int>(gridDim.x)) {
      const PackedWork work = packed_work<WarpgroupTile>(arguments, number);
      WarpgroupSums sums;
      multiply_tile<precision>(sums, work, shared, stage);
      write_sums(sums, arguments, work, shared);
    }
  }
#else
  __trap();
#endif
}
#undef MYNAH_HAS_WARPGROUPS

}  // namespace mynah::kernels::cuda
