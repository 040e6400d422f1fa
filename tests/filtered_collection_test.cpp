#include "algorithms/filtered_collection.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/experts.h"
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
