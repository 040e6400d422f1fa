// The kernel that stays, as a user meets it: answers, weights that change, leases, stopping, failures.

#include "algorithms/resident_inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/error.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using namespace std::chrono_literals;

PolicyDescription describe(std::vector<Index> hidden, bool discrete = false) {
  PolicyDescription description;
  description.mlp = {5, std::move(hidden), 3};
  description.discrete = discrete;
  description.normalize_actions = !discrete;
  if (!discrete) {
    description.action_low = {-0.1f, -0.2f, -0.3f};
    description.action_high = {0.1f, 0.2f, 0.3f};
  }
  return description;
}

std::vector<float> some_observations(Index rows) {
  std::vector<float> values(static_cast<std::size_t>(rows) * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(1.3f * static_cast<float>(i));
  return values;
}

ResidentInference::Options up_to_32_rows() {
  ResidentInference::Options options;
  options.rows = 32;
  return options;
}

std::vector<float> by_policy(Policy& policy, const std::vector<float>& observations) {
  std::vector<float> results(observations.size() / 5 * 3);
  for (std::size_t row = 0; row < observations.size() / 5; ++row) {
    policy.outputs(std::span(observations).subspan(5 * row, 5), std::span(results).subspan(3 * row, 3));
  }
  return results;
}

std::vector<float> ask(ResidentInference& resident, const std::vector<float>& observations) {
  std::vector<float> results(observations.size() / 5 * 3);
  resident.outputs(observations, results);
  return results;
}

void expect_close(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], 1e-6f * std::max(4.0f, std::fabs(expected[i]))) << i;
  }
}

class Resident : public EveryDevice {
 protected:
  bool on_cuda() const { return device_.backend == Backend::cuda; }
};

TEST_P(Resident, AnswersWhatThePolicyAnswers) {
  for (const std::string& schedule : on_cuda() ? cuda_schedules() : std::vector<std::string>{""}) {
    SCOPED_TRACE(schedule);
    std::optional<CudaScheduleScope> scope;
    if (on_cuda()) scope.emplace(schedule);
    // The last one's weights do not fit into shared memory.
    for (const std::vector<Index>& hidden :
         {std::vector<Index>{}, {256}, {30, 17}, {8, 8, 8, 8, 8, 8, 8}, {300, 310}}) {
      Policy policy(device_, describe(hidden), 3);
      policy.set_observation_normalization(std::vector<float>{1.0f, -2.0f, 0.5f, 0.0f, 3.0f},
                                           std::vector<float>{2.0f, 0.5f, 3.0f, 1.0f, 0.1f});
      policy.set_action_normalization(std::vector<float>{0.3f, 0.0f, -1.0f}, std::vector<float>{1.5f, 4.0f, 0.2f});
      ResidentInference::Options options = up_to_32_rows();
      options.lease = options.timeout = 30s;  // A slow machine is not to decide how often it is launched.
      ResidentInference resident(policy, options);
      for (const Index rows : {1, 2, 32, 5, 1}) {
        const auto observations = some_observations(rows);
        expect_close(ask(resident, observations), by_policy(policy, observations));
      }
      EXPECT_EQ(resident.launches(), on_cuda() ? 1 : 0) << resident.describe();
    }
  }
}

TEST_P(Resident, TheWeightsInSharedMemoryGiveTheBitsOfThePolicy) {
  Policy policy(device_, describe({256, 20}), 3);
  ResidentInference resident(policy, up_to_32_rows());
  const auto observations = some_observations(7);
  EXPECT_EQ(ask(resident, observations), by_policy(policy, observations)) << resident.describe();
}

TEST_P(Resident, ActsWithinBoundsAndChooses) {
  Policy continuous(device_, describe({20}), 3), discrete(device_, describe({20}, true), 4);
  ResidentInference acting(continuous), choosing(discrete);
  for (int i = 0; i < 5; ++i) {
    auto observation = some_observations(1);
    observation[0] = static_cast<float>(i);
    std::vector<float> expected(3), action(3);
    continuous.act(observation, expected);
    acting.act(observation, action);
    EXPECT_EQ(action, expected);
    EXPECT_EQ(choosing.choose(observation), discrete.choose(observation));
    EXPECT_THROW(choosing.act(observation, action), Error);
    EXPECT_THROW(acting.choose(observation), Error);
  }
}

TEST_P(Resident, NaNsAndInfinitiesComeThrough) {
  Policy policy(device_, describe({6}), 3);
  ResidentInference resident(policy, up_to_32_rows());
  auto observation = some_observations(1);
  observation[2] = std::numeric_limits<float>::quiet_NaN();
  for (const float value : ask(resident, observation)) EXPECT_TRUE(std::isnan(value));
}

