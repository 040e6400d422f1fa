#include "tests/operations/speed.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "kernels/recording.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using Clock = std::chrono::steady_clock;

/// Times the operation of a case instead of comparing it. On CUDA it is recorded and replayed, as a plan does.
class Timing : public Parity {
 public:
  Timing(benchmark::State& state, DeviceId device) : state_(state), device_(device) {}

  void expect_same(const std::function<void(const Place&)>& operation) override {
    Stream stream(device_);
    const DeviceCopy copy(stream, *this);
    operation(copy.place());  // scratch memory grows, pages are touched
    stream.synchronize();
    kernels::Recording recording;
    if (kernels::Recording::supported(stream)) {
      recording.begin(stream);
      for (int i = 0; i < calls_of_replay; ++i) operation(copy.place());
      recording.end(stream);
    }
    while (state_.KeepRunning()) {
      const auto start = Clock::now();
      if (recording.ready()) {
        recording.replay(stream);
        stream.synchronize();
      } else {
        operation(copy.place());
      }
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      state_.SetIterationTime(recording.ready() ? seconds / calls_of_replay : seconds);
    }
    const auto rate = benchmark::Counter::kIsIterationInvariantRate;
    if (flops() > 0) state_.counters["FLOP/s"] = benchmark::Counter(flops(), rate);
    state_.counters["B/s"] = benchmark::Counter(bytes(), rate, benchmark::Counter::OneK::kIs1000);
  }

 private:
  static constexpr int calls_of_replay = 20;
  benchmark::State& state_;
  DeviceId device_;
};

}  // namespace

int run_speed(const std::string& device, double seconds, const std::string& json_path) {
  for (const auto& one : list_devices()) {
    const std::string on = one.id.backend == Backend::cpu ? "cpu" : "cuda";
    if (!device.empty() && device != on) continue;
    for (const Check& check : registry().checks) {
      if (check.aspect != Aspect::speed) continue;
      std::string name = check.subjects.front() + "/" + check.shape + "/" + on;
      if (check.precision != kernels::Precision::float32) name += std::string("/") + precision_name(check.precision);
      benchmark::RegisterBenchmark(name.c_str(),
                                   [&check, id = one.id](benchmark::State& state) {
                                     Timing timing(state, id);
                                     check.describe(timing);
                                   })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
  std::string time = "--benchmark_min_time=" + std::to_string(seconds);
  std::string file = "--benchmark_out=" + json_path;
  std::string program = "mynah-operations";
  std::vector<char*> arguments{program.data(), time.data()};
  if (!json_path.empty()) arguments.push_back(file.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (ran == 0) std::fprintf(stderr, "mynah-operations: no case has that name, device and precision\n");
  return ran == 0 ? 2 : 0;
}

}  // namespace mynah::tests
