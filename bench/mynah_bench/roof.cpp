#include "bench/mynah_bench/roof.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "bench/mynah_bench/measurement.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah::bench {
namespace {

/// Bytes read and written in a second by kernels::copy, the best of several.
double copy_peak(DeviceId device, Index size, double seconds) {
  struct State {
    State(DeviceId device_, Index size_) : stream(device_), from(device_, size_), to(device_, size_) {
      kernels::fill(stream, from.view(), 1.0f);
      kernels::fill(stream, to.view(), 0.0f);
    }
    Stream stream;
    Buffer<float> from, to;
  };
  static std::map<std::tuple<Backend, int, Index>, std::shared_ptr<State>> states;  // pages are touched once
  std::shared_ptr<State>& state = states[{device.backend, device.ordinal, size}];
  if (!state) state = std::make_shared<State>(device, size);
  double least = 1e30;
  const double until = now(Clock::wall) + 1e6 * seconds;
  do {
    const double start = now(Clock::wall);
    kernels::copy(state->stream, ConstMatrix{state->from.data(), 1, size}, Matrix{state->to.data(), 1, size});
    state->stream.synchronize();
    least = std::min(least, now(Clock::wall) - start);
  } while (now(Clock::wall) < until);
  return 8.0 * static_cast<double>(size) / (least * 1e-6);
}

/// Adds x to three others, as an optimizer goes through a gradient, weights and moments: reads four, writes three.
void add_to_three(const float* __restrict x, float* __restrict a, float* __restrict b, float* __restrict c,
                  std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    a[i] += x[i];
    b[i] += x[i];
    c[i] += x[i];
  }
}

/// Bytes read and written in a second: the most that copying reaches, or adding in place. The latter is more: it needs
/// not read what it will write over, and fetches several arrays beside each other.
double memory_peak(double seconds) {
  // Not a power of two apart, where they would get into each other's way in the cache.
  constexpr std::size_t size = std::size_t{1} << 23, apart = size + 4 * 1040;
  static const Buffer<float> memory = [] {
    Stream stream({});
    Buffer<float> zeros({}, static_cast<Index>(4 * apart));
    kernels::fill(stream, zeros.view(), 0.0f);
    return zeros;
  }();
  float* const x = memory.data();
  double most = 0.0;
  const double until = now(Clock::wall) + 1e6 * seconds;
  do {
    const double start = now(Clock::wall);
    std::memcpy(x + 2 * apart, x, 2 * size * sizeof(float));
    const double copied = now(Clock::wall);
    add_to_three(x, x + apart, x + 2 * apart, x + 3 * apart, size);
    const double added = now(Clock::wall);
    most = std::max({most, 16.0 * size / (copied - start), 28.0 * size / (added - copied)});
  } while (now(Clock::wall) < until);
  return most * 1e6;
}

/// Seconds of a step, the best of several samples.
double best_seconds(const Timed& timed, Index steps, double seconds) {
  Protocol protocol;
  protocol.seconds = seconds;
  return measure(timed, protocol, steps, nullptr).best * 1e-6;
}

bool is_emulated(DeviceId device) {
  for (const DeviceDescription& one : list_devices()) {
    if (one.id == device) return one.name.find("CPU") != std::string::npos;
  }
  return false;
}

double product_peak(DeviceId device, Index edge, kernels::Precision precision) {
  Workload workload;
  workload.task = Task::product;
  workload.precision = precision;
  workload.size = edge;
  const Timed ours = prepare_product(workload, device, Path::automatic);
  double most = ours.work.flops / best_seconds(ours, 20, 0.1);
  try {
    most = std::max(most, ours.work.flops / best_seconds(prepare_library("cublas", workload, device), 20, 0.1));
  } catch (const Error&) {
    // Not in this build: mynah's own product is the roof.
  }
  return most;
}

double launch_seconds(DeviceId device) {
  struct State {
    explicit State(DeviceId device_) : stream(device_), counter(device_, 1) {
      kernels::set_counters(stream, counter.view(), 0);
    }
    Stream stream;
    Buffer<Index> counter;
  };
  const auto state = std::make_shared<State>(device);
  const Timed smallest =
      repeat(state->stream, Path::recorded, [state] { kernels::advance(state->stream, state->counter.data(), 1); });
  return best_seconds(smallest, 100, 0.05);
}

}  // namespace

Roof measure_cpu_roof(double seconds, bool with_copy) {
  Roof roof;
  roof.flops = multiply_add_peak(seconds);
  if (with_copy) roof.bytes = memory_peak(3.0 * seconds);
  return roof;
}

const Roof& cuda_roof(DeviceId device, kernels::Precision precision) {
  static std::map<std::tuple<int, kernels::Precision>, Roof> roofs;
  const auto known = roofs.find({device.ordinal, precision});
  if (known != roofs.end()) return known->second;
  const bool emulated = is_emulated(device);
  Roof roof;
  roof.bytes = copy_peak(device, emulated ? 1024 : Index{1} << 26, emulated ? 0.001 : 0.1);
  roof.flops = product_peak(device, emulated ? 16 : 4096, precision);
  roof.launch = launch_seconds(device);
  return roofs.emplace(std::tuple{device.ordinal, precision}, roof).first->second;
}

AtRoof at_roof(const Work& work, const Roof& roof, bool bytes_count) {
  AtRoof most;
  const auto enter = [&](const char* name, double seconds) {
    if (seconds * 1e6 > most.microseconds) most = {name, seconds * 1e6};
  };
  if (roof.flops > 0.0) enter("FLOP/s", work.flops / roof.flops);
  if (roof.bytes > 0.0 && bytes_count) enter("B/s", work.bytes / roof.bytes);
  enter("launches", work.launches * roof.launch);
  return most;
}

}  // namespace mynah::bench
