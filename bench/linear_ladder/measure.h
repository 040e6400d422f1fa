#pragma once

#include <string>
#include <vector>

#include "bench/linear_ladder/ladder.h"
#include "engine/buffer.h"

namespace mynah::ladder {

/// x, w and b of standard normal numbers, on a device, and what the library's CPU twin makes of them.
class Problem {
 public:
  Problem(Stream& stream, Index m, Index n, Index k);

  Index m() const { return m_; }
  Index n() const { return n_; }
  Index k() const { return k_; }

  /// Queues one call; y is what it was before.
  void queue(Stream& stream, const Version& version) const;

  /// Runs the version once, into a y of NaN. The largest |y - expected| / (Σ_k |x_mk w_nk| + |b_n|) of an element, what
  /// rounding is measured by; infinity where y is not finite.
  double error_of(Stream& stream, const Version& version) const;

 private:
  Index m_, n_, k_;
  Buffer<float> x_, w_, b_, y_;
  std::vector<float> expected_, expected_relu_, magnitudes_;
};

/// More than rounding accounts for, in an order of the sum as good as any other.
constexpr double largest_error = 1e-6;

/// Launches of a call.
Index launches_of(Stream& stream, const Problem& problem, const Version& version);

/// Microseconds of a call: in each round the versions take turns, each for `seconds` at least, its calls recorded and
/// replayed so that the GPU need not wait for the host. One list a version, a value a round.
std::vector<std::vector<double>> time_versions(Stream& stream, const Problem& problem,
                                               const std::vector<Version>& versions, int rounds, double seconds = 0.05);

}  // namespace mynah::ladder
