#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/precision.h"

namespace mynah::kernels::cuda {

/// How the operands of wgmma lie in shared memory, A [m, k] and B [n, k] alike: rows of 128 bytes along k, of 32
/// factors in tf32 (float32 whose last 13 bits are zero) or 64 in bfloat16, one row behind the other. Each eight rows
/// begin at a multiple of 1024 bytes, and the eight 16-byte chunks of a row change places so that the same chunk of
/// eight neighbouring rows lies in different banks (the 128-byte swizzle of the PTX ISA, "Shared Memory Matrix
/// Layout").
constexpr int wgmma_row_bytes = 128;
constexpr int wgmma_chunk_bytes = 16;
constexpr int wgmma_chunks = wgmma_row_bytes / wgmma_chunk_bytes;
constexpr int wgmma_alignment = 1024;

constexpr int wgmma_factor_bytes(Precision precision) {
  return precision == Precision::bfloat16 ? 2 : 4;
}
/// How many factors along k a row holds.
constexpr int wgmma_row_factors(Precision precision) {
  return wgmma_row_bytes / wgmma_factor_bytes(precision);
}

/// Where chunk `chunk` of row `row` lies in its row.
MYNAH_HOST_DEVICE constexpr int wgmma_chunk_place(int row, int chunk) {
  return chunk ^ (row % 8);
}

/// What an instruction is told of an operand whose first row is at `address` of shared memory: the address, the 1024
/// bytes from eight rows to the next eight, and that chunks are swizzled by 128 bytes, all but the last in units of 16
/// bytes (PTX ISA, "Matrix Descriptor Format"; the other distance means nothing for this layout).
MYNAH_HOST_DEVICE constexpr std::uint64_t wgmma_descriptor(std::uint32_t address) {
  constexpr std::uint64_t ignored = std::uint64_t{1} << 16;
  constexpr std::uint64_t eight_rows = std::uint64_t{8 * wgmma_row_bytes / 16} << 32;
  constexpr std::uint64_t swizzle_128 = std::uint64_t{1} << 62;
  return (address & 0x3ffffu) >> 4 | ignored | eight_rows | swizzle_128;
}

/// Added to a descriptor: the next 32 bytes along k, which are what an instruction takes; or `bytes` further on.
constexpr std::uint64_t wgmma_step = 32 / 16;
constexpr int wgmma_steps = wgmma_row_bytes / 32;
MYNAH_HOST_DEVICE constexpr std::uint64_t wgmma_offset(std::uint32_t bytes) {
  return bytes / 16;
}

/// C [64, 256] of a warpgroup, four warps with 16 rows each. Lane 4 g + t of warp w holds of columns 8 j ... 8 j + 7
///
///   value[4 j], value[4 j + 1]       row 16 w + g,      columns 8 j + 2 t and 8 j + 2 t + 1
///   value[4 j + 2], value[4 j + 3]   row 16 w + g + 8,  the same columns
///
/// as FragmentC of mma_fragment.h does.
constexpr int wgmma_rows = 64;
constexpr int wgmma_columns = 256;
struct WarpgroupSums {
  float value[wgmma_rows * wgmma_columns / 128];
};

}  // namespace mynah::kernels::cuda
