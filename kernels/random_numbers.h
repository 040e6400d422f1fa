#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "kernels/philox.h"

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

/// Standard normal number `index` of a stream, by itself: what kernels::normal gives element `index`.
MYNAH_HOST_DEVICE inline float random_normal(RandomKey key, std::uint64_t step, std::uint64_t index) {
  const PhiloxBlock block = philox(key, step, static_cast<std::uint32_t>(index >> 2));
  const bool second_pair = (index & 2u) != 0;
  float z0 = 0.0f, z1 = 0.0f;
  unit_normals(second_pair ? block.z : block.x, second_pair ? block.w : block.y, &z0, &z1);
  return (index & 1u) != 0 ? z1 : z0;
}

}  // namespace mynah
