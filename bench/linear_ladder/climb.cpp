#include "bench/linear_ladder/climb.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "bench/linear_ladder/measure.h"
#include "engine/device.h"

namespace mynah::ladder {
namespace {

struct Spread {
  double best = 0.0, median = 0.0;  ///< microseconds
};

Spread spread_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

struct Times {
  std::vector<Spread> versions;
  Spread library;
};

/// The library takes its turns with the versions, whether it is one of them or not.
Times take_times(Stream& stream, const Problem& problem, std::vector<Version> versions, int rounds) {
  const auto is_library = [](const Version& version) { return version.name == "library"; };
  const auto place = std::find_if(versions.begin(), versions.end(), is_library) - versions.begin();
  if (place == std::ssize(versions)) versions.push_back(find_versions("library").front());
  Times all;
  for (const std::vector<double>& times : time_versions(stream, problem, versions, rounds)) {
    all.versions.push_back(spread_of(times));
  }
  all.library = all.versions[static_cast<std::size_t>(place)];
  return all;
}

std::string times_text(const Problem& problem, Spread spread, Spread library) {
  const double flops = 2.0 * static_cast<double>(problem.m() * problem.n()) * static_cast<double>(problem.k());
  return fmt::format("{:>11.2f} {:>11.2f} {:>10.1f} {:>9.1f} %", spread.best, spread.median, flops / spread.best / 1e3,
                     100.0 * library.best / spread.best);
}

}  // namespace

Report climb(DeviceId device, const Climb& options) {
  const auto [m, n, k] = options.shape;
  Stream stream(device);
  const Problem problem(stream, m, n, k);
  std::vector<double> errors;
  std::vector<Version> right;
  for (const Version& version : options.versions) {
    errors.push_back(problem.error_of(stream, version));
    if (errors.back() <= largest_error) right.push_back(version);
  }
  Times times;
  if (options.timed && !right.empty()) times = take_times(stream, problem, right, options.rounds);

  Report report;
  report.text = fmt::format("{}; x [{}, {}], w [{}, {}], float32\n", device_name(device), m, k, n, k);
  report.text += fmt::format("{:<15} {:>8} {:>9} {:>9}{}\n", "version", "launches", "loads/fma", "error",
                             options.timed ? "     best us   median us    GFLOP/s  of library" : "");
  auto next = times.versions.begin();
  for (std::size_t i = 0; i < options.versions.size(); ++i) {
    const Version& version = options.versions[i];
    const bool is_right = errors[i] <= largest_error;
    const std::string rest = !is_right        ? fmt::format("WRONG: more than {:.0e}", largest_error)
                             : !options.timed ? "emulated: not timed"
                                              : times_text(problem, *next++, times.library);
    report.text +=
        fmt::format("{:<15} {:>8} {:>9.4f} {:>9.1e} {}\n", version.name, launches_of(stream, problem, version),
                    loads_per_multiply_add(version, m, n, k), errors[i], rest);
    report.right = report.right && is_right;
  }
  return report;
}

}  // namespace mynah::ladder
