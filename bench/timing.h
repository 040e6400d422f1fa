#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "kernels/error.h"

/// How the timers of this folder measure: the same way, and the same line for bench/peers to read.
namespace mynah::bench {

/// What is measured: the time that passes, or the processor time of this process, which on a busy machine leaves out
/// the turns of others.
enum class Clock { wall, processor };

inline double microseconds(Clock clock) {
  timespec now{};
  clock_gettime(clock == Clock::wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

/// Calls `once` again and again for about `seconds`, after warming up; each sample is the mean of `repeats` calls, in
/// microseconds. Sorted.
template <class Call>
std::vector<double> measure(double seconds, int repeats, const Call& once, Clock clock = Clock::wall) {
  const double warm = microseconds(clock) + 0.5e6 * seconds;
  for (int i = 0; i < 10 * repeats && (i < 2 || microseconds(clock) < warm); ++i) once();
  std::vector<double> samples;
  const double until = microseconds(clock) + 1e6 * seconds;
  while (microseconds(clock) < until || samples.size() < 5) {
    const double start = microseconds(clock);
    for (int i = 0; i < repeats; ++i) once();
    samples.push_back((microseconds(clock) - start) / repeats);
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

inline void print_line(const std::vector<double>& sorted_samples) {
  std::printf("{\"median_us\": %.4f, \"best_us\": %.4f, \"rounds\": %zu}\n", sorted_samples[sorted_samples.size() / 2],
              sorted_samples.front(), sorted_samples.size());
}

/// Runs this thread on one core; negative: wherever it is.
inline void pin(int core) {
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw input_error("--core", "cannot run on core " + std::to_string(core));
  }
}

}  // namespace mynah::bench
