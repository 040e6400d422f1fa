#pragma once

#include "kernels/cuda/linear_kernel.h"
#include "kernels/cuda/packed_operand.h"

namespace mynah::kernels::cuda {

/// C [m, n] = A B of packed operands, by blocks of either kind: warpgroup_tile.h, packed_tile.h.
struct PackedArguments {
  const unsigned char* a;  ///< [k_tiles, rows_a, 128 bytes]
  const unsigned char* b;  ///< [k_tiles, rows_b, 128 bytes]
  Index rows_a, rows_b;    ///< multiples of the tile's
  Index m, n;
  int k_tiles;
  int part_k_tiles;  ///< that a part takes
  int tiles_m;
  int tiles;            ///< of one part
  int work;             ///< tiles of all parts
  LinearTarget target;  ///< of several parts [parts, m, n], one below the other
};

/// What a block does next.
struct PackedWork {
  Index first_m, first_n;
  int part;
  int first_k, end_k;  ///< in steps of a packed row
};

/// Tiles below one another come one after another, 16 at most, then those to their right: blocks that work at the same
/// time share as many operands as they can, in the L2 cache.
template <class Tile>
__device__ __forceinline__ PackedWork packed_work(const PackedArguments& arguments, int number) {
  constexpr int column = 16;
  const int tile = number % arguments.tiles;
  const int tiles_n = arguments.tiles / arguments.tiles_m;
  const int first = tile / (column * tiles_n) * column;
  const int height = arguments.tiles_m - first < column ? arguments.tiles_m - first : column;
  const int rest = tile - first * tiles_n;
  PackedWork work{};
  work.first_m = Index{first + rest % height} * Tile::m;
  work.first_n = Index{rest / height} * Tile::n;
  work.part = number / arguments.tiles;
  work.first_k = work.part * arguments.part_k_tiles;
  const int end_k = work.first_k + arguments.part_k_tiles;
  work.end_k = end_k < arguments.k_tiles ? end_k : arguments.k_tiles;
  return work;
}

/// The end of the way of four neighbours in row m < arguments.m of C, from column n on.
__device__ __forceinline__ void store_packed_sums(const PackedArguments& arguments, const PackedWork& work, Index m,
                                                  Index n, const Pack<4>& four) {
  const Index row = work.part * arguments.m + m;
  if (arguments.target.packs && n + 4 <= arguments.n) {
    store_finished<4>(arguments.target, row, n, four);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (n + i < arguments.n) store_finished<1>(arguments.target, row, n + i, {{four.value[i]}});
    }
  }
}

}  // namespace mynah::kernels::cuda
