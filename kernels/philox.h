#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace mynah {

/// Names one stream of random numbers. The same key, step and index give the same number on every device.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;  ///< What the numbers are for: see RandomStream.
};

/// Every use of random numbers has a stream of its own, so that one does not shift another.
enum class RandomStream : std::uint32_t {
  initialization = 1,
  permutation = 2,
  task = 3,
  policy = 4,
  split = 5,
  bootstrap = 6,
  test = 7,
  layer = 8
};

/// `instance` tells apart uses of one kind, e.g. the tensors that are initialised; below 2²⁴.
inline RandomKey random_key(std::uint64_t seed, RandomStream kind, std::uint32_t instance = 0) {
  return {seed, static_cast<std::uint32_t>(kind) | (instance << 8)};
}

struct PhiloxBlock {
  std::uint32_t x, y, z, w;
};

/// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
MYNAH_HOST_DEVICE inline PhiloxBlock philox4x32(PhiloxBlock counter, std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter.x;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter.z;
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter.y ^ key0, static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter.w ^ key1, static_cast<std::uint32_t>(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// Four random words: number `block` of the stream `key` at `step`. The key words are the seed; the counter is
/// (block, low step, high step, stream).
MYNAH_HOST_DEVICE inline PhiloxBlock philox(RandomKey key, std::uint64_t step, std::uint32_t block) {
  return philox4x32({block, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32), key.stream},
                    static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32));
}

/// A word as a number in [0, 1): the upper 24 bits, so that every value is exact in float and 1 is never reached.
MYNAH_HOST_DEVICE inline float unit_uniform(std::uint32_t word) {
  return static_cast<float>(word >> 8) * (1.0f / 16777216.0f);
}

/// Two standard normal numbers from two words: Box and Muller 1958. Computed in double and rounded once, so that
/// devices whose libraries differ in the last bit of a double still agree in float, but for rare ties.
MYNAH_HOST_DEVICE inline void unit_normals(std::uint32_t first, std::uint32_t second, float* z0, float* z1) {
  const double u = (static_cast<double>(first) + 1.0) * (1.0 / 4294967296.0);  // (0, 1]
  const double angle = static_cast<double>(second) * (6.283185307179586476925286766559 / 4294967296.0);
  const double radius = sqrt(-2.0 * log(u));
  *z0 = static_cast<float>(radius * cos(angle));
  *z1 = static_cast<float>(radius * sin(angle));
}

}  // namespace mynah
