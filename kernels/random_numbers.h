#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/philox.h"
#include "kernels/view.h"

namespace mynah {

/// What the twins of kernels/random.h share: one text for the host and for kernels, so that both draw the same numbers.
/// Products of two floats are exact in double; so a compiler that fuses multiplication and addition changes no bit.

/// Word `position` (0 to 3) of a block.
MYNAH_HOST_DEVICE inline std::uint32_t word_of(PhiloxBlock block, std::uint32_t position) {
  const std::uint32_t low = (position & 1u) ? block.y : block.x;
  const std::uint32_t high = (position & 1u) ? block.w : block.z;
  return (position & 2u) ? high : low;
}

/// Word number `index` of a stream: word index % 4 of block index / 4.
MYNAH_HOST_DEVICE inline std::uint32_t random_word(RandomKey key, std::uint64_t step, std::uint64_t index) {
  return word_of(philox(key, step, static_cast<std::uint32_t>(index >> 2)), static_cast<std::uint32_t>(index & 3u));
}

/// low + (high - low) u for the word's u in [0, 1). Where rounding would reach `high`, the number below it.
MYNAH_HOST_DEVICE inline float uniform_between(std::uint32_t word, float low, float high) {
  const float range = high - low;
  const double exact = static_cast<double>(low) + static_cast<double>(range) * static_cast<double>(unit_uniform(word));
  const float value = static_cast<float>(exact);
  return value < high ? value : nextafterf(high, low);
}

/// mean + deviation z.
MYNAH_HOST_DEVICE inline float scaled_normal(float z, float mean, float deviation) {
  return static_cast<float>(static_cast<double>(mean) + static_cast<double>(deviation) * static_cast<double>(z));
}

/// The four standard normal numbers of a block, for elements 4 block ... 4 block + 3.
MYNAH_HOST_DEVICE inline void normals_of_block(PhiloxBlock block, float z[4]) {
  unit_normals(block.x, block.y, &z[0], &z[1]);
  unit_normals(block.z, block.w, &z[2], &z[3]);
}

constexpr std::uint32_t feistel_rounds = 6;

/// Half the smallest even number of bits (2 at least) that holds 0 ... n-1; n <= 2³¹ - 1.
MYNAH_HOST_DEVICE inline std::uint32_t feistel_half_bits(Index n) {
  std::uint32_t half = 1;
  while ((Index{1} << (2 * half)) < n) ++half;
  return half;
}

/// The position, among the words of a permutation's stream, of round `round`'s function at `half_word` (below 2¹⁶).
MYNAH_HOST_DEVICE inline std::uint32_t feistel_word_index(std::uint32_t round, std::uint32_t half_word) {
  return (round << 16) | half_word;
}

/// The round function, drawn when it is asked for. (The CPU twin reads it from a table instead.)
struct FeistelRoundFunction {
  RandomKey key;
  std::uint64_t step;
  MYNAH_HOST_DEVICE std::uint32_t operator()(std::uint32_t round, std::uint32_t half_word) const {
    return random_word(key, step, feistel_word_index(round, half_word));
  }
};

/// Where element `index` of 0 ... n-1 goes: the network is applied until the result lies below n.
/// round_function(round, half_word) is any 32-bit word; its lowest half_bits bits are used.
template <class RoundFunction>
MYNAH_HOST_DEVICE inline std::uint32_t feistel_permuted(std::uint32_t index, std::uint32_t n, std::uint32_t half_bits,
                                                        const RoundFunction& round_function) {
  const std::uint32_t mask = (1u << half_bits) - 1u;
  std::uint32_t value = index;
  do {
    std::uint32_t left = value >> half_bits;
    std::uint32_t right = value & mask;
    for (std::uint32_t round = 0; round < feistel_rounds; ++round) {
      const std::uint32_t next = left ^ (round_function(round, right) & mask);
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
  } while (value >= n);
  return value;
}

}  // namespace mynah
