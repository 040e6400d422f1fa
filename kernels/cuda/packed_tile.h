#pragma once

#include "kernels/cuda/async_copy.h"
#include "kernels/cuda/mma_tile.h"
#include "kernels/cuda/packed_product.h"

namespace mynah::kernels::cuda {

/// C [m, n] = A B of packed operands by mma.sync, for GPUs without warpgroups: any from sm_80 on.
///
/// A block has 128 x 128 sums, 64 x 64 of them in the registers of each of four warps; two blocks share a
/// multiprocessor, so that one multiplies while the other writes what it has. Asynchronous copies bring halves of
/// packed rows, 64 bytes along k, into a ring of four stages, three of which are on their way while the fourth is
/// multiplied. What lies there is rounded already, in either precision: where pipelined_tile.h reads float32 and rounds
/// each factor in two warps, here 16 bytes are a row of a fragment as they are, and one instruction of a warp reads
/// four of its 8 x 4 words (load_blocks). For a step of 8 words along k a multiprocessor reads 16 KB of shared memory a
/// block, 128 cycles of its bandwidth, while the tensor cores of an A100 take 256: by count they are the limit.
///
/// In a stage chunk c (0 ... 3) of row r lies at place c xor (r / 2 mod 4) of its row's four, so that the same chunk of
/// eight neighbouring rows, two of which fill the banks once, lies in different banks.
///
/// An element's sum runs over k in the same steps as in MmaBlock, and the parts are the same: so are the bits of
/// results, but not of row sums, which come from the pass that packs.
struct PackedTile {
  using Shape = MmaShape<128, 128, 16, 2, 2>;
  static constexpr int m = Shape::tile_m;
  static constexpr int n = Shape::tile_n;
  static constexpr int threads = Shape::threads;
  static constexpr int stages = 4;
  static constexpr int chunks = wgmma_chunks / 2;  ///< of a row
  static constexpr int row_bytes = chunks * wgmma_chunk_bytes;
  static constexpr int steps = row_bytes / (4 * mma_words);  ///< of mma.sync, in a stage
  static constexpr int a_bytes = m * row_bytes;
  static constexpr int stage_bytes = a_bytes + n * row_bytes;
  static constexpr std::size_t shared_bytes = std::size_t{stages} * stage_bytes;
  static_assert(steps == 2 && Shape::steps_n % 2 == 0);

  __device__ __forceinline__ static int place(int row, int chunk) {
    return row * row_bytes + (chunk ^ (row / 2 % chunks)) * wgmma_chunk_bytes;
  }
};

/// Brings the rows of one operand, half a packed row at a time, a chunk a thread.
struct PackedMover {
  static constexpr int rows_apart = PackedTile::threads / PackedTile::chunks;  ///< Of a thread's chunks.
  static constexpr int count = PackedTile::m / rows_apart;
  static_assert(PackedTile::m == PackedTile::n && rows_apart % 8 == 0, "both operands alike; places repeat");

  const unsigned char* from;  ///< This thread's first chunk of the half row that is next.
  Index next_k_tile;          ///< In bytes, from a packed row to that of the next step.
  int to;                     ///< Of that chunk in a stage.
  int other_half;             ///< In bytes, from the first half of this thread's packed row to the second.
  bool second = false;        ///< The second half is next.

  __device__ __forceinline__ PackedMover(const unsigned char* packed, Index rows, Index first_row, int k_tile)
      : next_k_tile(rows * wgmma_row_bytes) {
    const int row = static_cast<int>(threadIdx.x) / PackedTile::chunks;
    const int chunk = static_cast<int>(threadIdx.x) % PackedTile::chunks;
    from = packed + (k_tile * rows + first_row + row) * wgmma_row_bytes +
           wgmma_chunk_place(row, chunk) * wgmma_chunk_bytes;
    to = PackedTile::place(row, chunk);
    // The other half of a packed row lies at the places that differ in their highest bit.
    other_half = (wgmma_chunk_place(row, chunk) < PackedTile::chunks ? 1 : -1) * PackedTile::row_bytes;
  }

  __device__ __forceinline__ void start(unsigned char* stage) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      start_copy<wgmma_chunk_bytes>(stage + to + i * rows_apart * PackedTile::row_bytes,
                                    from + Index{i} * rows_apart * wgmma_row_bytes, wgmma_chunk_bytes);
    }
    from += second ? next_k_tile - other_half : Index{other_half};
    second = !second;
  }
};

/// A warp's fragments of one step.
struct PackedFragments {
  FragmentA a[PackedTile::Shape::steps_m];
  FragmentB b[PackedTile::Shape::steps_n];
};

