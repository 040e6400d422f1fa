#include "algorithms/tasks/task.h"

#include <gmock/gmock.h>

#include <numeric>

#include "algorithms/experts.h"
#include "algorithms/rollout.h"
#include "engine/buffer.h"
#include "tests/every_device.h"

namespace mynah {
namespace {

using testing::HasSubstr;

TEST(Task, IsFoundByItsNameInAnyCaseWithItsVersionOrWithout) {
  for (const char* name : {"CartPole-v1", "cartpole", "CARTPOLE-V1"}) {
    EXPECT_EQ(make_task(name)->description().name, "CartPole-v1") << name;
  }
  EXPECT_EQ(make_task("pendulum")->description().name, "Pendulum-v1");
  EXPECT_THAT(task_names(), testing::ElementsAre("CartPole-v1", "Pendulum-v1"));
}

TEST(Task, UnknownOnesAreRefusedWithTheNamesThereAre) {
  for (const char* name : {"hoper", "CartPole-v0", "", "cartpole-v1x"}) {
    try {
      make_task(name);
      ADD_FAILURE() << name << " was found";
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_THAT(error.what(), HasSubstr(std::string("'") + name + "'"));
      EXPECT_THAT(error.what(), HasSubstr("CartPole-v1, Pendulum-v1"));
    }
  }
}

TEST(Task, DescriptionsFitThemselves) {
  for (const std::string& name : task_names()) {
    const TaskDescription d = make_task(name)->description();
    EXPECT_EQ(static_cast<Index>(d.observation_names.size()), d.observation_size);
    EXPECT_EQ(static_cast<Index>(d.action_names.size()), d.discrete ? d.action_count : d.action_size);
    EXPECT_EQ(d.discrete, d.action_count > 0);
    EXPECT_EQ(d.discrete, d.action_size == 0);
    EXPECT_EQ(d.action_low < d.action_high, !d.discrete);
    EXPECT_GT(d.max_steps, 0);
  }
}

class Rollout : public tests::EveryDevice {
 protected:
  Demonstrations record(const std::string& name, bool expert, const CollectOptions& options) {
    Stream stream(device_);
    const auto task = make_task(name);
    const auto actor = expert ? make_expert(*task) : make_random_policy(*task, options.seed);
    return collect(stream, *task, *actor, options);
  }
};

CollectOptions options_of(Index episodes, std::uint64_t seed, Index batch_size, double noise = 0.0) {
  CollectOptions options;
  options.episodes = episodes;
  options.seed = seed;
  options.batch_size = batch_size;
  options.noise = noise;
  return options;
}

TEST_P(Rollout, EpisodesDoNotDependOnTheBatchSize) {
  for (const std::string& name : task_names()) {
    for (const double noise : {0.0, 0.3}) {
      for (const bool expert : {false, true}) {
        SCOPED_TRACE(name + (expert ? " expert" : " random") + " noise " + std::to_string(noise));
        const Demonstrations together = record(name, expert, options_of(5, 7, 256, noise));
        const Demonstrations apart = record(name, expert, options_of(5, 7, 2, noise));
        EXPECT_EQ(together.observations, apart.observations);
        EXPECT_EQ(together.actions, apart.actions);
        EXPECT_EQ(together.labels, apart.labels);
        EXPECT_EQ(together.rewards, apart.rewards);
        EXPECT_EQ(together.episode_ends, apart.episode_ends);
        CollectOptions third = options_of(1, 7, 256, noise);
        third.first_episode = 3;
        const Demonstrations alone = record(name, expert, third);
        const RowRange range = together.episode(3);
        ASSERT_EQ(alone.rows(), range.size());
        const std::vector<float> part(together.observations.begin() + range.begin * together.observation_size,
                                      together.observations.begin() + range.end * together.observation_size);
        EXPECT_EQ(alone.observations, part);
      }
    }
  }
}

TEST_P(Rollout, RecordingsAreWholeDemonstrations) {
  for (const std::string& name : task_names()) {
    for (const bool expert : {false, true}) {
      SCOPED_TRACE(name);
      const Demonstrations d = record(name, expert, options_of(7, 1, 4));
      d.validate();
      EXPECT_EQ(d.episodes(), 7);
      const Index n = d.rows();
      const auto columns = static_cast<std::size_t>(d.observation_size);
      ASSERT_EQ(d.next_observations.size(), d.observations.size());
      for (Index m = 0; m < n; ++m) {
        const auto at = static_cast<std::size_t>(m);
        const bool last = d.episode(d.episode_of(m)).end == m + 1;
        EXPECT_EQ(d.terminals[at] + d.timeouts[at], last ? 1 : 0);
        if (last) continue;
        for (std::size_t c = 0; c < columns; ++c) {
          ASSERT_EQ(d.next_observations[at * columns + c], d.observations[(at + 1) * columns + c]);
        }
      }
      // An expert of the pendulum or of cartpole reaches the limit; random pushes never keep the pole up so long.
      const Index limit = make_task(name)->description().max_steps;
      EXPECT_EQ(n == 7 * limit, expert || name == "Pendulum-v1");
    }
  }
}

TEST_P(Rollout, SeedsGiveOtherEpisodes) {
  for (const std::string& name : task_names()) {
    const Demonstrations one = record(name, false, options_of(2, 1, 8));
    const Demonstrations other = record(name, false, options_of(2, 2, 8));
    EXPECT_NE(one.observations[0], other.observations[0]);
    // Episodes of one seed differ, too.
    EXPECT_NE(one.observations[0],
              one.observations[static_cast<std::size_t>(one.episode(1).begin * one.observation_size)]);
  }
}

TEST_P(Rollout, NoiseDisturbsTheEpisodeAndNotTheRecordedAction) {
  const Demonstrations quiet = record("pendulum", true, options_of(3, 5, 8));
  const Demonstrations noisy = record("pendulum", true, options_of(3, 5, 8, 0.2));
  EXPECT_NE(quiet.observations, noisy.observations);
  Stream stream(device_);
  const auto expert = make_expert(*make_task("pendulum"));
  Buffer<float> observations(stream, std::span<const float>(noisy.observations));
  Buffer<float> actions(device_, noisy.rows());
  Buffer<std::int32_t> elapsed(device_, noisy.rows());
  expert->act(stream, {{observations.data(), noisy.rows(), 3}, elapsed.view(), 0},
              {{actions.data(), noisy.rows(), 1}, {}});
  EXPECT_EQ(actions.download(stream), noisy.actions);
}

TEST_P(Rollout, FinishedRowsAreFrozen) {
  Stream stream(device_);
  const auto task = make_task("cartpole");
  constexpr Index rows = 3;
  Buffer<double> states(device_, rows * 4), returns(device_, rows);
  Buffer<float> observations(device_, rows * 4), rewards(device_, rows);
  Buffer<std::int32_t> elapsed(device_, rows), status(device_, rows);
  const kernels::EpisodeBatch batch{{states.data(), rows, 4}, {observations.data(), rows, 4},
                                    rewards.view(),           returns.view(),
                                    elapsed.view(),           status.view()};
  task->reset(stream, 0, 0, batch);
  const std::vector<std::int32_t> left(rows, 0);
  Buffer<std::int32_t> labels(stream, std::span<const std::int32_t>(left));
  const ActionBatch actions{{}, labels.view()};
  for (int i = 0; i < 50; ++i) task->step(stream, actions, batch);
  const std::vector<double> frozen = states.download(stream);
  const std::vector<float> seen = observations.download(stream);
  const std::vector<std::int32_t> steps = elapsed.download(stream);
  for (const std::int32_t s : status.download(stream)) EXPECT_EQ(s, 1);
  for (const std::int32_t s : steps) EXPECT_LT(s, 20);
  task->step(stream, actions, batch);
  EXPECT_EQ(states.download(stream), frozen);
  EXPECT_EQ(observations.download(stream), seen);
  EXPECT_EQ(elapsed.download(stream), steps);
  for (const float reward : rewards.download(stream)) EXPECT_EQ(reward, 0.0f);
  const std::vector<double> totals = returns.download(stream);
  for (std::size_t m = 0; m < totals.size(); ++m) EXPECT_EQ(totals[m], steps[m]);
}

/// Gives NaN, as a network with broken weights does.
class BrokenActor : public Actor {
 public:
  void act(Stream& stream, const ActorInput&, const ActionBatch& actions) override {
    const std::vector<float> bad(static_cast<std::size_t>(actions.values.rows),
                                 std::numeric_limits<float>::quiet_NaN());
    kernels::copy_to_device(stream, actions.values.data, bad.data(), bad.size() * sizeof(float));
    stream.synchronize();
  }
};

TEST_P(Rollout, ActionsThatAreNoNumbersAreReported) {
  Stream stream(device_);
  const auto task = make_task("pendulum");
  BrokenActor actor;
  try {
    run_episodes(stream, *task, actor, options_of(2, 0, 2));
    ADD_FAILURE() << "a return of NaN was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("Pendulum-v1', episode 0"));
  }
}

TEST_P(Rollout, OptionsThatMakeNoSenseAreRefused) {
  for (const CollectOptions& options : {options_of(0, 0, 1), options_of(1, 0, 0), options_of(1, 0, 1, 1.5),
                                        options_of(1, 0, 1, -0.1), options_of(Index{1} << 31, 0, 1)}) {
    EXPECT_THROW(record("pendulum", true, options), Error);
  }
}

MYNAH_ON_EVERY_DEVICE(Rollout);

}  // namespace
}  // namespace mynah
