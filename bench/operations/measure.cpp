#include "bench/operations/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "bench/operations/rivals.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "kernels/random.h"
#include "kernels/recording.h"

namespace mynah::bench {

template <>
DeviceArray<float>::DeviceArray(Stream& stream, Index size)
    : device_(stream.device()),
      size_(size),
      memory_(static_cast<float*>(kernels::allocate(device_, static_cast<std::size_t>(size) * sizeof(float)))) {
  kernels::uniform(stream, random_key(1, RandomStream::test), nullptr, -1.0f, 1.0f, vector());
}

/// Zeros.
template <class T>
DeviceArray<T>::DeviceArray(Stream& stream, Index size)
    : device_(stream.device()),
      size_(size),
      memory_(static_cast<T*>(kernels::allocate(device_, static_cast<std::size_t>(size) * sizeof(T)))) {
  const std::vector<T> zeros(static_cast<std::size_t>(size));
  kernels::copy_to_device(stream, memory_, zeros.data(), zeros.size() * sizeof(T));
}

template class DeviceArray<double>;
template class DeviceArray<Index>;
template class DeviceArray<std::int32_t>;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr int calls_of_replay = 20;

/// Calls an operation several times: by a recording on CUDA, by calls on the CPU.
class Repeated {
 public:
  Repeated(Stream& stream, const std::function<void()>& operation) : stream_(stream), operation_(operation) {
    operation_();  // scratch memory grows, pages are touched, libraries choose
    stream_.synchronize();
    if (!kernels::Recording::supported(stream_)) return;
    recording_.begin(stream_);
    for (int i = 0; i < calls_of_replay; ++i) operation_();
    recording_.end(stream_);
  }
  int calls() const { return recording_.ready() ? calls_of_replay : 1; }
  /// Seconds of all calls together.
  double run() const {
    const auto start = Clock::now();
    if (recording_.ready()) {
      recording_.replay(stream_);
      stream_.synchronize();
    } else {
      operation_();
    }
    return seconds_since(start);
  }

 private:
  Stream& stream_;
  const std::function<void()>& operation_;
  kernels::Recording recording_;
};

Roof measured_roof(DeviceId device) {
  const bool cuda = device.backend == Backend::cuda;
  Stream stream(device);
  Roof roof;
  {
    const Index size = Index{1} << (cuda ? 26 : 23);  // far larger than any cache
    const DeviceMatrix from(stream, 1, size);
    const DeviceMatrix to(stream, 1, size);
    const double seconds = seconds_of(stream, [&] { kernels::copy(stream, from.view(), to.view()); });
    roof.bytes_per_second = 8.0 * static_cast<double>(size) / seconds;
  }
  const Index size = cuda ? 4096 : 768;
  const DeviceMatrix x(stream, size, size);
  const DeviceMatrix w(stream, size, size);
  const DeviceMatrix y(stream, size, size);
  const auto ours = [&] {
    kernels::linear_forward(stream, x.view(), w.view(), {}, kernels::Activation::none, y.view());
  };
  double seconds = seconds_of(stream, ours);
  if (cuda) {
    for (const Rival& rival : linear_forward_rivals(stream, x.view(), w.view(), y.view())) {
      seconds = std::min(seconds, seconds_of(stream, rival.run));
    }
  }
  const auto cube = static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
  roof.operations_per_second = 2.0 * cube / seconds;
  return roof;
}

/// A benchmark that is a function object.
class DeviceBenchmark : public benchmark::Fixture {
 public:
  DeviceBenchmark(const std::string& name, DeviceId device, std::function<void(benchmark::State&, Stream&)> body)
      : device_(device), body_(std::move(body)) {
    SetName(name.c_str());
    UseManualTime();
  }

 protected:
  void BenchmarkCase(benchmark::State& state) override {
    Stream stream(device_);
    body_(state, stream);
  }

 private:
  DeviceId device_;
  std::function<void(benchmark::State&, Stream&)> body_;
};

void register_one(const std::string& name, DeviceId device,
                  const std::function<void(benchmark::State&, Stream&)>& body) {
  benchmark::internal::RegisterBenchmarkInternal(new DeviceBenchmark(name, device, body));  // which owns it
}

std::string text_of(DeviceId device) {
  if (device.backend == Backend::cpu) return "cpu";
  return device.ordinal == 0 ? "cuda" : "cuda:" + std::to_string(device.ordinal);
}

}  // namespace

const Roof& roof_of(DeviceId device) {
  static std::map<std::pair<Backend, int>, Roof> roofs;
  const std::pair key{device.backend, device.ordinal};
  const auto known = roofs.find(key);
  if (known != roofs.end()) return known->second;
  return roofs.emplace(key, measured_roof(device)).first->second;
}

double seconds_of(Stream& stream, const std::function<void()>& operation) {
  const Repeated repeated(stream, operation);
  double least = repeated.run();
  for (int i = 0; i < 9; ++i) least = std::min(least, repeated.run());
  return least / repeated.calls();
}

void measure(benchmark::State& state, Stream& stream, const Work& work, const std::function<void()>& operation) {
  const Roof& roof = roof_of(stream.device());
  const double seconds_at_roof =
      std::max(work.bytes / roof.bytes_per_second, work.operations / roof.operations_per_second);
  const Repeated repeated(stream, operation);
  // On the CPU as many calls between two looks at the clock as make its own cost small.
  const int rounds = repeated.calls() > 1 ? 1 : static_cast<int>(std::clamp(1e-5 / repeated.run(), 1.0, 1000.0));
  while (state.KeepRunning()) {
    double seconds = 0.0;
    if (rounds == 1) {
      seconds = repeated.run();
    } else {
      const auto start = Clock::now();
      for (int i = 0; i < rounds; ++i) operation();
      seconds = seconds_since(start);
    }
    state.SetIterationTime(seconds / (rounds * repeated.calls()));
  }
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(work.bytes * 1e-9, Counter::kIsIterationInvariantRate);
  if (work.operations > 0.0) {
    state.counters["GFLOP/s"] = Counter(work.operations * 1e-9, Counter::kIsIterationInvariantRate);
  }
  state.counters["roof%"] = Counter(100.0 * seconds_at_roof, Counter::kIsIterationInvariantRate);
}

void register_on_devices(const std::string& operation, const std::string& shape,
                         const std::function<void(benchmark::State&, Stream&)>& body) {
  for (const auto& device : list_devices()) {
    register_one(fmt::format("{}/{}/{}/mynah", operation, shape, text_of(device.id)), device.id, body);
  }
}

void register_rival(const std::string& operation, const std::string& shape, const std::string& whose,
                    const std::function<void(benchmark::State&, Stream&)>& body) {
  for (const auto& device : list_devices()) {
    if (device.id.backend != Backend::cuda) continue;
    register_one(fmt::format("{}/{}/{}/{}", operation, shape, text_of(device.id), whose), device.id, body);
  }
}

}  // namespace mynah::bench
