#include "algorithms/dagger.h"

#include <gmock/gmock.h>

#include <cmath>

#include "algorithms/dagger_rollout.h"
#include "algorithms/host_actor.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_session.h"
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

/// Two kinds of memory, by number; 0: none.
PolicyMemory memory_of_kind(int kind) {
  PolicyMemory memory;
  if (kind == 1) {
    memory.history = 3;
    memory.chunk = 2;
  } else if (kind == 2) {
    memory.recurrent = 6;
    memory.sequence_length = 4;
  }
  return memory;
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

/// A run that an observer keeps, and others that go on from what it has kept.
class KeptDagger {
 public:
  KeptDagger(DeviceId device, const CustomTask& task, const DaggerOptions& options, const Demonstrations* initial)
      : device_(device),
        task_(&task),
        options_(options),
        with_initial_(initial != nullptr),
        labelled_(with_initial_ ? 0 : 1) {
    FunctionActor expert(task, docking_expert);
    Dagger whole(device, task, {&expert, nullptr}, options);
    Dagger::Observer observer;
    observer.labelled = [&](Index, const Demonstrations& data) { labelled_.push_back(data); };
    observer.iteration = [&](const DaggerReport&) {
      states_.push_back(whole.save());
      return true;
    };
    whole.fit(initial, observer);
    expected_ = bits_of(whole.policy());
    data_ = whole.data();
  }

  /// From the state after `done` iterations, or none, with so many entries of data.
  void expect_to_go_on(std::ptrdiff_t done, std::ptrdiff_t kept) {
    SCOPED_TRACE(std::to_string(done) + " iterations, " + std::to_string(kept) + " files");
    ASSERT_EQ(labelled_.size(), 4u);
    Index asked = 0;
    FunctionActor counting(*task_, [&](std::span<const float> observation, std::span<float> action) {
      ++asked;
      docking_expert(observation, action);
    });
    Dagger again(device_, *task_, {&counting, nullptr}, options_);
    const std::ptrdiff_t state = with_initial_ ? done : done - 1;
    again.load(state < 0 ? nullptr : &states_[static_cast<std::size_t>(state)],
               {labelled_.begin(), labelled_.begin() + kept});
    const Dagger::Result result = again.fit(nullptr);
    EXPECT_EQ(bits_of(again.policy()), expected_);
    EXPECT_EQ(again.data().observations, data_.observations);
    EXPECT_EQ(again.data().episode_ends, data_.episode_ends);
    Index left = 0;
    for (std::ptrdiff_t i = kept; i < 4; ++i) left += labelled_[static_cast<std::size_t>(i)].rows();
    EXPECT_EQ(asked, left) << "what is labelled is not asked again";
    EXPECT_EQ(result.rows, data_.rows());
  }

 private:
  DeviceId device_;
  const CustomTask* task_;
  DaggerOptions options_;
  bool with_initial_;
  std::vector<SafetensorsFile> states_;
  std::vector<Demonstrations> labelled_;
  std::vector<std::byte> expected_;
  Demonstrations data_;
};

CustomTask short_docking_task(Index steps) {
  TaskDescription description = describe_docking();
  description.max_steps = steps;
  return CustomTask(description, [] { return std::make_unique<Docking>(); });
}

TEST_P(DaggerOn, GoesOnFromEveryIterationToTheSameBits) {
  const CustomTask task = short_docking_task(12);
  for (const bool with_initial : {false, true}) {
    DaggerOptions options = quick_options();
    options.episodes = 2;
    options.evaluation_episodes = 2;
    options.cloning.epochs = 2;
    options.warm_start = with_initial;
    options.beta = with_initial ? BetaSchedule::exponential : BetaSchedule::indicator;
    const Demonstrations initial = initial_rows(task, 20);
    KeptDagger kept(device_, task, options, with_initial ? &initial : nullptr);
    for (std::ptrdiff_t done = with_initial ? -1 : 0; done <= 3; ++done) {
      kept.expect_to_go_on(done, done + 1 + (done < 0 ? 1 : 0));
      if (done >= 0 && done < 3) kept.expect_to_go_on(done, done + 2);
    }
  }
}

TEST_P(DaggerOn, GoesOnToTheSameBitsWithALearnerThatRemembers) {
  const CustomTask task = short_docking_task(5);
  for (const int kind : {1, 2}) {
    SCOPED_TRACE("memory of kind " + std::to_string(kind));
    DaggerOptions options = quick_options();
    options.episodes = 2;
    options.evaluation_episodes = 0;
    options.updates = 3;
    options.warm_start = true;
    options.cloning.memory = memory_of_kind(kind);
    KeptDagger kept(device_, task, options, nullptr);
    kept.expect_to_go_on(1, 2);
    kept.expect_to_go_on(2, 4);
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
  observer.unfinished = [&](Index iteration, const Demonstrations& partial) {
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

/// In the second iteration, in which expert and learner act by turns.
TEST_P(DaggerOn, ALearnerActsThroughItsMemoryOfTheWholeEpisode) {
  const CustomTask task = short_docking_task(10);
  FunctionActor expert(task, docking_expert);
  for (const int kind : {1, 2}) {
    SCOPED_TRACE("memory of kind " + std::to_string(kind));
    DaggerOptions options = quick_options();
    options.iterations = 2;
    options.evaluation_episodes = 0;
    options.beta = BetaSchedule::exponential;  // half of the steps of the second iteration are the expert's
    options.cloning.memory = memory_of_kind(kind);
    options.updates = 7;
    Dagger dagger(device_, task, {&expert, nullptr}, options);
    std::optional<Policy> learner;
    std::optional<double> disagreement;
    Demonstrations second;
    Dagger::Observer observer;
    observer.labelled = [&](Index iteration, const Demonstrations& labelled) {
      if (iteration == 2) second = labelled;
    };
    observer.iteration = [&](const DaggerReport& report) {
      if (report.iteration == 1) learner.emplace(Policy::from_file(dagger.policy().to_file(), device_));
      disagreement = report.disagreement;
      EXPECT_GE(report.training.steps, 7);
      EXPECT_LT(report.training.steps, 7 + report.training.steps / report.training.epochs);
      return true;
    };
    dagger.fit(nullptr, observer);
    ASSERT_EQ(second.episodes(), 3);
    // What was executed is seen in the velocity: the expert's action or the one of a learner that has seen all.
    PolicySession session(*learner);
    double sum = 0.0;
    int learners = 0, experts = 0;
    for (Index episode = 0; episode < 3; ++episode) {
      session.begin_episode();
      const RowRange rows = second.episode(episode);
      for (auto m = static_cast<std::size_t>(rows.begin); m < static_cast<std::size_t>(rows.end); ++m) {
        float action = 0.0f;
        session.outputs(std::span(second.observations).subspan(2 * m, 2), std::span(&action, 1));
        sum += std::pow(static_cast<double>(action) - static_cast<double>(second.actions[m]), 2);
        if (static_cast<Index>(m) + 1 == rows.end) continue;
        const double executed = (second.observations[2 * m + 3] - second.observations[2 * m + 1]) / 0.2;
        const auto distance = [&](float wanted) { return std::abs(executed - std::clamp(wanted, -1.0f, 1.0f)); };
        EXPECT_LT(std::min(distance(action), distance(second.actions[m])), 1e-5) << "row " << m;
        (distance(action) < distance(second.actions[m]) ? learners : experts) += 1;
      }
    }
    EXPECT_GT(learners, 5);
    EXPECT_GT(experts, 5);
    EXPECT_NEAR(disagreement.value(), sum / static_cast<double>(second.rows()), 1e-9);
    EXPECT_EQ(dagger.data().episodes(), 6) << "in order and whole, so that windows can be made of them";
    EXPECT_EQ(dagger.data().episode(3).begin, dagger.data().rows() - second.rows());
  }
}

TEST_P(DaggerOn, ARolloutIsTheSameSideBySideAndOneByOneAlsoOfALearnerThatRemembers) {
  const CustomTask task = short_docking_task(8);
  FunctionActor expert(task, docking_expert);
  Stream stream(device_);
  for (const int kind : {1, 2}) {
    PolicyDescription description;
    description.mlp = {2, {8}, 1};
    description.memory = memory_of_kind(kind);
    Policy policy(device_, description, 3);
    PolicyActor learner(policy, task);
    MixtureOptions options;
    options.beta = 0.3;
    options.episodes = 3;
    const Demonstrations together = roll_out(policy.stream(), task, {&expert, &stream, &learner}, options);
    options.labels = 1'000'000;
    EXPECT_EQ(roll_out(policy.stream(), task, {&expert, &stream, &learner}, options).observations,
              together.observations)
        << "memory of kind " << kind;
  }
}

TEST_P(DaggerOn, AnObserverEndsARolloutAndGetsWhatWasLabelled) {
  const CustomTask task = docking_task();
  Index asked = 0;
  FunctionActor expert(task, [&](std::span<const float> observation, std::span<float> action) {
    docking_expert(observation, action);
    ++asked;
  });
  Dagger dagger(device_, task, {&expert, nullptr}, quick_options());
  int steps = 0;
  Index kept = 0;
  Dagger::Observer observer;
  observer.acting = [&](Index iteration, const std::function<Demonstrations()>& labelled) {
    EXPECT_EQ(iteration, 1);
    EXPECT_EQ(labelled().rows(), 3 * steps);
    return ++steps <= 10;
  };
  observer.labelled = [](Index, const Demonstrations&) { ADD_FAILURE() << "the rollout has no end"; };
  observer.unfinished = [&](Index, const Demonstrations& labelled) { kept = labelled.rows(); };
  const Dagger::Result result = dagger.fit(nullptr, observer);
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.queries, 0);
  EXPECT_EQ(kept, 3 * 10);
  EXPECT_EQ(asked, 3 * 10);
}

TEST_P(DaggerOn, WhatAUsersExpertThrowsLosesNothing) {
  const CustomTask task = docking_task();
  Index asked = 0;
  FunctionActor failing(task, [&](std::span<const float> observation, std::span<float> action) {
    docking_expert(observation, action);
    if (++asked > 100) throw std::out_of_range("the expert's own");
  });
  Dagger dagger(device_, task, {&failing, nullptr}, quick_options());
  Index kept = 0;
  Dagger::Observer observer;
  observer.unfinished = [&](Index, const Demonstrations& partial) { kept = partial.rows(); };
  EXPECT_THROW(dagger.fit(nullptr, observer), std::out_of_range);
  EXPECT_EQ(kept, 99) << "33 steps of three episodes";
}

TEST_P(DaggerOn, AnExpertOfObservationsIsNotAskedAgainForAnUnfinishedRollout) {
  const CustomTask task = short_docking_task(12);
  for (const Index limit : {0, 30}) {  // side by side, and one after the other
    DaggerOptions options = quick_options();
    options.steps = limit;
    options.evaluation_episodes = 0;
    Index asked = 0, fails_at = 0;
    FunctionActor expert(task, [&](std::span<const float> observation, std::span<float> action) {
      if (++asked == fails_at) throw std::out_of_range("the expert's own");
      docking_expert(observation, action);
    });
    Dagger whole(device_, task, {&expert, nullptr}, options);
    std::vector<Demonstrations> labelled(1);
    Dagger::Observer observer;
    observer.labelled = [&](Index, const Demonstrations& data) { labelled.push_back(data); };
    whole.fit(nullptr, observer);
    const Index first = labelled.at(1).rows();
    asked = 0;
    fails_at = first + 20;  // in the second iteration
    Demonstrations unfinished;
    SafetensorsFile state;
    Dagger broken(device_, task, {&expert, nullptr}, options);
    observer = {};
    observer.unfinished = [&](Index iteration, const Demonstrations& partial) {
      EXPECT_EQ(iteration, 2);
      unfinished = partial;
    };
    observer.iteration = [&](const DaggerReport&) {
      state = broken.save();
      return true;
    };
    EXPECT_THROW(broken.fit(nullptr, observer), std::out_of_range);
    ASSERT_GT(unfinished.rows(), 15);
    for (const bool by_observation : {false, true}) {
      asked = fails_at = 0;
      Dagger again(device_, task, {&expert, nullptr, by_observation}, options);
      again.load(&state, {labelled.at(0), labelled.at(1)}, unfinished);
      again.fit(nullptr);
      EXPECT_EQ(bits_of(again.policy()), bits_of(whole.policy()));
      const Index rest = whole.data().rows() - first;
      EXPECT_EQ(asked, by_observation ? rest - unfinished.rows() : rest) << "limit " << limit;
    }
  }
}

TEST_P(DaggerOn, WhatTrainingWouldRefuseIsRefusedBeforeTheExpertIsAsked) {
  const CustomTask task = docking_task();
  FunctionActor expert(task, docking_expert);
  DaggerOptions options = quick_options();
  options.cloning.mirror = Mirror::parse("-0,-1,-2", "-0");
  EXPECT_THROW(Dagger(device_, task, {&expert, nullptr}, options), Error);
  options = quick_options();
  options.validation_fraction = 1.0;
  EXPECT_THROW(Dagger(device_, task, {&expert, nullptr}, options), Error);
  options = quick_options();
  options.cloning.memory.recurrent = 4;
  options.cloning.head.kind = PolicyHead::Kind::gaussian;
  EXPECT_THROW(Dagger(device_, task, {&expert, nullptr}, options), Error);
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
