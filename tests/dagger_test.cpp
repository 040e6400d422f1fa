#include "algorithms/dagger.h"

#include <gmock/gmock.h>

#include <cmath>

#include "algorithms/dagger_rollout.h"
#include "algorithms/host_actor.h"
#include "kernels/error.h"
#include "tests/docking.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

DaggerOptions quick_options() {
  DaggerOptions options;
  options.iterations = 3;
  options.episodes = 3;
  options.evaluation_episodes = 4;
  options.cloning.hidden = {16};
  options.cloning.epochs = 5;
  options.cloning.seed = 5;
  return options;
}

/// The bits of a policy.
std::vector<std::byte> bits_of(Policy& policy) {
  return serialize_safetensors(policy.to_file());
}

class DaggerOn : public EveryDevice {
 protected:
  Demonstrations initial_rows(const CustomTask& task, Index rows) {
    Stream stream(device_);
    FunctionActor expert(task, docking_expert);
    CollectOptions options;
    options.episodes = 5;
    return collect(stream, task, expert, options).consecutive_rows(0, rows);
  }
};

TEST_P(DaggerOn, EveryVisitedStateIsLabelledByTheExpert) {
  const CustomTask task = docking_task();
  FunctionActor expert(task, docking_expert);
  Dagger dagger(device_, task, {&expert, nullptr}, quick_options());
  std::vector<DaggerReport> reports;
  Index labelled_rows = 0;
  Dagger::Observer observer;
  observer.labelled = [&](Index, const Demonstrations& labelled) {
    labelled.validate();
    labelled_rows += labelled.rows();
    EXPECT_EQ(labelled.episodes(), 3);
  };
  observer.iteration = [&](const DaggerReport& report) {
    reports.push_back(report);
    return true;
  };
  const Dagger::Result result = dagger.fit(nullptr, observer);
  EXPECT_EQ(result.iterations, 3);
  EXPECT_EQ(result.queries, labelled_rows);
  EXPECT_EQ(result.rows, labelled_rows);
  EXPECT_FALSE(result.interrupted);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].beta, 1.0);
  EXPECT_EQ(reports[1].beta, 0.0);
  EXPECT_FALSE(reports[0].disagreement.has_value()) << "there was no learner";
  EXPECT_TRUE(reports[1].disagreement.has_value());
  EXPECT_GT(reports[0].rollout_return.value(), 0.0) << "the expert acted alone";
  const Demonstrations& data = dagger.data();
  for (std::size_t m = 0; m < static_cast<std::size_t>(data.rows()); ++m) {
    float action = 0.0f;
    docking_expert(std::span(data.observations).subspan(2 * m, 2), std::span(&action, 1));
    ASSERT_EQ(data.actions[m], action);
  }
}

TEST_P(DaggerOn, GoesOnFromEveryIterationToTheSameBits) {
  TaskDescription description = describe_docking();
  description.max_steps = 12;
  const CustomTask task(description, [] { return std::make_unique<Docking>(); });
  FunctionActor expert(task, docking_expert);
  for (const bool with_initial : {false, true}) {
    DaggerOptions options = quick_options();
    options.episodes = 2;
    options.evaluation_episodes = 2;
    options.cloning.epochs = 2;
    options.warm_start = with_initial;
    options.beta = with_initial ? BetaSchedule::exponential : BetaSchedule::indicator;
    const Demonstrations initial = initial_rows(task, 20);
    Dagger whole(device_, task, {&expert, nullptr}, options);
    std::vector<SafetensorsFile> states;
    std::vector<Demonstrations> labelled(with_initial ? 0 : 1);
    Dagger::Observer observer;
    observer.labelled = [&](Index, const Demonstrations& data) { labelled.push_back(data); };
    observer.iteration = [&](const DaggerReport&) {
      states.push_back(whole.save());
      return true;
    };
    whole.fit(with_initial ? &initial : nullptr, observer);
    ASSERT_EQ(labelled.size(), 4u);
    const std::vector<std::byte> expected = bits_of(whole.policy());
    // `kept` entries of data are there; the state is that after `done` iterations, or none.
    const auto resume = [&](std::ptrdiff_t done, std::ptrdiff_t kept) {
      SCOPED_TRACE(std::to_string(done) + " iterations, " + std::to_string(kept) + " files");
      Index asked = 0;
      FunctionActor counting(task, [&](std::span<const float> observation, std::span<float> action) {
        ++asked;
        docking_expert(observation, action);
      });
      Dagger again(device_, task, {&counting, nullptr}, options);
      const std::ptrdiff_t state = with_initial ? done : done - 1;
      again.load(state < 0 ? nullptr : &states[static_cast<std::size_t>(state)],
                 {labelled.begin(), labelled.begin() + kept});
      const Dagger::Result result = again.fit(nullptr);
      EXPECT_EQ(bits_of(again.policy()), expected);
      EXPECT_EQ(again.data().observations, whole.data().observations);
      Index left = 0;
      for (std::ptrdiff_t i = kept; i < 4; ++i) left += labelled[static_cast<std::size_t>(i)].rows();
      EXPECT_EQ(asked, left) << "what is labelled is not asked again";
      EXPECT_EQ(result.rows, whole.data().rows());
    };
    for (std::ptrdiff_t done = with_initial ? -1 : 0; done <= 3; ++done) {
      resume(done, done + 1 + (done < 0 ? 1 : 0));
      if (done >= 0 && done < 3) resume(done, done + 2);
    }
  }
}

