#pragma once

#include "kernels/cuda/linear_kernel.h"
#include "kernels/cuda/mma.h"
#include "kernels/cuda/wgmma_operand.h"

namespace mynah::kernels::cuda {

/// The operands of a product, rounded and laid out for wgmma, which takes what it finds: it would cut float32 off
/// instead of rounding it, and reads 4-byte factors along k alone.
///
///   packed [k_tiles, rows, 128 bytes]     rows: the operand's extent, up to a multiple of the tile's; zeros behind the
///                                         operand; a row of 128 bytes as wgmma_operand.h has it
///
/// So the part of a tile of any height that belongs to one step of k is one piece of memory, which a single bulk copy
/// brings, in the order in which it is to lie in shared memory. Limited by memory: an operand is read once and written
/// once, at half or all of its size, where the product reads it again and again.
struct PackedOperand {
  Operand from;
  unsigned char* to;
  Index rows;
};

constexpr int pack_threads = 256;
constexpr int pack_rows = pack_threads / wgmma_chunks;  ///< That a block takes, of one step of k.

inline int pack_blocks(const PackedOperand& operand, Index k_tiles) {
  return static_cast<int>(operand.rows / pack_rows * k_tiles);
}

/// The row and the chunk of its block that a thread packs. Where the operand runs along k, eight neighbouring threads
/// take a row. Else neighbouring rows are neighbours in memory, of which a warp reads 16, and writes two neighbouring
/// chunks of each; so that in both directions it asks for whole sectors of 32 bytes.
template <bool along_k>
struct PackPlace {
  int thread = static_cast<int>(threadIdx.x);
  int row = along_k ? thread / wgmma_chunks : thread / 2 % 16 + thread / 32 % 2 * 16;
  int chunk = along_k ? thread % wgmma_chunks : thread % 2 + thread / 64 * 2;
};

template <Precision precision>
struct ChunkFactors {
  static constexpr int count = wgmma_chunk_bytes / wgmma_factor_bytes(precision);
  float value[count];

  template <bool along_k, bool packs>
  __device__ __forceinline__ void take(const Operand& operand, Index e, Index k, Index depth) {
    if constexpr (along_k) {
#pragma unroll
      for (int i = 0; i < count; i += 4) {
        const Pack<4> four = fetch<true, packs>(operand, e, k + i, depth);
#pragma unroll
        for (int j = 0; j < 4; ++j) value[i + j] = four.value[j];
      }
    } else {
#pragma unroll
      for (int i = 0; i < count; ++i) {
        value[i] = e < operand.extent && k + i < depth ? operand.data[(k + i) * operand.stride + e] : 0.0f;
      }
    }
  }
  __device__ __forceinline__ uint4 rounded() const {
    std::uint32_t word[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if constexpr (precision == Precision::tf32) {
        word[i] = tf32_word(value[i]);
      } else {
        word[i] = bfloat16_word(value[2 * i], value[2 * i + 1]);
      }
    }
    return make_uint4(word[0], word[1], word[2], word[3]);
  }
  __device__ __forceinline__ float sum() const {
    float total = value[0];
#pragma unroll
    for (int i = 1; i < count; ++i) total += value[i];
    return total;
  }
};

/// One block's rows and step of k. row_sums [k_tiles, extent]: of the factors before rounding, for each step of k.
template <Precision precision, bool along_k, bool packs, bool with_row_sums>
__device__ __forceinline__ void pack_block(const PackedOperand& operand, Index depth, int block, float* row_sums) {
  const int blocks_of_rows = static_cast<int>(operand.rows / pack_rows);
  const Index k_tile = block / blocks_of_rows;
  const Index first = Index{block % blocks_of_rows} * pack_rows;
  const PackPlace<along_k> place;
  const Index e = first + place.row;
  ChunkFactors<precision> factors;
  factors.template take<along_k, packs>(
      operand.from, e, k_tile * wgmma_row_factors(precision) + place.chunk * ChunkFactors<precision>::count, depth);
  auto* const row = reinterpret_cast<uint4*>(operand.to + (k_tile * operand.rows + e) * wgmma_row_bytes);
  row[wgmma_chunk_place(place.row, place.chunk)] = factors.rounded();
  if constexpr (with_row_sums) {
    __shared__ float shares[wgmma_chunks][pack_rows];
    shares[place.chunk][place.row] = factors.sum();
    __syncthreads();
    const Index own = first + place.thread;
    if (place.thread >= pack_rows || own >= operand.from.extent) return;
    float total = 0.0f;
#pragma unroll
    for (int chunk = 0; chunk < wgmma_chunks; ++chunk) total += shares[chunk][place.thread];
    row_sums[k_tile * operand.from.extent + own] = total;
  }
}

struct PackArguments {
  PackedOperand a;
  PackedOperand b;
  Index depth;
  int blocks_of_a;  ///< The first of the grid; the others pack b.
  float* row_sums;  ///< Of a [k_tiles, extent]; null where nobody wants them.
};

/// Both operands in one launch. Only the weight gradient's A has row sums, the bias gradient.
template <Precision precision, LinearProduct product, bool packs>
__global__ void __launch_bounds__(pack_threads, 8) pack_operands_kernel(EarlierWork earlier, PackArguments arguments) {
  earlier.wait();
  constexpr bool a_along_k = product != LinearProduct::weight_gradient;
  constexpr bool b_along_k = product == LinearProduct::forward;
  const int block = static_cast<int>(blockIdx.x);
  if (block >= arguments.blocks_of_a) {
    pack_block<precision, b_along_k, packs, false>(arguments.b, arguments.depth, block - arguments.blocks_of_a,
                                                   nullptr);
  } else if (!a_along_k && arguments.row_sums != nullptr) {
    pack_block<precision, a_along_k, packs, !a_along_k>(arguments.a, arguments.depth, block, arguments.row_sums);
  } else {
    pack_block<precision, a_along_k, packs, false>(arguments.a, arguments.depth, block, nullptr);
  }
}

}  // namespace mynah::kernels::cuda
