#include "tests/operations/speed.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "kernels/linear_tuning.h"
#include "tests/operations/registry.h"
#include "tests/operations/rivals/rivals.h"
#include "tests/operations/timing.h"

namespace mynah::tests {
namespace {

std::string text_of(DeviceId device) {
  if (device.backend == Backend::cpu) return "cpu";
  return device.ordinal == 0 ? "cuda" : "cuda:" + std::to_string(device.ordinal);
}

std::vector<DeviceDescription> devices_named(const std::string& device) {
  std::vector<DeviceDescription> devices = list_devices();
  std::erase_if(devices, [&](const DeviceDescription& one) {
    return !device.empty() && device != (one.id.backend == Backend::cpu ? "cpu" : "cuda");
  });
  return devices;
}

/// The counters of a case: what it moves and computes in a second, how long that would take at the roof, of the time
/// that it took, and the time of each rival, divided by ours.
void report(benchmark::State& state, const Timing& timing, const Roof& roof) {
  const double seconds = timing.results().front().seconds;
  while (state.KeepRunning()) state.SetIterationTime(seconds);
  state.counters["B/s"] = timing.bytes() / seconds;
  if (timing.flops() > 0) state.counters["FLOP/s"] = timing.flops() / seconds;
  const double at_roof = std::max(timing.bytes() / roof.bytes_per_second, timing.flops() / roof.flops_per_second);
  state.counters["roof%"] = 100.0 * at_roof / seconds;
  for (const Timing::Result& rival : timing.results()) {
    if (rival.library != "mynah") state.counters[rival.library + "/mynah"] = rival.seconds / seconds;
  }
}

void describe_machine(const std::string& device) {
  std::set<kernels::Precision> precisions;
  for (const Check& check : registry().checks) {
    if (check.aspect == Aspect::speed) precisions.insert(check.precision);
  }
  const auto devices = devices_named(device);
  for (const auto& one : devices) {
    for (const kernels::Precision precision : precisions) {
      const Roof& roof = roof_of(one.id, precision);
      benchmark::AddCustomContext(
          fmt::format("roof of {} ({}), {}", text_of(one.id), one.name, precision_name(precision)),
          fmt::format("copy {:.1f} GB/s, matrix product {:.1f} GFLOP/s", roof.bytes_per_second * 1e-9,
                      roof.flops_per_second * 1e-9));
    }
    const std::string tuning = kernels::linear_choices_origin(one.id);
    if (!tuning.empty()) benchmark::AddCustomContext("measured kernels of linear layers", tuning);
  }
  const bool cuda = std::any_of(devices.begin(), devices.end(),
                                [](const DeviceDescription& one) { return one.id.backend == Backend::cuda; });
  if (!cuda && device != "cpu") benchmark::AddCustomContext("no CUDA device", cuda_unavailable_reason());
  for (const auto& [library, version] : {std::pair{"cuBLAS", cublas::version()}, {"cuDNN", cudnn::version()}}) {
    benchmark::AddCustomContext(library, version.empty() ? "missing: this build does not time it" : version);
  }
}

/// Registers the cases; what is wrong with their rivals goes to `wrong`.
void register_cases(const std::string& device, double seconds, std::vector<std::string>& wrong) {
  for (const auto& one : devices_named(device)) {
    for (const Check& check : registry().checks) {
      if (check.aspect != Aspect::speed) continue;
      std::string name = check.subjects.front() + "/" + check.shape + "/" + text_of(one.id);
      if (check.precision != kernels::Precision::float32) name += std::string("/") + precision_name(check.precision);
      const auto run = [=, &check, &wrong, id = one.id](benchmark::State& state) {
        Timing timing(id, check.precision, seconds);
        check.describe(timing);
        report(state, timing, roof_of(id, check.precision));
        for (const std::string& text : timing.untimed()) std::fprintf(stderr, "%s: %s\n", name.c_str(), text.c_str());
        for (const std::string& text : timing.wrong()) wrong.push_back(fmt::format("{}: {}", name, text));
      };
      benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace

int run_speed(const std::string& device, double seconds, const std::string& json_path) {
  // Timing does its own repetitions: Google Benchmark calls each case once.
  std::string program = "mynah-operations", once = "--benchmark_min_time=1e-12";
  std::string file = "--benchmark_out=" + json_path;
  std::vector<char*> arguments{program.data(), once.data()};
  if (!json_path.empty()) arguments.push_back(file.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  describe_machine(device);
  std::vector<std::string> wrong;
  register_cases(device, seconds, wrong);
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (ran == 0) std::fprintf(stderr, "mynah-operations: no case has that name, device and precision\n");
  for (const std::string& text : wrong) std::fprintf(stderr, "mynah-operations: %s\n", text.c_str());
  return ran == 0 ? 2 : wrong.empty() ? 0 : 1;
}

}  // namespace mynah::tests
