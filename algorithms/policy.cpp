#include "algorithms/policy.h"

#include <algorithm>
#include <cmath>

#include "algorithms/policy_metadata.h"
#include "algorithms/policy_npz.h"
#include "engine/layers/standardization.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/random.h"

namespace mynah {
namespace {

constexpr const char* observation_normalization = "observation_normalization";
constexpr const char* action_normalization = "action_normalization";
constexpr Index self_test_rows = 4;

/// On the CPU a plan for a few rows takes so many through the layers together, and is used for up to so many: behind
/// them the products of large matrices are as fast, and may use several threads.
constexpr Index rows_at_a_time = 16;
constexpr Index most_plan_rows = 64;

std::string text_of(ConstMatrix matrix) {
  return "[" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) + "]";
}

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
  single_output_.resize(static_cast<std::size_t>(output_size()));
  std::string reason;
  mlp_ = MlpNetwork::find(*network_, input_, output_, &reason);
  if (mlp_ && kernels::infers_mlp(stream_, mlp_->shape) == kernels::MlpInference::none) mlp_.reset();
  plan_ = InferencePlan::find(*network_, input_, output_, rows_at_a_time, &reason);
}

void Policy::set_observation_normalization(std::span<const float> mean, std::span<const float> deviation) {
  network_->parameters.set(stream_, std::string(observation_normalization) + ".mean", mean);
  network_->parameters.set(stream_, std::string(observation_normalization) + ".deviation", deviation);
}

void Policy::set_action_normalization(std::span<const float> mean, std::span<const float> deviation) {
  network_->parameters.set(stream_, std::string(action_normalization) + ".mean", mean);
  network_->parameters.set(stream_, std::string(action_normalization) + ".deviation", deviation);
}

void Policy::prepare_single() {
  if (plan_ || single_ != nullptr || single_input_.size() > 0) return;
  if (mlp_) {
    single_input_ = Buffer<float>(stream_.device(), observation_size());
    single_results_ = Buffer<float>(stream_.device(), output_size());
  } else {
    single_ = std::make_unique<Execution>(*network_, std::vector<Value>{output_}, Execution::Options{1});
  }
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

/// Leaves the result in single_output_.
void Policy::run_single(std::span<const float> observation) {
  prepare_single();
  if (plan_) {
    plan_->run_current({observation.data(), 1, observation_size()}, {single_output_.data(), 1, output_size()});
    return;
  }
  const Matrix input = mlp_ ? Matrix{single_input_.data(), 1, observation_size()} : single_->value(input_);
  const Matrix output = mlp_ ? Matrix{single_results_.data(), 1, output_size()} : single_->value(output_);
  kernels::copy_to_device(stream_, input.data, observation.data(), observation.size_bytes());
  if (mlp_) {
    kernels::infer_mlp(stream_, mlp_->shape, mlp_->parameters, mlp_->ends, input, output);
  } else {
    single_->forward(stream_);
  }
  kernels::copy_to_host(stream_, single_output_.data(), output.data, single_output_.size() * sizeof(float));
}

void Policy::outputs(ConstMatrix observations, Matrix results) {
  if (observations.columns != observation_size() || results.columns != output_size() ||
      results.rows != observations.rows) {
    throw input_error("Policy::outputs",
                      "got observations " + text_of(observations) + " and results " + text_of(results),
                      "this policy takes " + std::to_string(observation_size()) + " columns and gives " +
                          std::to_string(output_size()));
  }
  if (plan_ && observations.rows <= most_plan_rows) return plan_->run_current(observations, results);
  if (mlp_) {
    kernels::infer_mlp(stream_, mlp_->shape, mlp_->parameters, mlp_->ends, observations, results);
    return;
  }
  if (observations.rows == 0) return;
  if (batch_ == nullptr || batch_->rows() != observations.rows) {
    batch_ = std::make_unique<Execution>(*network_, std::vector<Value>{output_}, Execution::Options{observations.rows});
  }
  kernels::copy(stream_, observations, batch_->value(input_));
  batch_->forward(stream_);
  kernels::copy(stream_, batch_->value(output_), results);
}

void Policy::outputs(std::span<const float> observation, std::span<float> result) {
  check_sizes(observation, result.size(), "outputs");
  run_single(observation);
  std::copy_n(single_output_.data(), result.size(), result.data());
}

void Policy::check_act(std::span<const float> observation, std::span<const float> action) const {
  check_sizes(observation, action.size(), "act");
  if (description_.discrete) throw input_error("Policy::act", "this policy has discrete actions", "call choose()");
}

void Policy::check_choose(std::span<const float> observation) const {
  check_sizes(observation, static_cast<std::size_t>(output_size()), "choose");
  if (!description_.discrete) throw input_error("Policy::choose", "this policy has continuous actions", "call act()");
}

void Policy::clip(std::span<float> action) const {
  if (description_.action_low.empty()) return;
  for (std::size_t i = 0; i < action.size(); ++i) {
    action[i] = std::clamp(action[i], description_.action_low[i], description_.action_high[i]);
  }
}

void Policy::act(std::span<const float> observation, std::span<float> action) {
  check_act(observation, action);
  run_single(observation);
  std::copy_n(single_output_.data(), action.size(), action.data());
  clip(action);
}

Index Policy::choose(std::span<const float> observation) {
  check_choose(observation);
  run_single(observation);
  return std::max_element(single_output_.begin(), single_output_.end()) - single_output_.begin();
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
  if (path.extension() == ".npz") return load_npz_policy(path, device);
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
