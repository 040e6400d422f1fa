#pragma once

#include <algorithm>

#include "kernels/cuda/mma.h"
#include "kernels/cuda/tile.h"

namespace mynah::kernels::cuda {

/// Blocks of tile.h on tensor cores. Factors are float32 in memory, rounded on the way into shared memory, and words of
/// mma_fragment.h there.

/// What a block computes: tile_m x tile_n sums, `words` words of k at a time, by warps_m x warps_n warps, each of which
/// keeps (tile_m / warps_m) x (tile_n / warps_n) sums in registers.
template <int tile_m_, int tile_n_, int words_, int warps_m_, int warps_n_>
struct MmaShape {
  static constexpr int tile_m = tile_m_;
  static constexpr int tile_n = tile_n_;
  static constexpr int words = words_;
  static constexpr int warps_n = warps_n_;
  static constexpr int threads = 32 * warps_m_ * warps_n_;
  static constexpr int steps_m = tile_m / (warps_m_ * mma_rows);
  static constexpr int steps_n = tile_n / (warps_n_ * mma_columns);
};

/// The tiles of tile.h, as warps share them. Small: 16 x 16 sums a warp, and k deep, since what counts is the latency
/// of one block. Large: 64 x 32 sums a warp, 24 words read from shared memory for 16 instructions.
template <Precision precision>
using SmallMma = MmaShape<32, 32, 32, 2, 2>;
template <Precision precision>
using MediumMma = MmaShape<64, 64, 16, 2, 2>;
template <Precision precision>
using LargeMma = MmaShape<128, 128, 16 / factors_per_word(precision), 2, 4>;

/// How deep the deepest of these tiles is, along k; the others' depths divide it.
constexpr Index deepest_mma_tile = 64;

/// Where word `word` of row (or column) e of an operand lies in its tile in shared memory: rows of words where the
/// operand runs along k, else rows of e; so that a thread writes four neighbours with one 128-bit access. Rows are
/// longer than what they hold, so that the 32 words of a fragment, 8 neighbours along e and 4 along k, lie in 32
/// different banks: rows are apart, modulo 32, by an odd multiple of 4 in the first case and of 8 in the second.
template <int extent, int words, bool along_k>
struct MmaTileLayout {
  static constexpr int stride = along_k ? words + 4 : extent + 8;
  static constexpr int size = (along_k ? extent : words) * stride;
  static_assert(along_k ? words % 8 == 0 : extent % 32 == 0, "fragments without bank conflicts");
  __device__ static constexpr int place(int e, int word) { return along_k ? e * stride + word : word * stride + e; }
};

/// Moves tiles of one operand: from memory into registers (take), from there, rounded, into shared memory (put). A
/// thread moves four words at a time: four neighbours along k of one e, or the same word of four neighbours along e.
template <class Shape, int extent, Precision precision, class Loader>
struct MmaMover {
  using Layout = MmaTileLayout<extent, Shape::words, Loader::along_k>;
  static constexpr int factors = factors_per_word(precision);
  static constexpr int count = extent * Shape::words / (4 * Shape::threads);
  static_assert(count * 4 * Shape::threads == extent * Shape::words);
  Pack<4> held[count][factors];

  __device__ static int place_e(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Shape::threads;
    return Loader::along_k ? id / (Shape::words / 4) : 4 * (id % (extent / 4));
  }
  __device__ static int place_word(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Shape::threads;
    return Loader::along_k ? 4 * (id % (Shape::words / 4)) : id / (extent / 4);
  }
  __device__ __forceinline__ void take(const Loader& loader, Index first_e, int first_k, int end_k) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
#pragma unroll
      for (int j = 0; j < factors; ++j) {
        const int k = first_k + place_word(i) * factors + (Loader::along_k ? 4 * j : j);
        held[i][j] = loader.four(first_e + place_e(i), k, end_k);
      }
    }
  }
  __device__ __forceinline__ void put(std::uint32_t* tile) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      std::uint32_t word[4];
