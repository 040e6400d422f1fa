#pragma once

#include <algorithm>

#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// The one place that says which kernel computes a product of a linear layer. Its precision does not matter to
/// choose_linear: a tile is multiplied by the multiply-add units in float32 (tile.h), by tensor cores in tf32 and
/// bfloat16 (mma_tile.h). Large products in tf32 and bfloat16 go to warpgroups on the GPUs that have them.

/// C [m, n] = Σ_k A(m, k) B(k, n):
enum class LinearProduct {
  forward,          ///< y = x wᵀ:   m rows,    n outputs, k inputs;  both operands run along k in memory
  input_gradient,   ///< dx = dy w:  m rows,    n inputs,  k outputs; A along k, B along n
  weight_gradient,  ///< dw = dyᵀ x: m outputs, n inputs,  k rows;    A along m, B along n
};

enum class LinearKernel {
  dot,        ///< A warp for each element of C; forward only.
  small,      ///< 32 x 32 tiles
  medium,     ///< 64 x 64 tiles
  large,      ///< 128 x 128 tiles
  warpgroup,  ///< 128 x 256 tiles (warpgroup_tile.h); tf32 and bfloat16 on compute capability 9.0 only.
};

struct LinearChoice {
  LinearKernel kernel = LinearKernel::small;
  Index parts = 1;  ///< k is cut into so many parts, whose products are added in order by a second kernel.
};

constexpr Index linear_tile_extent(LinearKernel kernel) {
  return kernel == LinearKernel::large ? 128 : kernel == LinearKernel::medium ? 64 : 32;
}

/// So many blocks give every multiprocessor of a large GPU (132 on an H100) one. A constant, so that the choice, and
/// with it the order of the sums, is the same on every GPU.
constexpr Index blocks_to_fill = 128;

/// A part is not shallower than this: below, the second kernel costs more than the parts save.
constexpr Index shallowest_part = 512;

/// The larger the tile, the more often a number is used after it was read from memory (tile / 4 floating-point
/// operations a byte), but the fewer blocks there are; so the largest tile that fits the matrix and still fills the
/// GPU, with k cut into parts where that fills it. Small networks never fill it: there the small tile is chosen, whose
/// blocks finish soonest, or, where even that has a handful of blocks or most of a tile would be outside the matrix,
/// the dot kernel, in which each element has a warp of its own.
constexpr LinearChoice choose_linear(LinearProduct product, Index m, Index n, Index k) {
  const Index smaller = m < n ? m : n;
  if (product == LinearProduct::forward && (m * n <= 2048 || (smaller <= 8 && k >= 32))) return {LinearKernel::dot, 1};
  const Index most_parts = std::max<Index>(1, k / shallowest_part);
  LinearChoice choice;
  Index blocks = 0;
  for (const LinearKernel kernel : {LinearKernel::large, LinearKernel::medium, LinearKernel::small}) {
    const Index extent = linear_tile_extent(kernel);
    blocks = ((m + extent - 1) / extent) * ((n + extent - 1) / extent);
    choice.kernel = kernel;
    if (smaller > extent / 2 && blocks * most_parts >= blocks_to_fill) break;
  }
  if (blocks > 0 && blocks < blocks_to_fill) {
    choice.parts = std::min(most_parts, (blocks_to_fill + blocks - 1) / blocks);
  }
  return choice;
}

/// In how many parts warpgroups take a product; 0: the other kernels are to take it. Both operands are packed first,
/// which costs a pass over them and pays where each of their numbers is used often: not below 1024 times. Tiles are too
/// large to be worth it where they do not reach half of a large GPU. These bounds were reasoned, not measured yet.
constexpr Index warpgroup_parts(Index m, Index n, Index k) {
  if (m < 1024 || n < 1024 || k < 512) return 0;
  const Index tiles = ((m + 127) / 128) * ((n + 255) / 256);
  const Index parts = std::min(k / shallowest_part, (blocks_to_fill + tiles - 1) / tiles);
  return tiles * parts >= blocks_to_fill / 2 ? parts : 0;
}

}  // namespace mynah::kernels::cuda