TEST_P(DaggerOn, LimitsOfLabelsAreMetExactly) {
  const CustomTask task = docking_task();
  FunctionActor expert(task, docking_expert);
  DaggerOptions options = quick_options();
  options.iterations = 10;
  options.steps = 25;
  options.queries = 70;
  const Demonstrations initial = initial_rows(task, 10);
  EXPECT_EQ(initial.rows(), 10);
  Dagger dagger(device_, task, {&expert, nullptr}, options);
  std::vector<Index> rows;
  Dagger::Observer observer;
  observer.iteration = [&](const DaggerReport& report) {
    rows.push_back(report.rows);
    EXPECT_EQ(report.queries, report.rows - 10);
    EXPECT_EQ(report.beta, 0.0) << "initial demonstrations stand for the expert's iteration";
    return true;
  };
  const Dagger::Result result = dagger.fit(&initial, observer);
  EXPECT_THAT(rows, testing::ElementsAre(10, 35, 60, 80));
  EXPECT_TRUE(result.budget_spent);
  EXPECT_EQ(result.queries, 70);
}

TEST_P(DaggerOn, TheMixtureIsDrawnAtEveryStep) {
  const CustomTask task = docking_task();
  FunctionActor expert(task, [](std::span<const float>, std::span<float> action) { action[0] = 0.125f; });
  FunctionActor learner(task, [](std::span<const float>, std::span<float> action) { action[0] = -0.125f; });
  Stream stream(device_);
  MixtureOptions options;
  options.beta = 0.25;
  options.episodes = 20;
  const Demonstrations labelled = roll_out(stream, task, {&expert, nullptr, &learner}, options);
  // The velocity tells who acted: it changes by ± 0.025.
  Index expert_steps = 0, steps = 0;
  for (Index e = 0; e < labelled.episodes(); ++e) {
    const RowRange range = labelled.episode(e);
    for (Index m = range.begin + 1; m < range.end; ++m) {
      const auto at = static_cast<std::size_t>(m);
      const float change = labelled.observations[2 * at + 1] - labelled.observations[2 * at - 1];
      EXPECT_NEAR(std::abs(change), 0.025f, 1e-5f);
      EXPECT_EQ(labelled.actions[at], 0.125f) << "labels are the expert's, whoever acted";
      expert_steps += change > 0 ? 1 : 0;
      ++steps;
    }
  }
  ASSERT_GT(steps, 300);
  EXPECT_NEAR(static_cast<double>(expert_steps) / static_cast<double>(steps), 0.25, 0.1);
  options.episodes = 7;
  const Demonstrations fewer = roll_out(stream, task, {&expert, nullptr, &learner}, options);
  options.labels = 1'000'000;  // one after the other
  EXPECT_EQ(roll_out(stream, task, {&expert, nullptr, &learner}, options).observations, fewer.observations);
}

TEST_P(DaggerOn, WhatTheExpertSaidBeforeItFailedIsHandedOver) {
  const CustomTask task = docking_task();
  Index asked = 0;
  FunctionActor failing(task, [&](std::span<const float> observation, std::span<float> action) {
    docking_expert(observation, action);
    if (++asked > 100) action[0] = std::nanf("");
  });
  Dagger dagger(device_, task, {&failing, nullptr}, quick_options());
  Index kept = 0;
  Dagger::Observer observer;
  observer.failed = [&](Index iteration, const Demonstrations& partial) {
    EXPECT_EQ(iteration, 1);
    partial.validate();
    kept = partial.rows();
  };
  try {
    dagger.fit(nullptr, observer);
    ADD_FAILURE() << "an action that is NaN was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("expert, task 'Docking-v0', episode"));
  }
  EXPECT_GT(kept, 90);
  EXPECT_LE(kept, 100);
}

MYNAH_ON_EVERY_DEVICE(DaggerOn);

TEST(DaggerOptions, SchedulesAreThoseOfThePaper) {
  DaggerOptions options;
  EXPECT_EQ(options.beta_of(1), 1.0);
  EXPECT_EQ(options.beta_of(2), 0.0);
  options.beta = BetaSchedule::exponential;
  options.beta_decay = 0.5;
  EXPECT_EQ(options.beta_of(1), 1.0);
  EXPECT_EQ(options.beta_of(4), 0.125);
  options.beta = BetaSchedule::linear;
  options.beta_iterations = 4;
  EXPECT_EQ(options.beta_of(1), 1.0);
  EXPECT_EQ(options.beta_of(3), 0.5);
  EXPECT_EQ(options.beta_of(5), 0.0);
  EXPECT_EQ(options.beta_of(9), 0.0);
}

TEST(Demonstrations, ConsecutiveRowsCutEpisodes) {
  Demonstrations d;
  d.observation_size = d.action_size = 1;
  for (int i = 0; i < 10; ++i) {
    d.observations.push_back(static_cast<float>(i));
    d.actions.push_back(static_cast<float>(-i));
    d.terminals.push_back(i == 3 || i == 9 ? 1 : 0);
    d.timeouts.push_back(0);
  }
  d.episode_ends = {4, 10};
  const Demonstrations middle = d.consecutive_rows(2, 5);
  EXPECT_THAT(middle.observations, testing::ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(middle.actions, testing::ElementsAre(-2, -3, -4, -5, -6));
  EXPECT_THAT(middle.episode_ends, testing::ElementsAre(2, 5));
  EXPECT_THAT(middle.timeouts, testing::ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(d.consecutive_rows(0, 4).timeouts, testing::ElementsAre(0, 0, 0, 0)) << "ends where an episode does";
  EXPECT_EQ(d.consecutive_rows(4, 0).rows(), 6);
  EXPECT_EQ(d.consecutive_rows(0, 10).episode_ends, d.episode_ends);
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 11}, {-1, 2}, {10, 0}, {2, -1}, {2, INT64_MAX}}) {
    EXPECT_THROW(d.consecutive_rows(first, count), Error) << first << " " << count;
  }
}

}  // namespace
}  // namespace mynah::tests
