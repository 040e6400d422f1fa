#include "engine/inference_plan.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/error.h"

namespace mynah {
namespace {

/// Equal bits: NaN is what it was.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace

std::optional<InferencePlan> InferencePlan::find(const Network& network, Value input, Value output, Index rows,
                                                 std::string* reason) {
  if (network.device.backend != Backend::cpu) {
    *reason = "the network is not on the CPU";
    return std::nullopt;
  }
  const auto mlp = MlpNetwork::find(network, input, output, reason);
  if (!mlp) return std::nullopt;
  return InferencePlan(network, *mlp, rows);
}

InferencePlan::InferencePlan(const Network& network, const MlpNetwork& mlp, Index rows)
    : network_(&network), mlp_(mlp), prepared_(mlp.shape, rows) {
  const auto sample = [&](const float* data, Index size, Index count) {
    for (Index i = 0; i < std::min(size, count); ++i) samples_.push_back({data + i * size / count, 0.0f});
  };
  for (int l = 0; l < mlp.shape.layer_count; ++l) {
    const kernels::MlpLayer& layer = mlp.shape.layers[static_cast<std::size_t>(l)];
    const bool last = l + 1 == mlp.shape.layer_count;
    sample(mlp.parameters + layer.weight, layer.outputs * mlp.shape.inputs_of(l), 1);
    // A step of training leaves a weight alone whose unit is dead, but hardly the last bias: its gradient is the
    // loss's own.
    if (layer.bias >= 0) sample(mlp.parameters + layer.bias, layer.outputs, last ? 4 : 1);
  }
  for (const ConstVector end :
       {mlp.ends.input_mean, mlp.ends.input_deviation, mlp.ends.output_mean, mlp.ends.output_deviation}) {
    sample(end.data, end.size, 1);
  }
}

bool InferencePlan::is_current() const {
  if (version_ != network_->parameters.version()) return false;
  return std::all_of(samples_.begin(), samples_.end(), [](const Sample& one) { return same(*one.place, one.value); });
}

void InferencePlan::prepare() {
  prepared_.prepare(mlp_.parameters, mlp_.ends);
  for (Sample& sample : samples_) sample.value = *sample.place;
  version_ = network_->parameters.version();
}

void InferencePlan::run(ConstMatrix x, Matrix y) {
  if (!is_current()) {
    throw Error(Error::Cause::internal, "inference plan", "the network's values have changed since it was prepared",
                "prepare() it again");
  }
  prepared_.run(x, y);
}

void InferencePlan::run_current(ConstMatrix x, Matrix y) {
  if (!is_current()) prepare();
  prepared_.run(x, y);
}

}  // namespace mynah
