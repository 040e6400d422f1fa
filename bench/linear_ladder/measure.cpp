#include "bench/linear_ladder/measure.h"

#include <chrono>
#include <cmath>
#include <limits>

#include "kernels/linear.h"
#include "kernels/operation_count.h"
#include "kernels/random.h"
#include "kernels/recording.h"

namespace mynah::ladder {
namespace {

using kernels::Activation;

std::vector<float> normal_values(Index size, std::uint32_t instance) {
  std::vector<float> values(static_cast<std::size_t>(size));
  Stream cpu({});
  kernels::normal(cpu, random_key(1, RandomStream::test, instance), nullptr, 0.0f, 1.0f, {values.data(), size});
  return values;
}

void take_magnitudes(std::vector<float>& values) {
  for (float& value : values) value = std::fabs(value);
}

/// So many calls in a recording that replaying it costs little beside them.
constexpr int recorded_calls = 20;

kernels::Recording record(Stream& stream, const Problem& problem, const Version& version) {
  problem.queue(stream, version);  // scratch memory grows
  stream.synchronize();
  kernels::Recording recording;
  recording.begin(stream);
  try {
    for (int i = 0; i < recorded_calls; ++i) problem.queue(stream, version);
    recording.end(stream);
  } catch (...) {
    recording.abandon(stream);
    throw;
  }
  return recording;
}

double seconds_of(Stream& stream, const kernels::Recording& recording, int replays) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < replays; ++i) recording.replay(stream);
  stream.synchronize();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Problem::Problem(Stream& stream, Index m, Index n, Index k)
    : m_(m),
      n_(n),
      k_(k),
      y_(stream.device(), m * n),
      expected_(static_cast<std::size_t>(m * n)),
      expected_relu_(expected_.size()),
      magnitudes_(expected_.size()) {
  std::vector<float> x = normal_values(m * k, 0), w = normal_values(n * k, 1), b = normal_values(n, 2);
  x_ = Buffer<float>(stream, x);
  w_ = Buffer<float>(stream, w);
  b_ = Buffer<float>(stream, b);
  Stream cpu({});
  kernels::linear_forward(cpu, ConstMatrix(x.data(), m, k), ConstMatrix(w.data(), n, k), ConstVector(b.data(), n),
                          Activation::relu, Matrix(expected_relu_.data(), m, n), Matrix(expected_.data(), m, n));
  for (std::vector<float>* values : {&x, &w, &b}) take_magnitudes(*values);
  kernels::linear_forward(cpu, ConstMatrix(x.data(), m, k), ConstMatrix(w.data(), n, k), ConstVector(b.data(), n),
                          Activation::none, Matrix(magnitudes_.data(), m, n));
}

void Problem::queue(Stream& stream, const Version& version) const {
  version.run(stream, {x_.data(), m_, k_}, {w_.data(), n_, k_}, {b_.data(), n_}, {y_.data(), m_, n_});
}

double Problem::error_of(Stream& stream, const Version& version) const {
  const std::vector<float> unwritten(expected_.size(), std::numeric_limits<float>::quiet_NaN());
  kernels::copy_to_device(stream, y_.data(), unwritten.data(), unwritten.size() * sizeof(float));
  queue(stream, version);
  const std::vector<float> y = y_.download(stream);
  const std::vector<float>& expected = version.relu ? expected_relu_ : expected_;
  double largest = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!std::isfinite(y[i])) return std::numeric_limits<double>::infinity();
    const double difference = std::fabs(static_cast<double>(y[i]) - static_cast<double>(expected[i]));
    if (difference > 0.0) largest = std::fmax(largest, difference / static_cast<double>(magnitudes_[i]));
  }
  return largest;
}

Index launches_of(Stream& stream, const Problem& problem, const Version& version) {
  const kernels::OperationCount count;
  problem.queue(stream, version);
  return count.work().launches;
}

std::vector<std::vector<double>> time_versions(Stream& stream, const Problem& problem,
                                               const std::vector<Version>& versions, int rounds, double seconds) {
  std::vector<kernels::Recording> recordings;
  std::vector<int> replays;
  recordings.reserve(versions.size());
  replays.reserve(versions.size());
  for (const Version& version : versions) {
    recordings.push_back(record(stream, problem, version));
    seconds_of(stream, recordings.back(), 1);  // the first replay prepares the recording
    replays.push_back(1 + static_cast<int>(seconds / seconds_of(stream, recordings.back(), 1)));
  }
  std::vector<std::vector<double>> times(versions.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < versions.size(); ++i) {
      const double taken = seconds_of(stream, recordings[i], replays[i]);
      times[i].push_back(1e6 * taken / (recorded_calls * replays[i]));
    }
  }
  return times;
}

}  // namespace mynah::ladder
