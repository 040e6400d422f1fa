#pragma once

#include "kernels/cuda/pack.h"
#include "kernels/cuda/shared_memory.h"

namespace mynah::kernels::cuda {

/// C [m, n] = Σ_k A(m, k) B(k, n) by tiles in shared memory, wherever A and B come from and wherever C goes: linear
/// layers (linear_kernel.h) and convolutions (convolution_kernel.h).
///
/// An operand is known by its *loader*, which has
///
///   static constexpr bool along_k                       neighbours in memory are neighbours along k, else along e,
///                                                       which is m for A and n for B
///   Pack<4> four(Index e, int k, int end_k) const       elements (e, k ... k + 3), or (e ... e + 3, k); zero outside
///                                                       of the operand, and from end_k on
///
/// and the work by its *block*, TileBlock here, MmaBlock (mma_tile.h) on tensor cores. All threads of a block call
///
///   multiply<with_row_sums>(a, b, range)   sums one tile of C in registers
///   write(to)                              calls to(row, column, Pack<width>) for neighbours in a row of the tile
///   write_row_sums(to)                     calls to(row, Σ_k A(row, k)), once for every row of the tile
///
/// in this order. Launches have Block::threads threads and Block::shared_bytes of dynamic shared memory.

/// Where a block's tile of C begins, and over which part of k it sums.
struct TileRange {
  Index first_m, first_n;
  int first_k, end_k;  ///< In 32 bits: a large tile has no registers to spare.
};

/// What a block computes, and with how many threads. A thread keeps thread_m x thread_n sums in registers.
template <int tile_m_, int tile_n_, int tile_k_, int thread_m_, int thread_n_>
struct TileShape {
  static constexpr int tile_m = tile_m_;
  static constexpr int tile_n = tile_n_;
  static constexpr int tile_k = tile_k_;
  static constexpr int thread_m = thread_m_;
  static constexpr int thread_n = thread_n_;
  static constexpr int threads = (tile_m / thread_m) * (tile_n / thread_n);
  // A row of a tile in shared memory is 4 floats longer: rows stay aligned for 128-bit reads, and threads that write
  // down a column meet in 2 banks' worth of conflicts rather than 8.
  static constexpr int row_m = tile_m + 4;
  static constexpr int row_n = tile_n + 4;
};

/// 32 x 32: a block of 256 threads with 4 sums each. It is for networks that cannot fill the GPU: what counts is the
/// time of one block, and so that 32 steps of k are in flight at once.
using SmallTile = TileShape<32, 32, 32, 2, 2>;
/// 64 x 64: 16 sums a thread, half of an instruction's operands from shared memory.
using MediumTile = TileShape<64, 64, 16, 4, 4>;
/// 128 x 128: 64 sums a thread for 16 floats read from shared memory, which is what the multiply-add units ask for;
/// limited by them. 17 KB of shared memory and at most 128 registers let two blocks share a multiprocessor.
using LargeTile = TileShape<128, 128, 8, 8, 8>;

/// Moves tiles of one operand: from memory into registers (take), from there into shared memory (put), where a tile is
/// [tile_k][row], whichever way the operand runs.
template <class Shape, int extent, int row, class Loader>
struct TileMover {
  static constexpr int count = extent * Shape::tile_k / (4 * Shape::threads);
  static_assert(count * 4 * Shape::threads == extent * Shape::tile_k);
  static_assert(Loader::along_k || Shape::threads % (extent / 4) == 0, "a thread keeps to its four e");
  Pack<4> held[count];

  __device__ static int place_e(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Shape::threads;
    return Loader::along_k ? id / (Shape::tile_k / 4) : 4 * (id % (extent / 4));
  }
  __device__ static int place_k(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Shape::threads;
    return Loader::along_k ? 4 * (id % (Shape::tile_k / 4)) : id / (extent / 4);
  }
  __device__ __forceinline__ void take(const Loader& loader, Index first_e, int first_k, int end_k) {
#pragma unroll
    for (int i = 0; i < count; ++i) held[i] = loader.four(first_e + place_e(i), first_k + place_k(i), end_k);
  }
  __device__ __forceinline__ void put(float (*tile)[row]) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if constexpr (Loader::along_k) {
#pragma unroll
        for (int j = 0; j < 4; ++j) tile[place_k(i) + j][place_e(i)] = held[i].value[j];
      } else {
        store<4>(&tile[place_k(i)][place_e(i)], held[i]);
      }
    }
  }
};

/// The row (or column) of its tile that sum i of thread `thread` belongs to. A thread's sums come in runs of up to four
/// neighbours, read with one access; runs lie far apart, so that neighbouring threads read neighbouring banks.
template <int tile, int per_thread>
__device__ __forceinline__ int place_in_tile(int thread, int i) {
  constexpr int run = per_thread < 4 ? per_thread : 4;
  return (i / run) * (tile / (per_thread / run)) + thread * run + i % run;
}

template <int tile, int per_thread>
__device__ __forceinline__ void read_runs(const float* row, int thread, float (&values)[per_thread]) {
  constexpr int run = per_thread < 4 ? per_thread : 4;
#pragma unroll
  for (int i = 0; i < per_thread; i += run) {
    const Pack<run> pack = load<run>(row + place_in_tile<tile, per_thread>(thread, i));
#pragma unroll
    for (int j = 0; j < run; ++j) values[i + j] = pack.value[j];
  }
}

