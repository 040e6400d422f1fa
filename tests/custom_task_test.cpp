#include "algorithms/tasks/custom_task.h"

#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>

#include "algorithms/evaluation.h"
#include "algorithms/experts.h"
#include "algorithms/host_actor.h"
#include "algorithms/tasks/vector_task.h"
#include "engine/buffer.h"
#include "kernels/error.h"
#include "tests/docking.h"
#include "tests/every_device.h"
#include "tests/input_error_of.h"

namespace mynah::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;

CollectOptions episodes_of(Index episodes, Index batch_size, std::uint64_t seed = 3) {
  CollectOptions options;
  options.episodes = episodes;
  options.batch_size = batch_size;
  options.seed = seed;
  return options;
}

class CustomTaskOn : public EveryDevice {
 protected:
  Demonstrations record(const CustomTask& task, const CollectOptions& options) const {
    Stream stream(device_);
    FunctionActor actor(task, docking_expert);
    return collect(stream, task, actor, options);
  }

  std::string error_of(const CustomTask& task, const CollectOptions& options, Demonstrations* partial = nullptr) const {
    Stream stream(device_);
    FunctionActor actor(task, docking_expert);
    try {
      collect(stream, task, actor, options, partial);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      return error.what();
    }
    return "no error";
  }
};

TEST_P(CustomTaskOn, EpisodesDoNotDependOnTheBatchSize) {
  const CustomTask task = docking_task();
  const Demonstrations together = record(task, episodes_of(9, 256));
  const Demonstrations apart = record(task, episodes_of(9, 2));
  EXPECT_EQ(together.episodes(), 9);
  EXPECT_EQ(together.observations, apart.observations);
  EXPECT_EQ(together.next_observations, apart.next_observations);
  EXPECT_EQ(together.actions, apart.actions);
  EXPECT_EQ(together.rewards, apart.rewards);
  EXPECT_EQ(together.episode_ends, apart.episode_ends);
  EXPECT_NE(together.observations, record(task, episodes_of(9, 256, 4)).observations);
}

TEST_P(CustomTaskOn, EndsOfTheTaskAndOfTheLimitAreToldApart) {
  const Demonstrations docked = record(docking_task(), episodes_of(20, 8));
  for (const double value : docked.returns()) EXPECT_GT(value, 0.0) << "the expert docks";
  EXPECT_EQ(std::count(docked.terminals.begin(), docked.terminals.end(), 1), 20);
  TaskDescription description = describe_docking();
  description.max_steps = 5;
  const CustomTask hurried(description, [] { return std::make_unique<Docking>(); });
  const Demonstrations cut = record(hurried, episodes_of(4, 4, 1));
  for (Index i = 0; i < 4; ++i) {
    const RowRange rows = cut.episode(i);
    const auto last = static_cast<std::size_t>(rows.end - 1);
    EXPECT_LE(rows.size(), 5);
    EXPECT_EQ(cut.timeouts[last] + cut.terminals[last], 1);
    EXPECT_EQ(cut.timeouts[last] == 1, rows.size() == 5 && cut.terminals[last] == 0);
  }
  EXPECT_GT(std::count(cut.timeouts.begin(), cut.timeouts.end(), 1), 0);
}

TEST_P(CustomTaskOn, WithAFixedHorizonEveryEpisodeIsAsLong) {
  TaskDescription description = describe_docking();
  description.fixed_horizon = true;
  const CustomTask task(description, [] { return std::make_unique<Docking>(); });
  const Demonstrations fixed = record(task, episodes_of(4, 4));
  const Demonstrations plain = record(docking_task(), episodes_of(4, 4));
  EXPECT_THAT(fixed.episode_ends, testing::ElementsAre(200, 400, 600, 800));
  EXPECT_EQ(std::count(fixed.timeouts.begin(), fixed.timeouts.end(), 1), 4);
  EXPECT_EQ(fixed.returns(), plain.returns());
  const auto at = static_cast<std::size_t>(plain.episode(0).end);
  EXPECT_EQ(fixed.rewards[at], 0.0f);
  EXPECT_EQ(fixed.observations[2 * at], fixed.observations[2 * at + 2]) << "frozen";
}

TEST_P(CustomTaskOn, PoliciesAreEvaluatedInIt) {
  const CustomTask task = docking_task();
  Stream stream(device_);
  FunctionActor expert(task, docking_expert);
  const auto random = make_random_policy(task, 1);
  RolloutOptions options;
  options.episodes = 20;
  EXPECT_GT(evaluate(stream, task, expert, options).return_mean, 0.3);
  EXPECT_LT(evaluate(stream, task, *random, options).return_mean, 0.0);
}

