#pragma once

#include <algorithm>

#include "kernels/cuda/async_copy.h"
#include "kernels/cuda/linear_kernel.h"
#include "kernels/cuda/mma_tile.h"
#include "kernels/cuda/swizzle.h"

namespace mynah::kernels::cuda {

/// A block of tile.h on tensor cores for large products of matrices. Factors stay float32 on their way into shared
/// memory, where asynchronous copies bring them tile by tile into a ring of stages, up to three tiles ahead of the one
/// that is multiplied; they are rounded where a warp reads them for its fragments, those of the next step while this
/// one's are multiplied. So a tile has the time of two others to come, and a thread keeps nothing of it in registers,
/// which go to sums instead: 64 x 64 of them a warp, for which a lane reads 32 words from shared memory for 32
/// instructions, where MmaBlock's large tile reads 24 for 16. What it costs: each factor is rounded by two warps
/// instead of one thread (one instruction in bfloat16 and, from sm_90 on, in tf32; seven before), and in bfloat16 twice
/// as many bytes are read from shared memory as if it held rounded factors. Limited, by count, by the tensor cores in
/// tf32 on sm_90, by rounding in tf32 before it, by shared memory's bandwidth in bfloat16.
///
/// An element's sum runs over k in the same steps as in MmaBlock, and so do row sums; results have the same bits.

/// 128 x 128 by four warps, two blocks of which share a multiprocessor: 64 KB of shared memory each, and registers as
/// many as a thread can have.
template <Precision precision>
using PipelinedMma = MmaShape<128, 128, SwizzledTile<128, true>::depth / factors_per_word(precision), 2, 2>;

/// Brings tiles of one operand from memory into shared memory, four neighbours at a time.
template <class Shape, int extent, class Loader>
struct CopyMover {
  static constexpr bool along_k = Loader::along_k;
  using Tile = SwizzledTile<extent, along_k>;
  static constexpr int fours_in_row = (along_k ? Tile::depth : extent) / 4;
  static constexpr int rows_apart = Shape::threads / fours_in_row;  ///< Of a thread's fours.
  static constexpr int count = Tile::size / (4 * Shape::threads);
  static_assert(along_k || count * rows_apart == Tile::depth);
  static_assert(count * 4 * Shape::threads == Tile::size && rows_apart * fours_in_row == Shape::threads);

  const float* from;  ///< The first of this thread's fours, in the tile that is next.
  Index stride;       ///< Between rows in memory.
  int left;           ///< How many e the operand has from the thread's first four on.
  int row, column;    ///< Of that four in the tile, as it lies in memory.

  __device__ __forceinline__ CopyMover(const Operand& operand, Index first_e, int first_k)
      : stride(operand.stride),
        row(static_cast<int>(threadIdx.x) / fours_in_row),
        column(static_cast<int>(threadIdx.x) % fours_in_row * 4) {
    const Index first_row = along_k ? first_e : first_k;
    const Index first_column = along_k ? first_k : first_e;
    from = operand.data + (first_row + row) * stride + first_column + column;
    const Index e_left = operand.extent - first_e - (along_k ? row : column);
    left = static_cast<int>(e_left < extent ? e_left : extent);  // so many at the most are asked for
  }

  /// Starts the copies of the next tile, of which k_left steps along k are left; from there on, and outside of the
  /// operand, it is zero.
  __device__ __forceinline__ void start(float* tile, int k_left) {
    const int floats = min(max(along_k ? k_left - column : left, 0), 4);
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int further = i * rows_apart;
      const bool there = along_k ? further < left : row + further < k_left;
      const int e = along_k ? row + further : column;
      const int k = along_k ? column : row + further;
      copy_four(tile + Tile::place(e, k), from + further * stride, there ? floats : 0);
    }
    from += along_k ? Index{Tile::depth} : Tile::depth * stride;
  }

 private:
  __device__ __forceinline__ static void copy_four(float* to, const float* four, int floats) {
    if constexpr (Loader::packs) {
      start_copy<16>(to, four, 4 * floats);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i) start_copy<4>(to + i, four + i, i < floats ? 4 : 0);
    }
  }
};

