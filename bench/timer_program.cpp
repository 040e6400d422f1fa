#include "bench/timer_program.h"

#include <sched.h>

#include <cstdio>

#include "kernels/error.h"

namespace mynah::bench {
namespace {

/// Runs this thread on one core; negative: wherever it is.
void pin(int core) {
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw input_error("--core", "cannot run on core " + std::to_string(core));
  }
}

void print_line(const std::vector<double>& sorted_samples) {
  std::printf("{\"median_us\": %.4f, \"best_us\": %.4f, \"rounds\": %zu}\n", sorted_samples[sorted_samples.size() / 2],
              sorted_samples.front(), sorted_samples.size());
}

}  // namespace

TimerProgram::TimerProgram(const std::string& name, const std::string& description)
    : app_(description + "\nPrints {\"median_us\": .., \"best_us\": .., \"rounds\": ..}, in microseconds.", name) {
  app_.option_defaults()->always_capture_default();
  app_.add_option("--batch", batch, "rows");
  app_.add_option("--seconds", seconds, "how long to measure");
  app_.add_option("--device", device, "cpu, cuda or auto");
  app_.add_option("--core", core_, "pin the thread to this core; negative: leave it");
}

int TimerProgram::run(int count, char** arguments, const std::function<std::vector<double>()>& measure) try {
  app_.parse(count, arguments);
  pin(core_);
  print_line(measure());
  return 0;
} catch (const CLI::ParseError& error) {
  return app_.exit(error) == 0 ? 0 : 2;
}

}  // namespace mynah::bench