/// Docking that fails in one way or another at step 7 of the episodes that begin on the right.
class Failing : public Docking {
 public:
  enum class How { observation, reward, large_reward, exception };
  explicit Failing(How how) : how_(how) {}

  void reset(EpisodeRandom random) override {
    Docking::reset(random);
    steps_ = 0;
    fails_ = random.uniform(-1.0, 1.0) > 0.0;
  }
  StepOutcome step(const EpisodeAction& action) override {
    ++steps_;
    StepOutcome outcome = Docking::step(action);
    if (now() && how_ == How::reward) outcome.reward = std::numeric_limits<double>::infinity();
    if (now() && how_ == How::large_reward) outcome.reward = 1e300;
    if (now() && how_ == How::exception) throw std::runtime_error("the motor is too hot");
    return outcome;
  }
  void observe(std::span<float> observation) const override {
    Docking::observe(observation);
    if (now() && how_ == How::observation) observation[1] = std::numeric_limits<float>::quiet_NaN();
  }

 private:
  bool now() const { return fails_ && steps_ == 7; }

  How how_;
  int steps_ = 0;
  bool fails_ = false;
};

CustomTask failing_task(Failing::How how) {
  return CustomTask(describe_docking(), [how] { return std::make_unique<Failing>(how); });
}

TEST_P(CustomTaskOn, WhatIsNotFiniteIsRefusedWithItsPlace) {
  const auto place = AllOf(HasSubstr("task 'Docking-v0', episode "), HasSubstr(", step 7: "));
  EXPECT_THAT(error_of(failing_task(Failing::How::observation), episodes_of(8, 8)),
              AllOf(place, HasSubstr("observation column 1 (velocity) is nan")));
  EXPECT_THAT(error_of(failing_task(Failing::How::reward), episodes_of(8, 8)),
              AllOf(place, HasSubstr("reward is inf")));
  EXPECT_THAT(error_of(failing_task(Failing::How::large_reward), episodes_of(8, 8)),
              AllOf(place, HasSubstr("reward is 1e+300")));
  EXPECT_THAT(error_of(failing_task(Failing::How::exception), episodes_of(8, 8)),
              AllOf(place, HasSubstr("the motor is too hot")));
}

