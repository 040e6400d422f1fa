#pragma once

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/linear_selection.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tile_range.h"

namespace mynah::kernels::cuda {

/// C [m, n] = Σ_k A(m, k) B(k, n), the three products of a linear layer, by tiles in shared memory.

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

/// A or B: element (e, k), e being m or n, lies at data[e * stride + k] if it runs along k, else at data[k * stride +
/// e].
struct Operand {
  const float* data;
  Index stride;
  Index extent;
};

/// Where a product goes, and what is done to an element on the way.
struct LinearTarget {
  float* data;
  Index stride;
  bool packs;             ///< rows may be written four at a time
  bool add;               ///< added to what is there (weight gradient)
  const float* bias;      ///< added to column n; may be null
  Activation activation;  ///< applied last; of the input gradient, its derivative at `operand` multiplied
  float* before;          ///< where the value goes before the activation is applied; may be null
  Index before_stride;
  const float* operand;  ///< null: the activation itself is applied
  Index operand_stride;
  float* row_sums;  ///< Σ_k A(m, k), added to (bias gradient); may be null
};

struct LinearArguments {
  Operand a;
  Operand b;
  Index depth;       ///< of the sum, k
  Index part_depth;  ///< how much of it a part takes, a multiple of every tile's depth
  Index tiles_n;
  LinearTarget target;
  float* partial;           ///< [parts, m, n]: where parts go; null when there is one
  float* partial_row_sums;  ///< [parts, m]
};

/// Four neighbours in memory of an operand, zero outside of it: (e, k...k+3) or (e...e+3, k).
template <bool along_k, bool packs>
__device__ __forceinline__ Pack<4> fetch(const Operand& operand, Index e, Index k, Index end_k) {
  const Index row = along_k ? e : k;
  const Index column = along_k ? k : e;
  const Index rows = along_k ? operand.extent : end_k;
  const Index columns = along_k ? end_k : operand.extent;
  Pack<4> pack{{0.0f, 0.0f, 0.0f, 0.0f}};
  if (row >= rows) return pack;
  const float* from = operand.data + row * operand.stride + column;
  if (packs && column + 4 <= columns) return load<4>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (column + i < columns) pack.value[i] = from[i];
  }
  return pack;
}

/// Moves tiles of one operand: from memory into registers (fetch), from there into shared memory (put), where a tile is
/// [tile_k][row], whichever way the operand runs.
template <class Tile, int extent, int row, bool along_k, bool packs>
struct TileMover {
  static constexpr int count = extent * Tile::tile_k / (4 * Tile::threads);
  static_assert(count * 4 * Tile::threads == extent * Tile::tile_k);
  Pack<4> held[count];

