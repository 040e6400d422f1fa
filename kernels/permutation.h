#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/philox.h"

namespace mynah {

/// Half the width of the Feistel network that permutes [0, size): the smallest h >= 1 with 4^h >= size.
MYNAH_HOST_DEVICE inline std::uint32_t permutation_half_bits(std::uint32_t size) {
  std::uint32_t half_bits = 1;
  while (half_bits < 16 && (std::uint64_t{1} << (2 * half_bits)) < size) ++half_bits;
  return half_bits;
}

/// The place of `index` in the permutation of [0, size) that (key, step) names; index < size < 2³¹.
///
/// A balanced Feistel network of 6 rounds over 2 * half_bits bits, walked until the result is below size. The round
/// function is the first word of Philox block (round * 2¹⁶ + right half), cut to half_bits.
MYNAH_HOST_DEVICE inline std::uint32_t permuted_index(RandomKey key, std::uint64_t step, std::uint32_t size,
                                                      std::uint32_t half_bits, std::uint32_t index) {
  const std::uint32_t mask = (std::uint32_t{1} << half_bits) - 1;
  do {
    std::uint32_t left = index >> half_bits;
    std::uint32_t right = index & mask;
    for (std::uint32_t round = 0; round < 6; ++round) {
      const std::uint32_t mixed = left ^ (philox(key, step, (round << 16) | right).x & mask);
      left = right;
      right = mixed;
    }
    index = (left << half_bits) | right;
  } while (index >= size);
  return index;
}

}  // namespace mynah
