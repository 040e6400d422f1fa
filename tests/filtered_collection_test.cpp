#include "algorithms/filtered_collection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/experts.h"
#include "algorithms/host_actor.h"
#include "algorithms/policy_actor.h"
#include "kernels/error.h"
#include "tests/every_device.h"

namespace mynah {
namespace {

TEST(FilteredCollection, KeepsTheFirstEpisodesThatAreGoodEnough) {
  Stream stream(DeviceId{});
  const auto task = make_task("cartpole");
  const auto random = make_random_policy(*task, 4);
  CollectOptions options;
  options.episodes = 200;
  options.seed = 4;
  const Demonstrations all = collect(stream, *task, *random, options);
  options.episodes = 20;
  const FilteredDemonstrations kept = collect_filtered(stream, *task, *random, options, {30.0, 0});
  std::vector<Index> expected;
  const std::vector<double> returns = all.returns();
  for (std::size_t i = 0; expected.size() < 20; ++i) {
    ASSERT_LT(i, returns.size());
    if (returns[i] >= 30.0) expected.push_back(static_cast<Index>(i));
  }
  const Demonstrations chosen = all.select(expected);
  EXPECT_EQ(kept.demonstrations.observations, chosen.observations);
  EXPECT_EQ(kept.demonstrations.labels, chosen.labels);
  EXPECT_EQ(kept.demonstrations.next_observations, chosen.next_observations);
  EXPECT_EQ(kept.demonstrations.terminals, chosen.terminals);
  EXPECT_EQ(kept.demonstrations.episode_ends, chosen.episode_ends);
  EXPECT_EQ(kept.dropped, expected.back() + 1 - 20);
  EXPECT_GT(kept.dropped, 20);
  kept.demonstrations.validate();
}

TEST(FilteredCollection, GivesUpWhenItHasTriedEnough) {
  Stream stream(DeviceId{});
  const auto task = make_task("cartpole");
  const auto random = make_random_policy(*task, 4);
  CollectOptions options;
  options.episodes = 2;
  try {
    collect_filtered(stream, *task, *random, options, {500.0, 37});
    ADD_FAILURE() << "a random policy does not reach 500";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("0 of 37 episodes reached 500"));
    EXPECT_THAT(error.what(), testing::HasSubstr("--max-attempts"));
  }
}

TEST(FilteredCollection, AFailureLeavesTheEpisodesThatWereGoodEnough) {
  Stream stream(DeviceId{});
  const auto task = make_task("cartpole");
  int calls = 0, fails_at = 0;
  FunctionActor actor(*task, [&](std::span<const float> observation) {
    if (++calls == fails_at) throw input_error("expert", "gives up");
    return observation[2] > 0.0f ? 1 : 0;
  });
  CollectOptions options;
  options.episodes = 12;
  const Demonstrations all = collect(stream, *task, actor, options);
  std::vector<double> returns = all.returns();
  std::nth_element(returns.begin(), returns.begin() + 6, returns.end());
  const double least = returns[6];
  const auto kept_before = [&](Index batch_size) {
    options.batch_size = batch_size;
    Demonstrations partial;
    calls = 0;
    EXPECT_THROW(collect_filtered(stream, *task, actor, options, {least, 0}, &partial), Error);
    return partial;
  };
  // One after the other, in the middle of episode 9: of those before, all that reach the return.
  fails_at = static_cast<int>(all.episode_ends[8]) + 10;
  std::vector<Index> expected;
  for (std::size_t i = 0; i < 9; ++i) {
    if (all.returns()[i] >= least) expected.push_back(static_cast<Index>(i));
  }
  ASSERT_GT(expected.size(), 2u);
  const Demonstrations one_by_one = kept_before(1);
  EXPECT_EQ(one_by_one.observations, all.select(expected).observations);
  EXPECT_EQ(one_by_one.episode_ends, all.select(expected).episode_ends);
  // Side by side, before the longest ends: only whole ones, even where what ran of others returned enough.
  fails_at = static_cast<int>(all.rows());
  const Demonstrations side_by_side = kept_before(12);
  EXPECT_GT(side_by_side.episodes(), 2);
  EXPECT_EQ(std::count(side_by_side.timeouts.begin(), side_by_side.timeouts.end(), 1), 0);
  for (const double value : side_by_side.returns()) EXPECT_GE(value, least);
  // The attempts may fail, too.
  fails_at = 0;
  Demonstrations partial;
  options.batch_size = 12;
  EXPECT_THROW(collect_filtered(stream, *task, actor, options, {least, 9}, &partial), Error);
  EXPECT_EQ(partial.observations, one_by_one.observations);
}

TEST(FilteredCollection, KeepsWhatReachedTheReturnWhereItFails) {
  Stream stream(DeviceId{});
  const auto task = make_task("cartpole");
  const auto random = make_random_policy(*task, 4);
  CollectOptions options;
  options.episodes = 20;
  const FilteredDemonstrations all = collect_filtered(stream, *task, *random, options, {30.0, 0});
  Demonstrations kept;
  EXPECT_THROW(collect_filtered(stream, *task, *random, options, {30.0, all.dropped + 19}, &kept), Error);
  ASSERT_EQ(kept.episodes(), 19);
  EXPECT_TRUE(std::equal(kept.observations.begin(), kept.observations.end(), all.demonstrations.observations.begin()));
  kept.validate();
  EXPECT_THROW(collect_filtered(stream, *task, *random, options, {std::nan(""), 0}), Error);
}

/// For CartPole.
Policy new_policy(DeviceId device) {
  PolicyDescription description;
  description.mlp.inputs = 4;
  description.mlp.outputs = 2;
  description.mlp.hidden = {16};
  description.discrete = true;
  return Policy(device, description, 3);
}

class SampledOnDevice : public tests::EveryDevice {};
MYNAH_ON_EVERY_DEVICE(SampledOnDevice);

TEST_P(SampledOnDevice, EpisodesDoNotDependOnEachOther) {
  const auto task = make_task("cartpole");
  Policy policy = new_policy(device_);
  PolicyActor actor(policy, *task, {true, 9});
  CollectOptions options;
  options.episodes = 12;
  const Demonstrations together = collect(policy.stream(), *task, actor, options);
  options.batch_size = 5;
  const Demonstrations apart = collect(policy.stream(), *task, actor, options);
  EXPECT_EQ(together.labels, apart.labels);
  EXPECT_EQ(together.observations, apart.observations);
  PolicyActor other(policy, *task, {true, 10});
  EXPECT_NE(collect(policy.stream(), *task, other, options).labels, apart.labels);
  // In CartPole a network that knows nothing yet is about as likely to push either way.
  const auto rights = std::count(apart.labels.begin(), apart.labels.end(), 1);
  EXPECT_GT(rights, static_cast<std::ptrdiff_t>(apart.labels.size()) / 5);
  EXPECT_LT(rights, static_cast<std::ptrdiff_t>(apart.labels.size()) * 4 / 5);
}

}  // namespace
}  // namespace mynah