#pragma unroll
      for (int w = 0; w < 4; ++w) word[w] = word_of(held[i], w);
      *reinterpret_cast<uint4*>(tile + Layout::place(place_e(i), place_word(i))) =
          make_uint4(word[0], word[1], word[2], word[3]);
    }
  }
  /// Adds what this thread holds, as it was before rounding, to the sums of its four e.
  __device__ __forceinline__ void add_over_k(float (&sums)[4]) const {
    static_assert(!Loader::along_k && Shape::threads % (extent / 4) == 0, "a thread keeps to its four e");
#pragma unroll
    for (int i = 0; i < count; ++i) {
#pragma unroll
      for (int j = 0; j < factors; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[e] += held[i][j].value[e];
      }
    }
  }

 private:
  __device__ static std::uint32_t word_of(const Pack<4> (&packs)[factors], int w) {
    if constexpr (precision == Precision::tf32) {
      return tf32_word(packs[0].value[w]);
    } else if constexpr (Loader::along_k) {
      const Pack<4>& pack = packs[w / 2];
      return bfloat16_word(pack.value[2 * (w % 2)], pack.value[2 * (w % 2) + 1]);
    } else {
      return bfloat16_word(packs[0].value[w], packs[1].value[w]);
    }
  }
};

/// The sums of one warp, and where they lie in the block's tile.
template <class Shape, Precision precision>
struct MmaSums {
  static constexpr int columns = Shape::steps_n * mma_columns;
  static constexpr int stride = columns + 8;  ///< Of rows in shared memory; no bank conflicts when written.
  static constexpr int shared_floats = Shape::threads / 32 * mma_rows * stride;  ///< That for_each_four needs.

  FragmentC sums[Shape::steps_m][Shape::steps_n];
  MmaLane lane;
  int first_m = static_cast<int>(threadIdx.x) / 32 / Shape::warps_n * (Shape::steps_m * mma_rows);
  int first_n = static_cast<int>(threadIdx.x) / 32 % Shape::warps_n * columns;

  /// Adds the product of two tiles, of which words from `words` on are zero.
  template <class LayoutA, class LayoutB>
  __device__ __forceinline__ void add_tile(const std::uint32_t* a_tile, const std::uint32_t* b_tile, int words) {
#pragma unroll
    for (int step = 0; step < Shape::words; step += mma_words) {
      if (step >= words) break;  // the whole block
      const int word = step + lane.member;
      FragmentB b[Shape::steps_n];
#pragma unroll
      for (int j = 0; j < Shape::steps_n; ++j) {
        const int column = first_n + j * mma_columns + lane.group;
        b[j] = {{b_tile[LayoutB::place(column, word)], b_tile[LayoutB::place(column, word + 4)]}};
      }
#pragma unroll
      for (int i = 0; i < Shape::steps_m; ++i) {
        const int row = first_m + i * mma_rows + lane.group;
        const FragmentA a{{a_tile[LayoutA::place(row, word)], a_tile[LayoutA::place(row + 8, word)],
                           a_tile[LayoutA::place(row, word + 4)], a_tile[LayoutA::place(row + 8, word + 4)]}};
#pragma unroll
        for (int j = 0; j < Shape::steps_n; ++j) multiply_add<precision>(sums[i][j], a, b[j]);
      }
    }
  }

  /// Calls write(row, column, Pack<4>) for every four neighbours in a row of the tile, which fragments do not hold
  /// together; so the warps' sums go through shared memory, 16 rows at a time. Its text is there once, since what is
  /// done to an element on its way out is long. All threads call it, with shared memory that nobody uses any more.
  template <class Write>
  __device__ __forceinline__ void for_each_four(float* shared, const Write& write) const {
    constexpr int fours = columns / 4;
    float* const rows = shared + static_cast<int>(threadIdx.x) / 32 * mma_rows * stride;
#pragma unroll 1
    for (int i = 0; i < Shape::steps_m; ++i) {
#pragma unroll
      for (int step = 0; step < Shape::steps_m; ++step) {  // the compiler has to know which registers
        if (step == i) stage(sums[step], rows);
      }
      __syncwarp();
#pragma unroll 1
      for (int at = static_cast<int>(threadIdx.x) % 32; at < mma_rows * fours; at += 32) {
        const int row = at / fours, column = at % fours * 4;
        write(first_m + i * mma_rows + row, first_n + column, load<4>(rows + row * stride + column));
      }
      __syncwarp();
    }
  }

 private:
  __device__ __forceinline__ void stage(const FragmentC (&of_rows)[Shape::steps_n], float* rows) const {
#pragma unroll
    for (int j = 0; j < Shape::steps_n; ++j) {
      float* const to = rows + lane.group * stride + j * mma_columns + 2 * lane.member;
      store<2>(to, Pack<2>{{of_rows[j].value[0], of_rows[j].value[1]}});
      store<2>(to + 8 * stride, Pack<2>{{of_rows[j].value[2], of_rows[j].value[3]}});
    }
  }
};

