#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/error.h"

/// How the timers of this folder measure: the same way, and the same line for bench/peers to read.
namespace mynah::bench {

/// Calls `once` again and again for about `seconds`; each sample is the mean of `repeats` calls, in microseconds.
/// Sorted.
template <class Call>
std::vector<double> measure(double seconds, int repeats, const Call& once) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 10 * repeats; ++i) once();
  std::vector<double> samples;
  const auto begin = Clock::now();
  while (std::chrono::duration<double>(Clock::now() - begin).count() < seconds || samples.size() < 5) {
    const auto start = Clock::now();
    for (int i = 0; i < repeats; ++i) once();
    samples.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / repeats);
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
