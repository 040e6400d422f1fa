// Inference on the CPU with weights laid out once: the same as the network's own execution, and never with old weights.

#include "engine/inference_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/policy.h"
#include "engine/adam.h"
#include "engine/execution.h"
#include "engine/training_plan.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

PolicyDescription describe(std::vector<Index> hidden, kernels::Activation activation = kernels::Activation::tanh) {
  PolicyDescription description;
  description.mlp = {5, std::move(hidden), 3};
  description.mlp.activation = activation;
  description.normalize_actions = true;
  return description;
}

void scale(Policy& policy) {
  policy.set_observation_normalization(std::vector<float>{1.0f, -2.0f, 0.5f, 0.0f, 3.0f},
                                       std::vector<float>{2.0f, 0.5f, 3.0f, 1.0f, 0.1f});
  policy.set_action_normalization(std::vector<float>{0.3f, 0.0f, -1.0f}, std::vector<float>{1.5f, 4.0f, 0.2f});
}

/// What the network's own layers give, one after the other.
std::vector<float> by_execution(Policy& policy, const std::vector<float>& observations) {
  const auto rows = static_cast<Index>(observations.size()) / policy.observation_size();
  const Execution execution(policy.network(), {policy.output()}, Execution::Options{rows});
  Stream& stream = policy.stream();
  const Buffer<float> in(stream, std::span<const float>(observations));
  kernels::copy(stream, {in.data(), rows, policy.observation_size()}, execution.value(policy.input()));
  execution.forward(stream);
  Buffer<float> out(stream.device(), rows * policy.output_size());
  kernels::copy(stream, execution.value(policy.output()), {out.data(), rows, policy.output_size()});
  return out.download(stream);
}

std::vector<float> some_observations(Index rows) {
  std::vector<float> values(static_cast<std::size_t>(rows) * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(1.7f * static_cast<float>(i));
  return values;
}

void expect_close(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], 1e-6f * std::max(4.0f, std::fabs(expected[i]))) << i;
  }
}

class PolicyInference : public EveryDevice {};

TEST_P(PolicyInference, EveryWayGivesTheSame) {
  const std::vector<std::vector<Index>> networks{
      {}, {7}, {64, 33}, {300}, {8, 8, 8, 8, 8, 8, 8}, {8, 8, 8, 8, 8, 8, 8, 8}};
  for (const auto& hidden : networks) {
    SCOPED_TRACE(testing::Message() << hidden.size() << " hidden layers");
    Policy policy(device_, describe(hidden), 3);
    scale(policy);
    const auto observations = some_observations(33);
    const auto expected = by_execution(policy, observations);
    const Buffer<float> in(policy.stream(), std::span<const float>(observations));
    Buffer<float> out(device_, 33 * 3);
    policy.outputs(ConstMatrix{in.data(), 33, 5}, Matrix{out.data(), 33, 3});
    expect_close(out.download(policy.stream()), expected);
    std::vector<float> one(3);
    for (std::size_t row = 0; row < 33; ++row) {
      policy.outputs(std::span(observations).subspan(5 * row, 5), one);
      const auto begin = expected.begin() + static_cast<std::ptrdiff_t>(3 * row);
      expect_close(one, std::vector<float>(begin, begin + 3));
    }
  }
}

TEST_P(PolicyInference, BatchesOfOtherSizesAreRefused) {
  Policy policy(device_, describe({4}), 3);
  Buffer<float> memory(device_, 100);
  EXPECT_THROW(policy.outputs(ConstMatrix{memory.data(), 2, 4}, Matrix{memory.data() + 50, 2, 3}), Error);
  EXPECT_THROW(policy.outputs(ConstMatrix{memory.data(), 2, 5}, Matrix{memory.data() + 50, 1, 3}), Error);
}
MYNAH_ON_EVERY_DEVICE(PolicyInference);

class PlanOfAPolicy : public testing::Test {
 protected:
  PlanOfAPolicy() : policy_({}, describe({16}), 4) {
    scale(policy_);
    std::string reason;
    plan_ = InferencePlan::find(policy_.network(), policy_.input(), policy_.output(), 2, &reason);
    EXPECT_EQ(reason, "");
  }