TEST_P(CustomTaskOn, WhatWasRecordedBeforeAFailureIsKept) {
  for (const Index batch_size : {1, 8}) {
    Demonstrations partial;
    const std::string error = error_of(failing_task(Failing::How::observation), episodes_of(8, batch_size), &partial);
    EXPECT_THAT(error, HasSubstr("step 7"));
    ASSERT_GT(partial.rows(), 5) << error;
    partial.validate();
    const Demonstrations whole = record(docking_task(), episodes_of(8, batch_size));
    const RowRange first = partial.episode(0);
    for (Index i = 0; i < first.end * 2; ++i) {
      ASSERT_EQ(partial.observations[static_cast<std::size_t>(i)], whole.observations[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(partial.episode(partial.episodes() - 1).size(), 6) << "the steps before the one that failed";
  }
}

TEST_P(CustomTaskOn, ActionsThatAreNoneAreRefused) {
  const CustomTask task = docking_task();
  Stream stream(device_);
  FunctionActor lost(task, [](std::span<const float>, std::span<float> action) {
    action[0] = std::numeric_limits<float>::quiet_NaN();
  });
  try {
    collect(stream, task, lost, episodes_of(2, 2));
    ADD_FAILURE() << "an action that is NaN was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("task 'Docking-v0', episode 0, step 1: action column 0 is NaN"));
  }
}

TEST_P(CustomTaskOn, TwoBatchesAreNotMixedUp) {
  const CustomTask task = docking_task();
  Stream stream(device_);
  Buffer<double> states(device_, 2), returns(device_, 2);
  Buffer<float> observations(device_, 2), rewards(device_, 1), actions(stream, std::vector<float>{0.5f});
  Buffer<std::int32_t> elapsed(device_, 1), status(device_, 1);
  const kernels::EpisodeBatch batch{{states.data(), 1, 2}, {observations.data(), 1, 2},
                                    rewards.view(),        {returns.data(), 1},
                                    elapsed.view(),        status.view()};
  task.reset(stream, 1, 0, batch);
  const ActionBatch action{{actions.data(), 1, 1}, {}};
  task.step(stream, action, batch);
  EXPECT_EQ(elapsed.download(stream)[0], 1);
  record(task, episodes_of(1, 1));
  EXPECT_THROW(task.step(stream, action, batch), Error);
}

TEST(CustomTask, CopiesStartAgainByThemselvesWhateverTheirNumber) {
  Stream stream{DeviceId{}};
  const CustomTask task = docking_task(), alone = docking_task();
  FunctionActor expert(task, docking_expert);
  VectorTask three(stream, task, {.copies = 3, .seed = 5});
  VectorTask second(stream, alone, {.copies = 1, .seed = 5, .first_copy = 1});
  for (int step = 0; step < 400; ++step) {
    for (VectorTask* copies : {&three, &second}) {
      expert.act(stream, {copies->observations(), copies->elapsed(), 0, {}}, copies->actions());
      copies->step();
    }
    ASSERT_EQ(three.observations().row(1).data[0], second.observations().row(0).data[0]) << step;
    ASSERT_EQ(three.next_observations().row(1).data[1], second.next_observations().row(0).data[1]) << step;
    ASSERT_EQ(three.rewards().data[1], second.rewards().data[0]) << step;
  }
  for (Index m = 0; m < 3; ++m) {
    EXPECT_GE(three.numbers().data[m], 2);
    EXPECT_GT(three.last_returns().data[m], 0.0) << "the expert docks";
    EXPECT_GT(three.last_lengths().data[m], 0);
  }
}

TEST(CustomTask, DescriptionsThatDoNotFitThemselvesAreRefused) {
  const auto error_of = [](const std::function<void(TaskDescription&)>& change) -> std::string {
    TaskDescription description = describe_docking();
    change(description);
    try {
      CustomTask(description, [] { return std::make_unique<Docking>(); });
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of([](TaskDescription&) {}), "no error");
  EXPECT_THAT(error_of([](auto& d) { d.name.clear(); }), HasSubstr("no name"));
  EXPECT_THAT(error_of([](auto& d) { d.observation_size = 0; }), HasSubstr("no observation"));
  EXPECT_THAT(error_of([](auto& d) { d.max_steps = 0; }), HasSubstr("max_steps"));
  EXPECT_THAT(error_of([](auto& d) { d.max_steps = Index{1} << 40; }), HasSubstr("max_steps"));
  EXPECT_THAT(error_of([](auto& d) { d.action_size = 0; }), HasSubstr("action_count"));
  EXPECT_THAT(error_of([](auto& d) { d.action_count = 2; }), HasSubstr("action_count"));
  EXPECT_THAT(error_of([](auto& d) { d.action_high = -1.0f; }), HasSubstr("bounds"));
  EXPECT_THAT(error_of([](auto& d) { d.observation_names = {"x"}; }), HasSubstr("names"));
}

TEST(CustomTask, FunctionsThatAreNoneAreRefused) {
  Stream stream{DeviceId{}};
  EXPECT_THAT(tests::input_error_of([] { CustomTask(describe_docking(), nullptr); }),
              HasSubstr("no function that makes"));
  const CustomTask none(describe_docking(), [] { return std::unique_ptr<Environment>(); });
  EXPECT_THAT(tests::input_error_of([&] { VectorTask(stream, none, {.copies = 2}); }),
              HasSubstr("no environment was made"));
  const CustomTask broken(describe_docking(),
                          []() -> std::unique_ptr<Environment> { throw std::runtime_error("no licence"); });
  EXPECT_THAT(tests::input_error_of([&] { VectorTask(stream, broken, {.copies = 2}); }),
              HasSubstr("failed: no licence"));
  const CustomTask docking = docking_task();
  EXPECT_THAT(tests::input_error_of([&] { FunctionActor(docking, FunctionActor::Continuous()); }),
              HasSubstr("no function"));
  const auto cartpole = make_task("cartpole");
  for (const std::int32_t wrong : {-1, 2}) {
    FunctionActor actor(*cartpole, [wrong](std::span<const float>) { return wrong; });
    EXPECT_THAT(tests::input_error_of([&] { collect(stream, *cartpole, actor, episodes_of(1, 1)); }),
                HasSubstr("gave class " + std::to_string(wrong) + ", and there are 0 to 1"));
  }
}

TEST(EpisodeRandom, NumbersAreThoseOfTheEpisode) {
  const RandomKey key = random_key(1, RandomStream::task);
  EpisodeRandom first(key, 5), again(key, 5), other(key, 6);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < 4000; ++i) {
    const double x = first.uniform(2.0, 4.0);
    EXPECT_EQ(x, again.uniform(2.0, 4.0));
    EXPECT_TRUE(x >= 2.0 && x < 4.0);
    const double z = other.normal();
    sum += z;
    squares += z * z;
  }
  EXPECT_NE(EpisodeRandom(key, 5).word(), EpisodeRandom(key, 6).word());
  EXPECT_NEAR(sum / 4000, 0.0, 0.06);
  EXPECT_NEAR(squares / 4000, 1.0, 0.09);
}

MYNAH_ON_EVERY_DEVICE(CustomTaskOn);

}  // namespace
}  // namespace mynah::tests
