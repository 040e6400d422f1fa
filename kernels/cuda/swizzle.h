#pragma once

#include "kernels/host_device.h"

namespace mynah::kernels::cuda {

/// Where a float of an operand lies in a raw tile of it in shared memory, as asynchronous copies bring it: `extent`
/// rows (or columns of the other operand) e by 16 along k, as it runs in memory. Copies bring four neighbours at a
/// time, to addresses that are multiples of 16 bytes; so fours stay together, and which of the places of its row a four
/// has is swizzled, by an exclusive or with something of the row, instead of making rows longer.
///
/// A warp reads a fragment with lane 4 g + t at word t (or t + 4) of row g, g = 0 ... 7 (mma_fragment.h). Its lanes
/// must meet in different banks: there are 32, each a float wide; an access of 8 bytes a lane is done for 16 lanes at a
/// time.
///
/// along k: [extent][16], so that two rows fill the banks once. A four's place is exchanged by f(e) = 0, 2, 1, 3 for e
/// = 0, 2, 4, 6 and for the odd rows between.
///   tf32, four p, float t of rows 0 ... 7: rows of the same half of the banks are four, all f differ, and so do
///   places. bfloat16, fours p and p + 1 (p even), pairs: lanes 0 ... 15 are rows 0 ... 3, of each half two, whose f
///   are 0 and 2: places {0, 1} and {2, 3}. Of lanes 16 ... 31 they are 1 and 3, with the same result.
/// along e: [16][extent], a row of which fills the banks several times. g = 0 ... 7 are two neighbouring fours, from an
/// even place on; that is exchanged by 2 h(k), h = 0, 1, 2, 3, 1, 0, 3, 2 for k = 0 ... 7 and again for 8 ... 15.
///   tf32, k = t or t + 4: all h differ, so the four pairs of fours lie in the four quarters of the banks.
///   bfloat16, k = 2 t or 2 t + 1 (and 8 more): h are 0, 2, 1, 3 and 1, 3, 0, 2, which all differ too.
/// Copies fill a row or two whole at a time, in another order: they meet in no bank either.
template <int extent, bool along_k>
struct SwizzledTile {
  static constexpr int depth = 16;  ///< along k
  static constexpr int size = extent * depth;
  static_assert(along_k || extent % 32 == 0, "a row fills the banks");

  MYNAH_HOST_DEVICE static constexpr int place(int e, int k) {
    if constexpr (along_k) {
      const int f = (e >> 1 & 1) * 2 + (e >> 2 & 1);
      return e * depth + ((k / 4) ^ f) * 4 + k % 4;
    } else {
      const int h = (k & 3) ^ (k >> 2 & 1);
      return k * extent + ((e / 4) ^ (2 * h)) * 4 + e % 4;
    }
  }
};

/// Where the lane of group g and member t finds its words of a warp's fragments, in bytes: factor i of word `word` + t
/// of row first + e + g, word being 0, 4, 8 or 12, and e a multiple of 8. A word is `factors` factors.
///
/// The places that a lane needs differ by four offsets and what is known when the kernel is compiled; with the offsets
/// in bytes, a read is one instruction.
template <int extent, bool along_k, int factors>
struct SwizzledLane {
  using Tile = SwizzledTile<extent, along_k>;
  int offsets[4] = {};

  MYNAH_HOST_DEVICE constexpr SwizzledLane(int first, int group, int member) {
    for (int i = 0; i < 4; ++i) {
      // Along k the offsets are those of a row's fours, along e those of the fours' pairs.
      const int e = first + group + (along_k ? 0 : 8 * i);
      const int k = (along_k ? 4 * i : 0) ^ (factors * member);
      offsets[i] = static_cast<int>(sizeof(float)) * Tile::place(e, k);
    }
  }

  MYNAH_HOST_DEVICE constexpr int place(int e, int word, int i = 0) const {
    const int k = word * factors + i;
    if constexpr (along_k) {
      return offsets[k / 4] + static_cast<int>(sizeof(float)) * (e * Tile::depth + k % 4);
    } else {
      const int exchange = factors == 1 ? word / 4 % 2 : i;  // what k changes of h beside what t does
      return offsets[(e / 8 % 4) ^ exchange] + static_cast<int>(sizeof(float)) * (k * extent + e / 32 * 32);
    }
  }
};

}  // namespace mynah::kernels::cuda
