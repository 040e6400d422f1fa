#include "bench/mynah_bench/measurement.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "kernels/elementwise.h"

namespace mynah::bench {

double now(Clock clock) {
  timespec time{};
  clock_gettime(clock == Clock::wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

Spread spread_of(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  return {samples.front(), samples[n / 4], samples[n / 2], samples[3 * n / 4], n};
}

Spread spread_of_repeats(const std::vector<Spread>& repeats) {
  std::vector<double> medians;
  double best = repeats.front().best;
  std::size_t samples = 0;
  for (const Spread& one : repeats) {
    medians.push_back(one.median);
    best = std::min(best, one.best);
    samples += one.samples;
  }
  Spread all = spread_of(medians);
  all.best = best;
  all.samples = samples;
  return all;
}

Index largest_cache(DeviceId device) {
  if (device.backend == Backend::cuda) return Index{128} << 20;
  const long bytes = std::max(sysconf(_SC_LEVEL3_CACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE));
  return bytes > 0 ? bytes : Index{32} << 20;
}

CacheFlush::CacheFlush(DeviceId device)
    : stream_(device), size_(2 * largest_cache(device) / 4), memory_(device, size_) {}

void CacheFlush::run() {
  kernels::fill(stream_, memory_.view(), 1.0f);
  stream_.synchronize();
}

Index steps_of_sample(const Timed& timed, const Protocol& protocol) {
  if (protocol.cold) return timed.at_once;
  timed.run(timed.at_once);
  double one = 0.0;
  for (int i = 0; i < 3; ++i) {  // the first may still be slow
    const double start = now(Clock::wall);
    timed.run(timed.at_once);
    const double passed = now(Clock::wall) - start;
    one = i == 0 ? passed : std::min(one, passed);
  }
  const double wanted =
      std::max(std::ceil(protocol.least_sample / std::max(one, 0.01)),
               std::ceil(static_cast<double>(protocol.least_steps) / static_cast<double>(timed.at_once)));
  return timed.at_once * static_cast<Index>(wanted);
}

Spread measure(const Timed& timed, const Protocol& protocol, Index steps, CacheFlush* flush) {
  const auto sample = [&] {
    if (protocol.cold) flush->run();
    const double start = now(protocol.clock);
    timed.run(steps);
    return (now(protocol.clock) - start) / static_cast<double>(steps * timed.members);
  };
  const double warm = now(Clock::wall) + 0.2e6 * protocol.seconds;
  do sample();
  while (now(Clock::wall) < warm);
  std::vector<double> samples;
  const double until = now(Clock::wall) + 1e6 * protocol.seconds;
  do samples.push_back(sample());
  while (now(Clock::wall) < until);
  return spread_of(std::move(samples));
}

}  // namespace mynah::bench