  __device__ static int place_e(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Tile::threads;
    return along_k ? id / (Tile::tile_k / 4) : 4 * (id % (extent / 4));
  }
  __device__ static int place_k(int i) {
    const int id = static_cast<int>(threadIdx.x) + i * Tile::threads;
    return along_k ? 4 * (id % (Tile::tile_k / 4)) : id / (extent / 4);
  }
  __device__ __forceinline__ void take(const Operand& operand, Index first_e, Index first_k, Index end_k) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      held[i] = fetch<along_k, packs>(operand, first_e + place_e(i), first_k + place_k(i), end_k);
    }
  }
  __device__ __forceinline__ void put(float (*tile)[row]) const {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if constexpr (along_k) {
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

/// The end of an element's way: bias, activation, what was there before.
__device__ __forceinline__ float finished(const LinearTarget& target, Index m, Index n, float value) {
  if (target.bias != nullptr) value += target.bias[n];
  if (target.before != nullptr) target.before[m * target.before_stride + n] = value;
  value = target.operand == nullptr
              ? activated(target.activation, value)
              : activation_gradient(target.activation, target.operand[m * target.operand_stride + n], value);
  return target.add ? target.data[m * target.stride + n] + value : value;
}

template <int width>
__device__ __forceinline__ void store_finished(const LinearTarget& target, Index m, Index n, Pack<width> pack) {
#pragma unroll
  for (int i = 0; i < width; ++i) pack.value[i] = finished(target, m, n + i, pack.value[i]);
  store<width>(target.data + m * target.stride + n, pack);
}

/// Σ over parts in order, then the end of the way. Limited by memory, and small: parts are few.
struct AddParts {
  LinearTarget target;
  const float* partial;
  Index parts;
  Index m;
  Index n;
  template <int width>
  __device__ void at(Index row, Index column) const {
    Pack<width> sum = load<width>(partial + row * n + column);
    for (Index part = 1; part < parts; ++part) {
      const Pack<width> next = load<width>(partial + (part * m + row) * n + column);
      for (int i = 0; i < width; ++i) sum.value[i] += next.value[i];
    }
    store_finished<width>(target, row, column, sum);
  }
};

struct AddPartRowSums {
  const float* partial;
  Index parts;
  Index m;
  float* out;
  template <int width>
  __device__ void at(Index, Index row) const {
    float sum = partial[row];
    for (Index part = 1; part < parts; ++part) sum += partial[part * m + row];
    out[row] += sum;
  }
};

/// The sums of one thread.
template <class Tile, bool with_row_sums>
struct ThreadSums {
  float sums[Tile::thread_m][Tile::thread_n] = {};
  float row_sums[Tile::thread_m] = {};
  int thread_m = static_cast<int>(threadIdx.x) / (Tile::tile_n / Tile::thread_n);
  int thread_n = static_cast<int>(threadIdx.x) % (Tile::tile_n / Tile::thread_n);

  __device__ __forceinline__ void add_tile(const float (*a_tile)[Tile::row_m], const float (*b_tile)[Tile::row_n]) {
#pragma unroll
    for (int k = 0; k < Tile::tile_k; ++k) {
      float a[Tile::thread_m];
      float b[Tile::thread_n];
      read_runs<Tile::tile_m>(a_tile[k], thread_m, a);
      read_runs<Tile::tile_n>(b_tile[k], thread_n, b);
#pragma unroll
      for (int i = 0; i < Tile::thread_m; ++i) {
#pragma unroll
        for (int j = 0; j < Tile::thread_n; ++j) sums[i][j] += a[i] * b[j];
        if constexpr (with_row_sums) row_sums[i] += a[i];
      }
    }
  }

  __device__ __forceinline__ void write(const LinearTarget& target, Index first_m, Index first_n, Index m, Index n) {
    constexpr int run = Tile::thread_n < 4 ? Tile::thread_n : 4;
#pragma unroll
    for (int i = 0; i < Tile::thread_m; ++i) {
      const Index row = first_m + place_in_tile<Tile::tile_m, Tile::thread_m>(thread_m, i);
      if (row >= m) continue;
#pragma unroll
      for (int j = 0; j < Tile::thread_n; j += run) {
        const Index column = first_n + place_in_tile<Tile::tile_n, Tile::thread_n>(thread_n, j);
        if (run == 4 && target.packs && column + run <= n) {
          Pack<run> pack;
#pragma unroll
          for (int t = 0; t < run; ++t) pack.value[t] = sums[i][j + t];
          store_finished<run>(target, row, column, pack);
          continue;
        }
#pragma unroll
        for (int t = 0; t < run; ++t) {
          if (column + t < n) store_finished<1>(target, row, column + t, {{sums[i][j + t]}});
        }
      }
      if (with_row_sums && thread_n == 0 && first_n == 0 && target.row_sums != nullptr) {
        target.row_sums[row] = (target.add ? target.row_sums[row] : 0.0f) + row_sums[i];
      }
    }
  }
};

/// A block for every tile (blockIdx.x) of every part (blockIdx.y). Sets arguments.tiles_n.
inline LaunchShape tile_grid(LinearArguments& arguments, int tile_m, int tile_n, Index parts) {
  arguments.tiles_n = std::max<Index>(1, ceil_divide(arguments.b.extent, tile_n));  // 1: for the row sums alone
  const Index tiles = ceil_divide(arguments.a.extent, tile_m) * arguments.tiles_n;
  return {dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(parts))};
}

/// This block's tile.
__device__ __forceinline__ TileRange tile_range(const LinearArguments& arguments, int tile_m, int tile_n) {
  TileRange range{};
  range.first_m = blockIdx.x / arguments.tiles_n * tile_m;
  range.first_n = blockIdx.x % arguments.tiles_n * tile_n;
  range.first_k = blockIdx.y * arguments.part_depth;
  const Index end_k = range.first_k + arguments.part_depth;
  range.end_k = end_k < arguments.depth ? end_k : arguments.depth;
  return range;
}

/// Where this block's part goes: to its place among the parts, as it is, or to the target.
__device__ __forceinline__ LinearTarget part_target(const LinearArguments& arguments) {
  if (arguments.partial == nullptr) return arguments.target;
  const Index part = blockIdx.y;
  LinearTarget target{};
  target.data = arguments.partial + part * arguments.a.extent * arguments.b.extent;
  target.stride = arguments.b.extent;
  target.packs = false;
  target.add = false;
  target.bias = nullptr;
  target.activation = Activation::none;
  target.before = nullptr;
  target.operand = nullptr;
  target.row_sums =
      arguments.partial_row_sums == nullptr ? nullptr : arguments.partial_row_sums + part * arguments.a.extent;
  return target;
}

/// One block computes one tile of C, or one part of it (blockIdx.y). While it multiplies one tile of A and B in shared
/// memory, the next is on its way from memory into registers; it is put into the other of two buffers, so that one
/// barrier a tile is enough. Only the weight gradient has row sums: the threads have A in their registers already, so
/// they cost an addition for every thread_n multiply-adds and spare a launch that would read dy again.
template <class Tile, LinearProduct product, bool packs>
__global__ void __launch_bounds__(Tile::threads, 2) linear_tile_kernel(LinearArguments arguments) {
  constexpr bool a_along_k = product != LinearProduct::weight_gradient;
  constexpr bool b_along_k = product == LinearProduct::forward;
  __shared__ __align__(16) float a_tiles[2][Tile::tile_k][Tile::row_m];
  __shared__ __align__(16) float b_tiles[2][Tile::tile_k][Tile::row_n];
  const auto [first_m, first_n, first_k, end_k] = tile_range(arguments, Tile::tile_m, Tile::tile_n);
  TileMover<Tile, Tile::tile_m, Tile::row_m, a_along_k, packs> a;
  TileMover<Tile, Tile::tile_n, Tile::row_n, b_along_k, packs> b;
  ThreadSums<Tile, product == LinearProduct::weight_gradient> thread;
  a.take(arguments.a, first_m, first_k, end_k);
  b.take(arguments.b, first_n, first_k, end_k);
  int buffer = 0;
  for (Index k = first_k; k < end_k; k += Tile::tile_k) {
    a.put(a_tiles[buffer]);
    b.put(b_tiles[buffer]);
    __syncthreads();
    const Index next_k = k + Tile::tile_k;
    if (next_k < end_k) {
      a.take(arguments.a, first_m, next_k, end_k);
      b.take(arguments.b, first_n, next_k, end_k);
    }
    thread.add_tile(a_tiles[buffer], b_tiles[buffer]);
    buffer ^= 1;
  }
  thread.write(part_target(arguments), first_m, first_n, arguments.a.extent, arguments.b.extent);
}

}  // namespace mynah::kernels::cuda