/// One block's tile: while it is multiplied in shared memory, the next is on its way from memory into registers; it is
/// put into the other of two buffers, so that one barrier a tile is enough. Limited by shared memory's bandwidth on
/// Hopper, by the tensor cores before it.
template <class Shape, Precision precision, class LoaderA, class LoaderB>
struct MmaBlock {
  using MoverA = MmaMover<Shape, Shape::tile_m, precision, LoaderA>;
  using MoverB = MmaMover<Shape, Shape::tile_n, precision, LoaderB>;
  using LayoutA = typename MoverA::Layout;
  using LayoutB = typename MoverB::Layout;
  static constexpr int tile_m = Shape::tile_m;
  static constexpr int tile_n = Shape::tile_n;
  static constexpr int threads = Shape::threads;
  static constexpr int factors = factors_per_word(precision);
  static_assert(deepest_mma_tile % (Shape::words * factors) == 0);
  static constexpr int buffer_size = LayoutA::size + LayoutB::size;  ///< In words.
  static constexpr int shared_words = std::max(2 * buffer_size, MmaSums<Shape, precision>::shared_floats);
  static constexpr std::size_t shared_bytes = shared_words * sizeof(std::uint32_t);
  static_assert(LayoutA::size % 4 == 0 && shared_bytes <= 48 * 1024, "128-bit accesses; more is to be asked for");

  MmaSums<Shape, precision> sums;
  float row_sums[4] = {};  ///< Of this thread's share of A, for the four rows that it moves.

  template <bool with_row_sums>
  __device__ __forceinline__ void multiply(const LoaderA& a_loader, const LoaderB& b_loader, const TileRange& range) {
    MoverA a;
    MoverB b;
    a.take(a_loader, range.first_m, range.first_k, range.end_k);
    b.take(b_loader, range.first_n, range.first_k, range.end_k);
    int buffer = 0;  // 0 or buffer_size: where the tiles lie
    for (int k = range.first_k; k < range.end_k; k += Shape::words * factors) {
      std::uint32_t* const a_tile = dynamic_shared<std::uint32_t>() + buffer;
      std::uint32_t* const b_tile = a_tile + LayoutA::size;
      a.put(a_tile);
      b.put(b_tile);
      if constexpr (with_row_sums) a.add_over_k(row_sums);
      __syncthreads();
      const int next_k = k + Shape::words * factors;
      if (next_k < range.end_k) {
        a.take(a_loader, range.first_m, next_k, range.end_k);
        b.take(b_loader, range.first_n, next_k, range.end_k);
      }
      const int words = (range.end_k - k + factors - 1) / factors;
      sums.template add_tile<LayoutA, LayoutB>(a_tile, b_tile, words);
      buffer = buffer_size - buffer;
    }
  }

  template <class Write>
  __device__ __forceinline__ void write(const Write& to) const {
    __syncthreads();  // what is in shared memory is done with
    sums.for_each_four(dynamic_shared<float>(), to);
  }

  /// Of the factors before rounding: the threads' shares, added in order.
  template <class Write>
  __device__ __forceinline__ void write_row_sums(const Write& to) const {
    constexpr int movers = tile_m / 4;
    static_assert(4 * threads <= shared_words && tile_m <= threads);
    auto* const shares = dynamic_shared<float>();
    const int thread = static_cast<int>(threadIdx.x);
    __syncthreads();  // what is in shared memory is done with
    store<4>(shares + thread / movers * tile_m + 4 * (thread % movers),
             Pack<4>{{row_sums[0], row_sums[1], row_sums[2], row_sums[3]}});
    __syncthreads();
    if (thread >= tile_m) return;
    float total = 0.0f;
#pragma unroll
    for (int g = 0; g < threads / movers; ++g) total += shares[g * tile_m + thread];
    to(thread, total);
  }
};

/// The block of a shape and precision, as a template of its loaders alone.
template <template <Precision> class Shape, Precision precision>
struct MmaBlocks {
  template <class LoaderA, class LoaderB>
  using Block = MmaBlock<Shape<precision>, precision, LoaderA, LoaderB>;
};

}  // namespace mynah::kernels::cuda