template <class Shape, Precision precision, class LoaderA, class LoaderB>
struct PipelinedBlock {
  using MoverA = CopyMover<Shape, Shape::tile_m, LoaderA>;
  using MoverB = CopyMover<Shape, Shape::tile_n, LoaderB>;
  using TileA = typename MoverA::Tile;
  using TileB = typename MoverB::Tile;
  static constexpr int tile_m = Shape::tile_m;
  static constexpr int tile_n = Shape::tile_n;
  static constexpr int threads = Shape::threads;
  static constexpr int factors = factors_per_word(precision);
  using LaneA = SwizzledLane<tile_m, LoaderA::along_k, factors>;
  using LaneB = SwizzledLane<tile_n, LoaderB::along_k, factors>;
  static constexpr int depth = TileA::depth;
  static constexpr int steps = Shape::words / mma_words;  ///< Of a tile.
  static_assert(depth == Shape::words * factors && TileB::depth == depth && deepest_mma_tile % depth == 0);
  static_assert(steps == 1 || steps == 2, "fragments change places after two steps");
  static constexpr int stages = 4;
  static constexpr int stage_size = TileA::size + TileB::size;  ///< In floats.
  static constexpr int b_for_a = Shape::steps_n / Shape::steps_m;
  static constexpr int row_sum_shares = 8;  ///< Of a row: the words that are the same modulo 8.
  static constexpr int shared_floats = stages * stage_size + (LoaderA::along_k ? 0 : row_sum_shares * tile_m);
  static_assert(MmaSums<Shape, precision>::shared_floats <= stages * stage_size);
  static constexpr std::size_t shared_bytes = shared_floats * sizeof(float);

  MmaSums<Shape, precision> sums;