TEST_P(Resident, ChangedWeightsCountFromTheNextRequestOn) {
  Policy policy(device_, describe({12}), 3);
  ResidentInference resident(policy, up_to_32_rows());
  const auto observation = some_observations(2);
  const auto before = ask(resident, observation);
  policy.network().parameters.initialize(policy.stream(), 55);
  const auto after = ask(resident, observation);
  EXPECT_NE(after, before);
  expect_close(after, by_policy(policy, observation));
  EXPECT_EQ(resident.launches(), on_cuda() ? 2 : 0);
}

TEST_P(Resident, LeavesWhenItsLeaseIsOverAndComesBack) {
  Policy policy(device_, describe({12}), 3);
  ResidentInference::Options options;
  options.lease = 1us;  // leaves at the first look that finds nothing
  ResidentInference resident(policy, options);
  for (int i = 0; i < 5; ++i) {
    auto observation = some_observations(1);
    observation[1] = static_cast<float>(i);
    expect_close(ask(resident, observation), by_policy(policy, observation));
  }
  EXPECT_GE(resident.launches(), on_cuda() ? 2u : 0u);
}

TEST_P(Resident, StopsAndStartsAgain) {
  Policy policy(device_, describe({12}), 3);
  const auto observation = some_observations(1);
  ResidentInference resident(policy, up_to_32_rows());
  resident.stop();  // nothing to stop
  EXPECT_FALSE(resident.is_running());
  resident.start();
  EXPECT_EQ(resident.is_running(), on_cuda());
  const auto first = ask(resident, observation);
  resident.stop();
  EXPECT_FALSE(resident.is_running());
  EXPECT_EQ(ask(resident, observation), first);
  EXPECT_EQ(resident.launches(), on_cuda() ? 2 : 0);
}

TEST_P(Resident, OtherWorkGoesOnBesideIt) {
  Policy policy(device_, describe({12}), 3), other(device_, describe({12}), 4);
  const auto observation = some_observations(3);
  ResidentInference resident(policy, up_to_32_rows()), second(other, up_to_32_rows());
  const auto expected = by_policy(other, observation);
  for (int i = 0; i < 3; ++i) {
    expect_close(ask(resident, observation), by_policy(policy, observation));
    EXPECT_EQ(by_policy(other, observation), expected);
    expect_close(ask(second, observation), expected);
  }
  EXPECT_EQ(resident.launches(), on_cuda() ? 1 : 0);
}

TEST_P(Resident, FreeingDeviceMemoryWaitsForItsLeaseAtMost) {
  Policy policy(device_, describe({12}), 3);
  ResidentInference::Options options;
  options.lease = 20ms;
  ResidentInference resident(policy, options);
  const auto observation = some_observations(1);
  const auto first = ask(resident, observation);
  { const Buffer<float> memory(device_, 1000); }
  EXPECT_EQ(ask(resident, observation), first);
}

TEST_P(Resident, RefusesWhatMakesNoSense) {
  Policy policy(device_, describe({12}), 3);
  ResidentInference::Options none, negative;
  none.rows = 0;
  negative.lease = 0ns;
  EXPECT_THROW(ResidentInference(policy, none), Error);
  EXPECT_THROW(ResidentInference(policy, negative), Error);
  ResidentInference resident(policy, up_to_32_rows());
  std::vector<float> results(3 * 33);
  EXPECT_THROW(resident.outputs(some_observations(33), results), Error);
  EXPECT_THROW(resident.outputs({}, {}), Error);
  EXPECT_THROW(resident.outputs(std::vector<float>(7), results), Error);
  if (!on_cuda()) return;
  Policy deep(device_, describe({2, 2, 2, 2, 2, 2, 2, 2}), 3);
  EXPECT_THROW(ResidentInference{deep}, Error);
  Policy wide(device_, describe({4000}), 3);
  ResidentInference one_row(wide);
  expect_close(ask(one_row, some_observations(1)), by_policy(wide, some_observations(1)));
  try {
    ResidentInference too_wide(wide, up_to_32_rows());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("32 rows do not fit"));
  }
}

TEST_P(Resident, AnAnswerThatDoesNotComeIsAnErrorFromThenOn) {
  if (!on_cuda() || !has_cuda_schedules()) GTEST_SKIP() << "a GPU may be faster than the shortest time";
  Policy policy(device_, describe({12}), 3);
  ResidentInference::Options options;
  options.timeout = 1ns;
  options.lease = 1ms;
  ResidentInference resident(policy, options);
  const auto expect_failure = [&](const char* text) {
    try {
      ask(resident, some_observations(1));
      ADD_FAILURE() << "answered";
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::device);
      EXPECT_THAT(error.what(), testing::HasSubstr(text));
    }
  };
  expect_failure("resident inference: no answer within 0 microseconds");
  expect_failure("make a new one");
  EXPECT_FALSE(resident.is_running());
}

MYNAH_ON_EVERY_DEVICE(Resident);

}  // namespace
}  // namespace mynah::tests
