#pragma once

#include <algorithm>
#include <array>

#include "kernels/precision.h"
#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// The rule that says which kernel computes a product of a linear layer, where no choice was measured on the device
/// (kernels/linear_tuning.h, which asks it). A tile is multiplied by the multiply-add units in float32 (tile.h), by
/// tensor cores in tf32 and bfloat16 (mma_tile.h, pipelined_tile.h, packed_tile.h). Large products in tf32 and bfloat16
/// go to warpgroups on the GPUs that have them (warpgroup_parts).

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
  pipelined,  ///< 128 x 128 tiles by asynchronous copies, with the bits of the large one; tf32 and bfloat16 only.
  packed,     ///< 128 x 128 tiles of operands that were packed before, by asynchronous copies; the same precisions.
  warpgroup,  ///< 128 x 256 tiles of packed operands (warpgroup_tile.h); tf32 and bfloat16 on compute capability 9.0
              ///< only.
};

struct LinearChoice {
  LinearKernel kernel = LinearKernel::small;
  Index parts = 1;  ///< k is cut into so many parts, whose products are added in order by a second kernel.
};

struct LinearKernelTraits {
  LinearKernel kernel;
  const char* name;   ///< In files and reports.
  Index tile_extent;  ///< Rows and columns of C that a block has; of the dot kernel, a warp.
};

/// Every kernel there is, in the order of LinearKernel: what is measured, named and tested is taken from here.
constexpr std::array linear_kernels{
    LinearKernelTraits{LinearKernel::dot, "dot", 1},
    LinearKernelTraits{LinearKernel::small, "small", 32},
    LinearKernelTraits{LinearKernel::medium, "medium", 64},
    LinearKernelTraits{LinearKernel::large, "large", 128},
    LinearKernelTraits{LinearKernel::pipelined, "pipelined", 128},
    LinearKernelTraits{LinearKernel::packed, "packed", 128},
    LinearKernelTraits{LinearKernel::warpgroup, "warpgroup", 128},
};

constexpr const LinearKernelTraits& traits_of(LinearKernel kernel) {
  return linear_kernels.at(static_cast<std::size_t>(kernel));
}

constexpr Index linear_tile_extent(LinearKernel kernel) {
  return traits_of(kernel).tile_extent;
}

/// Whether both operands go through a pass of their own before the product (packed_operand.h).
constexpr bool packs_operands(LinearKernel kernel) {
  return kernel == LinearKernel::packed || kernel == LinearKernel::warpgroup;
}

/// The widest last layer that linear_loss computes together with the loss.
constexpr Index widest_linear_loss = 32;

/// So many blocks give every multiprocessor of a large GPU (132 on an H100) one. A constant, so that the choice, and
/// with it the order of the sums, is the same on every GPU.
constexpr Index blocks_to_fill = 128;

/// A part is not shallower than this: below, the second kernel costs more than the parts save.
constexpr Index shallowest_part = 512;

/// From here on the pipelined kernel has tiles enough to pay for filling its stages, three of the first 16 along k.
constexpr Index shallowest_pipeline = 256;

/// The packed kernel reads and writes (m + n) k numbers, 6 or 8 bytes each, before it multiplies m n k of them. On an
/// A100 (1.5 TB/s, 312 TFLOP/s in bfloat16) that pass takes as long as half the product where m n / (m + n) is 1200,
/// and half the product is about what it saves.
constexpr Index fewest_uses_of_packed = 1200;

/// The larger the tile, the more often a number is used after it was read from memory (tile / 4 floating-point
/// operations a byte), but the fewer blocks there are; so the largest tile that fits the matrix and still fills the
/// GPU, with k cut into parts where that fills it. Small networks never fill it: there the small tile is chosen, whose
/// blocks finish soonest, or, where even that has a handful of blocks or most of a tile would be outside the matrix,
/// the dot kernel, in which each element has a warp of its own.
///
/// Where the large tile fills the GPU with sums that are deep, reduced precision takes another of its size: the packed
/// kernel, where each operand is used often enough to pay for packing it, else in tf32 the pipelined one. (In bfloat16
/// that reads factors from shared memory as float32, 384 cycles' worth of its bandwidth for 16 steps of k, where the
/// large tile, whose factors lie there rounded, needs 256, and so do the tensor cores of an A100; the packed kernel
/// needs 128.) All of this is counted, not measured.
constexpr LinearChoice choose_linear(LinearProduct product, Index m, Index n, Index k,
                                     Precision precision = Precision::float32) {
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
  const bool deep = k / choice.parts >= shallowest_pipeline;
  if (precision != Precision::float32 && choice.kernel == LinearKernel::large && deep) {
    if (m * n >= fewest_uses_of_packed * (m + n)) {
      choice.kernel = LinearKernel::packed;
    } else if (precision == Precision::tf32) {
      choice.kernel = LinearKernel::pipelined;
    }
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