  template <bool with_row_sums>
  __device__ __forceinline__ void multiply(const LoaderA& a_loader, const LoaderB& b_loader, const TileRange& range) {
    MoverA a(a_loader.operand, range.first_m, range.first_k);
    MoverB b(b_loader.operand, range.first_n, range.first_k);
    const bool sums_rows = with_row_sums && range.first_n == 0;  // of the other blocks nobody asks for them
    if (sums_rows) clear_row_sums();
    // Makes a group for every tile, those beyond the end included: waits count groups.
    const auto start_tile = [&](float* stage, int k) {
      if (k < range.end_k) {
        a.start(stage, range.end_k - k);
        b.start(stage + TileA::size, range.end_k - k);
      }
      commit_copies();
    };
    float* stage = dynamic_shared<float>();  // whose tile is multiplied
#pragma unroll 1
    for (int tile = 0; tile < stages - 1; ++tile) start_tile(stage + tile * stage_size, range.first_k + tile * depth);
    wait_for_copies<stages - 2>();  // for the first tile
    __syncthreads();
    const LaneA a_lane(sums.first_m, sums.lane.group, sums.lane.member);
    const LaneB b_lane(sums.first_n, sums.lane.group, sums.lane.member);
    FragmentA a_fragments[2][Shape::steps_m];
    FragmentB b_fragments[2];
#pragma unroll
    for (int i = 0; i < Shape::steps_m; ++i) a_fragments[0][i] = read_a(stage, a_lane, 0, i);
    b_fragments[0] = read_b(stage, b_lane, 0, 0);
#pragma unroll 1
    for (int k = range.first_k; k < range.end_k; k += 2 * mma_words * factors) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        if (k + half * mma_words * factors >= range.end_k) break;  // the whole block
        const int step = half % steps;
        if (step == 0 && sums_rows) add_to_row_sums(stage);
        float* stage_of_next = stage;
        if (step == steps - 1) {
          wait_for_copies<stages - 3>();  // for the next tile
          __syncthreads();
          // Into the stage of the tile before this one, of which no thread reads any more.
          start_tile(preceding(stage), k + (half / steps + stages - 1) * depth);
          stage_of_next = following(stage);
        }
#pragma unroll
        for (int j = 0; j < Shape::steps_n; ++j) {
          b_fragments[1 - j % 2] = j + 1 < Shape::steps_n ? read_b(stage, b_lane, step, j + 1)
                                                          : read_b(stage_of_next, b_lane, (step + 1) % steps, 0);
          if (j % b_for_a == 0) {
            a_fragments[1 - half][j / b_for_a] = read_a(stage_of_next, a_lane, (step + 1) % steps, j / b_for_a);
          }
#pragma unroll
          for (int i = 0; i < Shape::steps_m; ++i) {
            multiply_add<precision>(sums.sums[i][j], a_fragments[half][i], b_fragments[j % 2]);
          }
        }
        stage = stage_of_next;
      }
    }
  }

  template <class Write>
  __device__ __forceinline__ void write(const Write& to) const {
    __syncthreads();  // what is in shared memory is done with
    sums.for_each_four(dynamic_shared<float>(), to);
  }

  /// Of the factors before rounding: the shares, added in order. For blocks whose tile begins at column 0.
  template <class Write>
  __device__ __forceinline__ void write_row_sums(const Write& to) const {
    const int thread = static_cast<int>(threadIdx.x);
    __syncthreads();
    if (thread >= tile_m) return;
    float total = 0.0f;
#pragma unroll
    for (int i = 0; i < row_sum_shares; ++i) total += share(i)[thread];
    to(thread, total);
  }

 private:
  __device__ __forceinline__ static float* following(float* stage) {
    float* const first = dynamic_shared<float>();
    return stage == first + (stages - 1) * stage_size ? first : stage + stage_size;
  }
  __device__ __forceinline__ static float* preceding(float* stage) {
    float* const first = dynamic_shared<float>();
    return (stage == first ? first + stages * stage_size : stage) - stage_size;
  }

  __device__ __forceinline__ static const float* at(const float* tile, int bytes) {
    return reinterpret_cast<const float*>(reinterpret_cast<const char*>(tile) + bytes);
  }

  template <bool along_k, class Lane>
  __device__ __forceinline__ static std::uint32_t word_at(const float* tile, const Lane& lane, int e, int word) {
    if constexpr (precision == Precision::tf32) {
      return tf32_word(*at(tile, lane.place(e, word)));
    } else if constexpr (along_k) {
      const Pack<2> pair = load<2>(at(tile, lane.place(e, word)));
      return bfloat16_word(pair.value[0], pair.value[1]);
    } else {
      return bfloat16_word(*at(tile, lane.place(e, word, 0)), *at(tile, lane.place(e, word, 1)));
    }
  }

  __device__ __forceinline__ static FragmentA read_a(const float* stage, const LaneA& lane, int step, int i) {
    constexpr bool along_k = LoaderA::along_k;
    const int row = i * mma_rows, word = step * mma_words;
    return {{word_at<along_k>(stage, lane, row, word), word_at<along_k>(stage, lane, row + 8, word),
             word_at<along_k>(stage, lane, row, word + 4), word_at<along_k>(stage, lane, row + 8, word + 4)}};
  }
  __device__ __forceinline__ static FragmentB read_b(const float* stage, const LaneB& lane, int step, int j) {
    constexpr bool along_k = LoaderB::along_k;
    const float* const tile = stage + TileA::size;
    const int column = j * mma_columns, word = step * mma_words;
    return {{word_at<along_k>(tile, lane, column, word), word_at<along_k>(tile, lane, column, word + 4)}};
  }

  // Shares of row sums lie behind the stages: the weight gradient has no registers left for them. A warp has all rows,
  // four a lane, and of each the shares that are its number modulo 4.
  static constexpr int warps = threads / 32;
  static_assert(tile_m == 4 * 32 && row_sum_shares % warps == 0);

  __device__ static float* share(int i) {
    return dynamic_shared<float>() + stages * stage_size + i * tile_m;
  }

  __device__ __forceinline__ static void clear_row_sums() {
    const int warp = static_cast<int>(threadIdx.x) / 32, row = static_cast<int>(threadIdx.x) % 32 * 4;
    for (int i = warp; i < row_sum_shares; i += warps) store<4>(share(i) + row, Pack<4>{{0.0f, 0.0f, 0.0f, 0.0f}});
  }

  __device__ __forceinline__ static void add_to_row_sums(const float* stage) {
    const int warp = static_cast<int>(threadIdx.x) / 32, row = static_cast<int>(threadIdx.x) % 32 * 4;
#pragma unroll 1
    for (int i = warp; i < row_sum_shares; i += warps) {
      Pack<4> sum = load<4>(share(i) + row);
#pragma unroll
      for (int first = 0; first < Shape::words; first += row_sum_shares) {
#pragma unroll
        for (int j = 0; j < factors; ++j) {
          const Pack<4> four = load<4>(stage + TileA::place(row, (first + i) * factors + j));
#pragma unroll
          for (int e = 0; e < 4; ++e) sum.value[e] += four.value[e];
        }
      }
      store<4>(share(i) + row, sum);
    }
  }
};

/// The block of a precision, as a template of its loaders alone.
template <Precision precision>
struct PipelinedBlocks {
  template <class LoaderA, class LoaderB>
  using Block = PipelinedBlock<PipelinedMma<precision>, precision, LoaderA, LoaderB>;
};

}  // namespace mynah::kernels::cuda
