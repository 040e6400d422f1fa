#pragma once

#include <algorithm>
#include <ctime>
#include <vector>

/// How the timers of this folder measure: the same way.
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

}  // namespace mynah::bench
