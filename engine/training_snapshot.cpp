#include "engine/training_snapshot.h"

namespace mynah {
namespace {

Buffer<float> copy_of(Stream& stream, const float* values, Index size) {
  if (values == nullptr) return {};
  Buffer<float> copy(stream.device(), size);
  kernels::copy_on_device(stream, copy.data(), values, static_cast<std::size_t>(size) * sizeof(float));
  return copy;
}

void restore_values(Stream& stream, float* to, const Buffer<float>& from) {
  if (to == nullptr) return;
  kernels::copy_on_device(stream, to, from.data(), static_cast<std::size_t>(from.size()) * sizeof(float));
}

}  // namespace

// Copied whole, since a launch writes tensors and not what lies between them.
TrainingSnapshot::TrainingSnapshot(Stream& stream, const kernels::MlpMember& live, Index size)
    : parameters_(copy_of(stream, live.parameters, size)),
      first_moment_(copy_of(stream, live.first_moment, size)),
      second_moment_(copy_of(stream, live.second_moment, size)),
      steps_(stream.device(), 1),
      loss_sum_(stream.device(), 1) {
  kernels::copy_on_device(stream, steps_.data(), live.steps, sizeof(Index));
  loss_sum_.upload(stream, 0.0);
}

kernels::MlpSnapshot TrainingSnapshot::places() const {
  return {parameters_.data(), first_moment_.data(), second_moment_.data(), steps_.data(), loss_sum_.data()};
}

void TrainingSnapshot::restore(Stream& stream, const kernels::MlpMember& live) const {
  restore_values(stream, live.parameters, parameters_);
  restore_values(stream, live.first_moment, first_moment_);
  restore_values(stream, live.second_moment, second_moment_);
  kernels::copy_on_device(stream, live.steps, steps_.data(), sizeof(Index));
}

}  // namespace mynah
