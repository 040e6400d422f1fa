#include "tests/operations/timing.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "tests/cuda_schedule.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests {
namespace {

using Clock = std::chrono::steady_clock;
using kernels::Precision;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void copy_case(Parity& run, Index size) {
  const auto x = run.output(1, size);
  const auto y = run.output(1, size);
  run.expect_same([=](const Place& at) { kernels::copy(at.stream, at.matrix(x), at.matrix(y)); });
}

void product_case(Parity& run, Index size, Precision precision) {
  const auto edge = static_cast<double>(size);
  run.flops(2.0 * edge * edge * edge);
  const auto x = run.input(size, size);
  const auto w = run.input(size, size);
  const auto y = run.output(size, size);
  const auto ours = [=](const Place& at) {
    kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), {}, kernels::Activation::none, at.matrix(y), {},
                            {precision});
  };
  run.rival({"cuBLAS",
             [=](const Place& at) {
               return cublas::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.matrix(y), precision);
             },
             ours});
  run.expect_same(ours);
}

/// Far larger than any cache, and large enough for the fastest of all tiles; on the emulated device, of which times say
/// nothing, as small as can be.
struct RoofSize {
  Index copied, product;
};
RoofSize roof_size(DeviceId device) {
  if (device.backend == Backend::cpu) return {Index{1} << 23, 768};
  return has_cuda_schedules() ? RoofSize{1024, 16} : RoofSize{Index{1} << 26, 4096};
}

Roof measure_roof(DeviceId device, Precision precision) {
  const RoofSize size = roof_size(device);
  constexpr double seconds = 0.1;
  Timing copying(device, Precision::float32, seconds), product(device, precision, seconds);
  copy_case(copying, size.copied);
  product_case(product, size.product, precision);
  double least = product.results().front().seconds;
  for (const Timing::Result& one : product.results()) least = std::min(least, one.seconds);
  return {copying.bytes() / copying.results().front().seconds, product.flops() / least};
}

}  // namespace

/// Of the normalised mean squared error of a rival. In float32 the order of sums alone differs, or an algorithm of
/// fewer products; elsewhere factors may also be rounded in another way, or cut off, to 10 and 7 bits. What is wrong is
/// far beyond each of them, and so are products in tf32 where float32 was asked for.
double rival_limit(Precision precision) {
  return precision == Precision::float32 ? 1e-8 : precision == Precision::tf32 ? 1e-5 : 1e-3;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// One of those that are timed in turn.
struct Timing::Contestant {
  Contestant(const std::string& library_, Stream& stream, const std::function<void()>& call)
      : library(library_), repeated(stream, call) {}
  std::string library;
  Repeated repeated;
  std::vector<double> samples = {};
};

Repeated::Repeated(Stream& stream, std::function<void()> call, int recorded_calls)
    : stream_(&stream), call_(std::move(call)) {
  call_();  // scratch memory grows, pages are touched, libraries choose
  stream.synchronize();
  if (!kernels::Recording::supported(stream)) {
    const auto start = Clock::now();
    call_();
    calls_ = static_cast<int>(std::clamp(1e-5 / seconds_since(start), 1.0, 1000.0));
    return;
  }
  calls_ = recorded_calls;
  recording_.begin(stream);
  try {
    for (int i = 0; i < calls_; ++i) call_();
    recording_.end(stream);
  } catch (...) {
    recording_.abandon(stream);
    throw;
  }
}

double Repeated::seconds() const {
  const auto start = Clock::now();
  if (recording_.ready()) {
    recording_.replay(*stream_);
    stream_->synchronize();
  } else {
    for (int i = 0; i < calls_; ++i) call_();
  }
  return seconds_since(start) / calls_;
}

bool Timing::computes_the_same(const Rival& rival, const DeviceCopy& copy) {
  const double error = difference(run({Backend::cpu, 0}, rival.expected), download(copy));
  if (error < rival_limit(precision_)) return true;
  wrong_.push_back(
      fmt::format("{}'s result differs from ours by a normalised mean squared error of {:.2g}", rival.library, error));
  return false;
}

void Timing::enter_rivals(Stream& stream, std::deque<DeviceCopy>& copies, std::vector<Contestant>& contestants) {
  for (const Rival& rival : rivals()) {
    try {
      const DeviceCopy& copy = copies.emplace_back(stream, *this);
      const RivalCall call = rival.prepare(copy.place());
      if (!call) continue;
      call();
      if (computes_the_same(rival, copy)) contestants.emplace_back(rival.library, stream, call);
    } catch (const Error& error) {
      untimed_.push_back(fmt::format("{} was not timed: {}", rival.library, error.what()));
    }
  }
}

void Timing::expect_same(const std::function<void(const Place&)>& operation) {
  Stream stream(device_);
  std::deque<DeviceCopy> copies;
  std::vector<Contestant> contestants;
  const Place& place = copies.emplace_back(stream, *this).place();
  contestants.emplace_back("mynah", stream, [&] { operation(place); });
  if (device_.backend == Backend::cuda) enter_rivals(stream, copies, contestants);
  double spent = 0.0;
  while (spent < seconds_ * static_cast<double>(contestants.size()) || contestants.front().samples.size() < 3) {
    const auto start = Clock::now();
    for (Contestant& one : contestants) one.samples.push_back(one.repeated.seconds());
    spent += seconds_since(start);
  }
  for (const Contestant& one : contestants) results_.push_back({one.library, median(one.samples)});
}

const Roof& roof_of(DeviceId device, Precision precision) {
  static std::map<std::tuple<Backend, int, Precision>, Roof> roofs;
  const std::tuple key{device.backend, device.ordinal, precision};
  const auto known = roofs.find(key);
  return known != roofs.end() ? known->second : roofs.emplace(key, measure_roof(device, precision)).first->second;
}

}  // namespace mynah::tests