  std::vector<float> run() {
    std::vector<float> result(3);
    plan_->run({observation_.data(), 1, 5}, {result.data(), 1, 3});
    return result;
  }
  /// The plan notices, refuses to run, and after preparing gives what the network gives; so does Policy, by itself.
  void expect_noticed(const char* what) {
    SCOPED_TRACE(what);
    EXPECT_FALSE(plan_->is_current());
    try {
      run();
      ADD_FAILURE() << "ran with old weights";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("have changed since it was prepared"));
    }
    plan_->prepare();
    const auto expected = by_execution(policy_, observation_);
    expect_close(run(), expected);
    std::vector<float> result(3);
    policy_.outputs(observation_, result);
    expect_close(result, expected);
  }
  Demonstrations demonstrations() const {
    Demonstrations data;
    data.observation_size = 5;
    data.action_size = 3;
    data.observations = some_observations(12);
    data.actions.assign(36, 0.5f);
    data.episode_ends = {12};
    return data;
  }

  Policy policy_;
  const std::vector<float> observation_ = some_observations(1);
  std::optional<InferencePlan> plan_;
};

TEST_F(PlanOfAPolicy, HasToBePrepared) {
  expect_noticed("never prepared");
}

TEST_F(PlanOfAPolicy, NoticesEveryChange) {
  Stream& stream = policy_.stream();
  Parameters& parameters = policy_.network().parameters;
  plan_->prepare();
  EXPECT_TRUE(plan_->is_current());
  parameters.set(stream, "0.bias", std::vector<float>(16, 0.25f));
  expect_noticed("a tensor set");
  scale(policy_);
  expect_noticed("scaling set");
  parameters.initialize(stream, 77);
  expect_noticed("initialized");
  SafetensorsFile file;
  parameters.save(stream, file);
  EXPECT_TRUE(plan_->is_current());
  parameters.load(stream, file);
  expect_noticed("loaded");
  Adam adam(stream, parameters, {});
  kernels::fill(stream, parameters.gradient(), 1.0f);
  adam.step(stream);
  expect_noticed("a step of an optimizer");
  const Demonstrations data = demonstrations();
  std::vector<std::int32_t> rows(12);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
  const ResidentData resident(stream, data, rows);
  TrainingPlan training(stream, policy_.network(), policy_.input(), policy_.head(), adam, resident, {4});
  training.begin_epoch(stream, 1);
  training.run_steps(stream, 2);
  expect_noticed("steps of training");
  // And what nobody says.
  float* last_bias = parameters.views(policy_.head())[1].data;
  last_bias[1] += 0.125f;
  expect_noticed("a bias written through a view");
  EXPECT_TRUE(plan_->is_current());
}

/// Every path of training, on every device, says that it changes the weights.
TEST_P(PolicyInference, TrainingCounts) {
  PolicyDescription description = describe({16});
  description.normalize_observations = description.normalize_actions = false;
  Policy policy(device_, description, 4);
  Stream& stream = policy.stream();
  Demonstrations data;
  data.observation_size = 5;
  data.action_size = 3;
  data.observations = some_observations(12);
  data.actions.assign(36, 0.5f);
  data.episode_ends = {12};
  std::vector<std::int32_t> rows(12);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int32_t>(i);
  const ResidentData resident(stream, data, rows);
  Adam adam(stream, policy.network().parameters, {});
  const auto observation = some_observations(1);
  std::vector<float> before(3), after(3);
  for (const auto path : {TrainingPlan::Path::direct, TrainingPlan::Path::recorded, TrainingPlan::Path::resident}) {
    TrainingPlan::Options options{4};
    options.path = path;
    TrainingPlan training(stream, policy.network(), policy.input(), policy.head(), adam, resident, options);
    training.begin_epoch(stream, 1);
    for (int step = 0; step < 3; ++step) {
      policy.outputs(observation, before);
      const std::uint64_t version = policy.network().parameters.version();
      training.run_steps(stream, 1);
      EXPECT_GT(policy.network().parameters.version(), version);
      policy.outputs(observation, after);
      EXPECT_NE(after, before);
      expect_close(after, by_execution(policy, observation));
    }
  }
}

TEST(InferencePlan, SaysWhyNot) {
  std::string reason;
  const auto why = [&](Policy& policy) {
    EXPECT_FALSE(InferencePlan::find(policy.network(), policy.input(), policy.output(), 1, &reason));
    return reason;
  };
  Policy deep({}, describe({2, 2, 2, 2, 2, 2, 2, 2}), 1);
  EXPECT_EQ(why(deep), "the network has more than 8 layers");
  for (const auto& device : list_devices()) {
    if (device.id.backend != Backend::cuda) continue;
    Policy elsewhere(device.id, describe({2}), 1);
    EXPECT_EQ(why(elsewhere), "the network is not on the CPU");
  }
}

}  // namespace
}  // namespace mynah::tests