/// Where a lane points to when its warp loads fragments, in bytes from the beginning of a stage: of A the blocks of
/// rows 0 ... 7 and 8 ... 15 of words 0 ... 3, then those of words 4 ... 7; of B, whose rows are columns of C, the
/// blocks of words 0 ... 3 and 4 ... 7 of columns 0 ... 7, then those of columns 8 ... 15.
struct PackedLane {
  int a, b;

  __device__ __forceinline__ PackedLane(int first_m, int first_n) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    a = PackedTile::place(first_m + lane % 16, lane / 16);
    b = PackedTile::a_bytes + PackedTile::place(first_n + lane % 8 + lane / 16 * 8, lane / 8 % 2);
  }

  __device__ __forceinline__ void load(PackedFragments& fragments, const unsigned char* stage, int step) const {
    // Two chunks further, the place differs in its second bit.
    const int exchange = step * 2 * wgmma_chunk_bytes;
#pragma unroll
    for (int i = 0; i < PackedTile::Shape::steps_m; ++i) {
      load_blocks(fragments.a[i].word, stage + (a ^ exchange) + i * mma_rows * PackedTile::row_bytes);
    }
#pragma unroll
    for (int j = 0; j < PackedTile::Shape::steps_n; j += 2) {
      std::uint32_t word[4];
      load_blocks(word, stage + (b ^ exchange) + j * mma_columns * PackedTile::row_bytes);
      fragments.b[j] = {{word[0], word[1]}};
      fragments.b[j + 1] = {{word[2], word[3]}};
    }
  }
};

template <Precision precision>
__device__ __forceinline__ void add_step(MmaSums<PackedTile::Shape, precision>& sums,
                                         const PackedFragments& fragments) {
#pragma unroll
  for (int i = 0; i < PackedTile::Shape::steps_m; ++i) {
#pragma unroll
    for (int j = 0; j < PackedTile::Shape::steps_n; ++j) {
      multiply_add<precision>(sums.sums[i][j], fragments.a[i], fragments.b[j]);
    }
  }
}

template <Precision precision>
__global__ void __launch_bounds__(PackedTile::threads, 2)
    linear_packed_kernel(EarlierWork earlier, PackedArguments arguments) {
  using Tile = PackedTile;
  earlier.wait();
  const PackedWork work = packed_work<Tile>(arguments, static_cast<int>(blockIdx.x));
  auto* const first_stage = dynamic_shared<unsigned char>();
  const int halves = 2 * (work.end_k - work.first_k);
  PackedMover a(arguments.a, arguments.rows_a, work.first_m, work.first_k);
  PackedMover b(arguments.b, arguments.rows_b, work.first_n, work.first_k);
  // Makes a group for every half, those beyond the end included: waits count groups.
  const auto start_half = [&](int half) {
    if (half < halves) {
      unsigned char* const stage = first_stage + half % Tile::stages * Tile::stage_bytes;
      a.start(stage);
      b.start(stage + Tile::a_bytes);
    }
    commit_copies();
  };
#pragma unroll 1
  for (int half = 0; half < Tile::stages - 1; ++half) start_half(half);
  MmaSums<Tile::Shape, precision> sums;
  const PackedLane lane(sums.first_m, sums.first_n);
  PackedFragments fragments[Tile::steps];
  wait_for_copies<Tile::stages - 2>();  // for the first half
  __syncthreads();
  lane.load(fragments[0], first_stage, 0);
#pragma unroll 1
  for (int half = 0; half < halves; ++half) {
    const unsigned char* const stage = first_stage + half % Tile::stages * Tile::stage_bytes;
    lane.load(fragments[1], stage, 1);
    add_step<precision>(sums, fragments[0]);
    wait_for_copies<Tile::stages - 3>();  // for the next half
    __syncthreads();
    // Into the stage of the half before this one, of which no thread reads any more.
    start_half(half + Tile::stages - 1);
    if (half + 1 < halves) lane.load(fragments[0], first_stage + (half + 1) % Tile::stages * Tile::stage_bytes, 0);
    add_step<precision>(sums, fragments[1]);
  }
  // Since the last barrier nobody reads from the stages, and no copy is on its way.
  sums.for_each_four(dynamic_shared<float>(), [&](int row, int column, const Pack<4>& four) {
    const Index m = work.first_m + row;
    if (m < arguments.m) store_packed_sums(arguments, work, m, work.first_n + column, four);
  });
}

}  // namespace mynah::kernels::cuda
