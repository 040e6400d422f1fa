#pragma once

#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/random_numbers.h"

namespace mynah {

constexpr std::uint32_t permutation_rounds = 6;

/// Half the width of the Feistel network that permutes [0, size): the smallest h >= 1 with 4^h >= size.
MYNAH_HOST_DEVICE inline std::uint32_t permutation_half_bits(std::uint32_t size) {
  std::uint32_t half_bits = 1;
  while (half_bits < 16 && (std::uint64_t{1} << (2 * half_bits)) < size) ++half_bits;
  return half_bits;
}

/// Which word of the permutation's stream is the round function at `half` (below 2¹⁶).
MYNAH_HOST_DEVICE inline std::uint32_t permutation_word(std::uint32_t round, std::uint32_t half) {
  return (round << 16) | half;
}

/// The place of `index` in a permutation of [0, size); index < size < 2³¹.
///
/// A balanced Feistel network of 6 rounds over 2 * half_bits bits, walked until the result is below size.
/// round_function(round, half) is any word; its lowest half_bits bits are used.
template <class RoundFunction>
MYNAH_HOST_DEVICE inline std::uint32_t permuted_index(const RoundFunction& round_function, std::uint32_t size,
                                                      std::uint32_t half_bits, std::uint32_t index) {
  const std::uint32_t mask = (std::uint32_t{1} << half_bits) - 1;
  do {
    std::uint32_t left = index >> half_bits;
    std::uint32_t right = index & mask;
    for (std::uint32_t round = 0; round < permutation_rounds; ++round) {
      const std::uint32_t mixed = left ^ (round_function(round, right) & mask);
      left = right;
      right = mixed;
    }
    index = (left << half_bits) | right;
  } while (index >= size);
  return index;
}

/// The round function that draws each word when it is asked for; the CPU's twin reads the words from a table.
struct PermutationWords {
  RandomKey key;
  std::uint64_t step;

  MYNAH_HOST_DEVICE std::uint32_t operator()(std::uint32_t round, std::uint32_t half) const {
    return random_word(key, step, permutation_word(round, half));
  }
};

/// The place of `index` in the permutation of [0, size) that (key, step) names.
MYNAH_HOST_DEVICE inline std::uint32_t permuted_index(RandomKey key, std::uint64_t step, std::uint32_t size,
                                                      std::uint32_t half_bits, std::uint32_t index) {
  return permuted_index(PermutationWords{key, step}, size, half_bits, index);
}

}  // namespace mynah
