#pragma once

#include "kernels/cuda/activation_function.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/linear_selection.h"
#include "kernels/cuda/pack.h"
#include "kernels/cuda/tile.h"

namespace mynah::kernels::cuda {

/// The three products of a linear layer, by the blocks of tile.h.

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
  float* row_sums;  ///< Σ_k A(m, k), added to if `add` says so (bias gradient); may be null
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

/// See tile.h.
template <bool along_k_, bool packs>
struct MatrixLoader {
  static constexpr bool along_k = along_k_;
  const Operand& operand;
  __device__ __forceinline__ Pack<4> four(Index e, int k, int end_k) const {
    return fetch<along_k, packs>(operand, e, k, end_k);
  }
};

/// Where a kernel that has no tiles was asked for one.
[[noreturn]] void throw_no_tile(const char* operation, LinearKernel kernel);

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
  bool add;
  template <int width>
  __device__ void at(Index, Index row) const {
    float sum = partial[row];
    for (Index part = 1; part < parts; ++part) sum += partial[part * m + row];
    out[row] = (add ? out[row] : 0.0f) + sum;
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
  range.first_k = static_cast<int>(blockIdx.y * arguments.part_depth);
  const Index end_k = range.first_k + arguments.part_depth;
  range.end_k = static_cast<int>(end_k < arguments.depth ? end_k : arguments.depth);
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

/// One block computes one tile of C, or one part of it (blockIdx.y). Only the weight gradient has row sums, the bias
/// gradient.
template <class Block, bool with_row_sums>
__global__ void __launch_bounds__(Block::threads, 2) linear_kernel(EarlierWork earlier, LinearArguments arguments) {
  earlier.wait();
  const TileRange range = tile_range(arguments, Block::tile_m, Block::tile_n);
  Block block;
  block.template multiply<with_row_sums>({arguments.a}, {arguments.b}, range);
  const LinearTarget target = part_target(arguments);
  block.write([&]<int width>(int row, int column, const Pack<width>& pack) {
    const Index m = range.first_m + row;
    const Index n = range.first_n + column;
    if (m >= arguments.a.extent) return;
    if constexpr (width == 4) {
      if (target.packs && n + width <= arguments.b.extent) return store_finished<width>(target, m, n, pack);
    }
#pragma unroll
    for (int i = 0; i < width; ++i) {
      if (n + i < arguments.b.extent) store_finished<1>(target, m, n + i, {{pack.value[i]}});
    }
  });
  if constexpr (with_row_sums) {
    if (target.row_sums == nullptr || range.first_n != 0) return;  // the whole block
    block.write_row_sums([&](int row, float sum) {
      const Index m = range.first_m + row;
      if (m < arguments.a.extent) target.row_sums[m] = (target.add ? target.row_sums[m] : 0.0f) + sum;
    });
  }
}

/// Launches the kernel with the block template Block, which takes two loaders. packs: both operands may be read four
/// floats at a time.
template <template <class, class> class Block, LinearProduct product>
void launch_linear(Stream& stream, const char* operation, LinearArguments arguments, Index parts, bool packs) {
  constexpr bool a_along_k = product != LinearProduct::weight_gradient;
  constexpr bool b_along_k = product == LinearProduct::forward;
  using Packed = Block<MatrixLoader<a_along_k, true>, MatrixLoader<b_along_k, true>>;
  using Plain = Block<MatrixLoader<a_along_k, false>, MatrixLoader<b_along_k, false>>;
  LaunchShape shape = tile_grid(arguments, Plain::tile_m, Plain::tile_n, parts);
  shape.block = dim3(Plain::threads);
  shape.shared_bytes = Plain::shared_bytes;
  launch(stream, operation, shape, packs ? linear_kernel<Packed, !a_along_k> : linear_kernel<Plain, !a_along_k>,
         arguments);
}

}  // namespace mynah::kernels::cuda
