#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/outcome.h"
#include "kernels/host_device.h"
#include "kernels/random_numbers.h"

namespace mynah::dynamics {

/// The random words that one start of an episode, or one step, may take, as many as it likes: word 4 b + i is word i of
/// philox(key, counter, b). So they depend on (key, counter) alone.
class RandomWords {
 public:
  MYNAH_HOST_DEVICE RandomWords(RandomKey key, std::uint64_t counter) : key_(key), counter_(counter) {}

  MYNAH_HOST_DEVICE std::uint32_t next() {
    if (used_ % 4 == 0) block_ = philox(key_, counter_, used_ / 4);
    return word_of(block_, used_++ % 4);
  }
  /// In (-1, 1), symmetric about 0.
  MYNAH_HOST_DEVICE double symmetric() { return symmetric_uniform(next()); }
  /// In (low, high). Rounded once, so that every device gets the same bits.
  MYNAH_HOST_DEVICE double between(double low, double high) {
    return fma(0.5 * (high - low), symmetric(), 0.5 * (high + low));
  }
  /// One of 0 ... count - 1; count >= 1.
  MYNAH_HOST_DEVICE std::int32_t below(std::int32_t count) {
    return static_cast<std::int32_t>((static_cast<std::uint64_t>(next()) * static_cast<std::uint64_t>(count)) >> 32);
  }
  /// Standard normal. Takes two words.
  MYNAH_HOST_DEVICE double normal() {
    const std::uint32_t first = next();
    float z0 = 0.0f, z1 = 0.0f;
    unit_normals(first, next(), &z0, &z1);
    return static_cast<double>(z0);
  }

 private:
  RandomKey key_;
  std::uint64_t counter_;
  std::uint32_t used_ = 0;
  PhiloxBlock block_{};
};

}  // namespace mynah::dynamics
