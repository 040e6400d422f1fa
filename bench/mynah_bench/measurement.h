#pragma once

#include <string>
#include <vector>

#include "bench/mynah_bench/timed.h"
#include "engine/buffer.h"

namespace mynah::bench {

/// What is measured: the time that passes, or the processor time of the process, which on a busy machine leaves out the
/// turns of others.
enum class Clock { wall, processor };

/// Microseconds.
double now(Clock clock);

/// Times of a step in microseconds: of one repeat, or of all.
struct Spread {
  double best = 0.0, lower = 0.0, median = 0.0, upper = 0.0;  ///< lower, upper: quartiles.
  std::size_t samples = 0;
};

/// Of one sample or more. bench/peers/worker.py takes them in the same way.
Spread spread_of(std::vector<double> samples);
/// Median and quartiles of the medians of the repeats; the best of all.
Spread spread_of_repeats(const std::vector<Spread>& repeats);

struct Protocol {
  double seconds = 1.0;  ///< Of each repeat.
  Clock clock = Clock::wall;
  bool cold = false;           ///< Everything is written out of the caches before each step; only the step is timed.
  double least_sample = 10.0;  ///< Microseconds of a sample: shorter steps are timed several at once (not cold).
  Index least_steps = 1;       ///< Of a sample (not cold): on CUDA, where waiting for the device costs, several.
};

/// Writes over memory that is larger than the caches of the device.
class CacheFlush {
 public:
  explicit CacheFlush(DeviceId device);
  void run();
  Index bytes() const { return size_ * 4; }

 private:
  Stream stream_;
  Index size_;
  Buffer<float> memory_;
};

/// Bytes of the largest cache; on CUDA more than any device has.
Index largest_cache(DeviceId device);

/// Steps of a sample, for a workload that was run before.
Index steps_of_sample(const Timed& timed, const Protocol& protocol);
/// One repeat: warms up for a fifth of the time, then takes samples. Times are of a step of one member. `flush` is used
/// where the protocol is cold.
Spread measure(const Timed& timed, const Protocol& protocol, Index steps, CacheFlush* flush);

}  // namespace mynah::bench
