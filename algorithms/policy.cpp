#include "algorithms/policy.h"

#include <algorithm>
#include <cmath>

#include "algorithms/policy_metadata.h"
#include "engine/layers/standardization.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/random.h"

namespace mynah {
namespace {

constexpr const char* observation_normalization = "observation_normalization";
constexpr const char* action_normalization = "action_normalization";
constexpr Index self_test_rows = 4;

}  // namespace

Policy::Policy(DeviceId device, PolicyDescription description, std::uint64_t seed)
    : description_(std::move(description)), stream_(device) {
  using Direction = Standardization::Direction;
  Graph graph;
  input_ = graph.input(description_.mlp.inputs);
  Value value = input_;
  if (description_.normalize_observations) {
    value = graph.add(observation_normalization, std::make_shared<Standardization>(Direction::standardize), value);
  }
  head_ = output_ = add_mlp(graph, value, description_.mlp);
  if (description_.normalize_actions) {
    output_ = graph.add(action_normalization, std::make_shared<Standardization>(Direction::unstandardize), head_);
  }
  network_ = std::make_unique<Network>(stream_, std::move(graph));
  network_->parameters.initialize(stream_, seed);
}

void Policy::set_observation_normalization(std::span<const float> mean, std::span<const float> deviation) {
  network_->parameters.set(stream_, std::string(observation_normalization) + ".mean", mean);
  network_->parameters.set(stream_, std::string(observation_normalization) + ".deviation", deviation);
}

void Policy::set_action_normalization(std::span<const float> mean, std::span<const float> deviation) {
  network_->parameters.set(stream_, std::string(action_normalization) + ".mean", mean);
  network_->parameters.set(stream_, std::string(action_normalization) + ".deviation", deviation);
}

const Execution& Policy::single() {
  if (single_ == nullptr) {
    single_ = std::make_unique<Execution>(*network_, std::vector<Value>{output_}, Execution::Options{1});
    single_output_.resize(static_cast<std::size_t>(output_size()));
    single_result_ = stream_.backend() == Backend::cpu ? single_->value(output_).data : single_output_.data();
  }
  return *single_;
}

void Policy::check_sizes(std::span<const float> observation, std::size_t results, const char* call) const {
  if (static_cast<Index>(observation.size()) != observation_size() || static_cast<Index>(results) != output_size()) {
    throw input_error(
        std::string("Policy::") + call,
        "got an observation of " + std::to_string(observation.size()) + " values and room for " +
            std::to_string(results) + " outputs",
        "this policy takes " + std::to_string(observation_size()) + " and gives " + std::to_string(output_size()));
  }
}

void Policy::run_single(std::span<const float> observation) {
  const Execution& execution = single();
  kernels::copy_to_device(stream_, execution.value(input_).data, observation.data(), observation.size_bytes());
  execution.forward(stream_);
  if (stream_.backend() != Backend::cpu) {
    kernels::copy_to_host(stream_, single_output_.data(), execution.value(output_).data,
                          single_output_.size() * sizeof(float));
  }
}

void Policy::outputs(std::span<const float> observation, std::span<float> result) {
  check_sizes(observation, result.size(), "outputs");
  run_single(observation);
  std::copy_n(single_result_, result.size(), result.data());
}

void Policy::act(std::span<const float> observation, std::span<float> action) {
  check_sizes(observation, action.size(), "act");
  if (description_.discrete) throw input_error("Policy::act", "this policy has discrete actions", "call choose()");
  run_single(observation);
  std::copy_n(single_result_, action.size(), action.data());
  if (description_.action_low.empty()) return;
  for (std::size_t i = 0; i < action.size(); ++i) {
    action[i] = std::clamp(action[i], description_.action_low[i], description_.action_high[i]);
  }
}

Index Policy::choose(std::span<const float> observation) {
  check_sizes(observation, static_cast<std::size_t>(output_size()), "choose");
  if (!description_.discrete) throw input_error("Policy::choose", "this policy has continuous actions", "call act()");
  run_single(observation);
  return std::max_element(single_result_, single_result_ + output_size()) - single_result_;
}

SafetensorsFile Policy::to_file() {
  SafetensorsFile file;
  write_policy_metadata(description_, file);
  network_->parameters.save(stream_, file);
  // Observations as training saw them: around the mean, as wide as the deviation.
  std::vector<float> observations(static_cast<std::size_t>(self_test_rows * observation_size()));
  Stream cpu({});
  kernels::normal(cpu, random_key(0, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {observations.data(), static_cast<Index>(observations.size())});
  if (description_.normalize_observations) {
    const auto mean = network_->parameters.get(stream_, std::string(observation_normalization) + ".mean");
    const auto deviation = network_->parameters.get(stream_, std::string(observation_normalization) + ".deviation");
    for (std::size_t i = 0; i < observations.size(); ++i) {
      observations[i] = observations[i] * deviation[i % mean.size()] + mean[i % mean.size()];
    }
  }
  std::vector<float> results(static_cast<std::size_t>(self_test_rows * output_size()));
  for (Index row = 0; row < self_test_rows; ++row) {
    outputs(
        std::span(observations)
            .subspan(static_cast<std::size_t>(row * observation_size()), static_cast<std::size_t>(observation_size())),
        std::span(results).subspan(static_cast<std::size_t>(row * output_size()),
                                   static_cast<std::size_t>(output_size())));
  }
  file.add_floats("self_test.observations", {self_test_rows, observation_size()}, observations);
  file.add_floats("self_test.outputs", {self_test_rows, output_size()}, results);
  return file;
}

void Policy::save(const std::filesystem::path& path) {
  save_safetensors(path, to_file());
}

Policy Policy::load(const std::filesystem::path& path, DeviceId device) {
  return from_file(load_safetensors(path), device);
}

Policy Policy::from_file(const SafetensorsFile& file, DeviceId device) {
  Policy policy(device, read_policy_metadata(file), 0);
  policy.network_->parameters.load(policy.stream_, file);
  const Index observation_size = policy.observation_size();
  const Index output_size = policy.output_size();
  (void)file.at("self_test.observations", {self_test_rows, observation_size});
  (void)file.at("self_test.outputs", {self_test_rows, output_size});
  const auto observations = file.floats("self_test.observations");
  const auto expected = file.floats("self_test.outputs");
  float scale = 1.0f;
  for (const float value : expected) scale = std::max(scale, std::fabs(value));
  std::vector<float> result(static_cast<std::size_t>(output_size));
  for (Index row = 0; row < self_test_rows; ++row) {
    policy.outputs(
        std::span(observations)
            .subspan(static_cast<std::size_t>(row * observation_size), static_cast<std::size_t>(observation_size)),
        result);
    for (Index c = 0; c < output_size; ++c) {
      const float difference =
          std::fabs(result[static_cast<std::size_t>(c)] - expected[static_cast<std::size_t>(row * output_size + c)]);
      if (!(difference <= 1e-4f * scale)) {
        throw input_error(file.origin,
                          "self-test failed: output[" + std::to_string(row) + ", " + std::to_string(c) +
                              "] is off by " + std::to_string(difference),
                          "the file was changed after it was written; take it from the training run again");
      }
    }
  }
  return policy;
}

}  // namespace mynah