/// One block's tile on the multiply-add units: while it is multiplied in shared memory, the next is on its way from
/// memory into registers; it is put into the other of two buffers, so that one barrier a tile is enough.
template <class Shape, class LoaderA, class LoaderB>
struct TileBlock {
  using MoverA = TileMover<Shape, Shape::tile_m, Shape::row_m, LoaderA>;
  using MoverB = TileMover<Shape, Shape::tile_n, Shape::row_n, LoaderB>;
  static constexpr int tile_m = Shape::tile_m;
  static constexpr int tile_n = Shape::tile_n;
  static constexpr int tile_k = Shape::tile_k;
  static constexpr int threads = Shape::threads;
  static constexpr int thread_m = Shape::thread_m;
  static constexpr int thread_n = Shape::thread_n;
  using RowsA = float (*)[Shape::row_m];
  using RowsB = float (*)[Shape::row_n];
  static constexpr int size_a = tile_k * Shape::row_m;
  static constexpr int size = size_a + tile_k * Shape::row_n;  ///< Of one of the two buffers, in floats.
  static constexpr std::size_t shared_bytes = 2 * size * sizeof(float);

  float sums[thread_m][thread_n] = {};
  float row_sums[thread_m] = {};
  int place_m = static_cast<int>(threadIdx.x) / (tile_n / thread_n);
  int place_n = static_cast<int>(threadIdx.x) % (tile_n / thread_n);

  template <bool with_row_sums>
  __device__ __forceinline__ void multiply(const LoaderA& a_loader, const LoaderB& b_loader, const TileRange& range) {
    MoverA a;
    MoverB b;
    a.take(a_loader, range.first_m, range.first_k, range.end_k);
    b.take(b_loader, range.first_n, range.first_k, range.end_k);
    int buffer = 0;  // 0 or size: where the tiles lie
    for (int k = range.first_k; k < range.end_k; k += tile_k) {
      const auto a_tile = reinterpret_cast<RowsA>(dynamic_shared<float>() + buffer);
      const auto b_tile = reinterpret_cast<RowsB>(dynamic_shared<float>() + buffer + size_a);
      a.put(a_tile);
      b.put(b_tile);
      __syncthreads();
      const int next_k = k + tile_k;
      if (next_k < range.end_k) {
        a.take(a_loader, range.first_m, next_k, range.end_k);
        b.take(b_loader, range.first_n, next_k, range.end_k);
      }
      add_tile<with_row_sums>(a_tile, b_tile);
      buffer = size - buffer;
    }
  }

  /// Where a thread's sums are many, the text of `to`, which is long, stands there for two of its rows only: inlined
  /// for every sum it would fill the instruction cache, and take the compiler minutes.
  template <class Write>
  __device__ __forceinline__ void write(const Write& to) const {
    write_rows<(thread_m * thread_n > 16 ? 2 : thread_m)>(to);
  }
  /// For a `to` that leaves no registers for what a loop needs.
  template <class Write>
  __device__ __forceinline__ void write_unrolled(const Write& to) const {
    write_rows<thread_m>(to);
  }

  /// The threads have A in their registers already, so that its sums cost an addition for every thread_n multiply-adds
  /// and spare a launch that would read A again.
  template <class Write>
  __device__ __forceinline__ void write_row_sums(const Write& to) const {
    if (place_n != 0) return;
#pragma unroll
    for (int i = 0; i < thread_m; ++i) to(place_in_tile<tile_m, thread_m>(place_m, i), row_sums[i]);
  }

 private:
  template <int rows_at_once, class Write>
  __device__ __forceinline__ void write_rows(const Write& to) const {
    constexpr int run = thread_n < 4 ? thread_n : 4;
#pragma unroll rows_at_once
    for (int i = 0; i < thread_m; ++i) {
      float row[thread_n] = {};
#pragma unroll
      for (int step = 0; step < thread_m; ++step) {  // the compiler has to know which registers
        if (step != i) continue;
#pragma unroll
        for (int j = 0; j < thread_n; ++j) row[j] = sums[step][j];
      }
#pragma unroll
      for (int j = 0; j < thread_n; j += run) {
        Pack<run> pack;
#pragma unroll
        for (int t = 0; t < run; ++t) pack.value[t] = row[j + t];
        to(place_in_tile<tile_m, thread_m>(place_m, i), place_in_tile<tile_n, thread_n>(place_n, j), pack);
      }
    }
  }

  template <bool with_row_sums>
  __device__ __forceinline__ void add_tile(const float (*a_tile)[Shape::row_m], const float (*b_tile)[Shape::row_n]) {
#pragma unroll
    for (int k = 0; k < tile_k; ++k) {
      float a[thread_m];
      float b[thread_n];
      read_runs<tile_m>(a_tile[k], place_m, a);
      read_runs<tile_n>(b_tile[k], place_n, b);
#pragma unroll
      for (int i = 0; i < thread_m; ++i) {
#pragma unroll
        for (int j = 0; j < thread_n; ++j) sums[i][j] += a[i] * b[j];
        if constexpr (with_row_sums) row_sums[i] += a[i];
      }
    }
  }
};

/// The block of a shape, as a template of its loaders alone.
template <class Shape>
struct TileBlocks {
  template <class LoaderA, class LoaderB>
  using Block = TileBlock<Shape, LoaderA, LoaderB>;
};

}  // namespace mynah::kernels::cuda
