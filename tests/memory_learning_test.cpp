// That what a policy remembers is worth its while: clones of the same demonstrations, with a memory and without, judged
// by what they do in tasks that hide something (tests/memory_tasks.h says why they are hard). Each over 5 seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "algorithms/behaviour_cloning.h"
#include "algorithms/dagger.h"
#include "algorithms/evaluation.h"
#include "algorithms/evaluation_statistics.h"
#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "engine/split.h"
#include "tests/memory_tasks.h"

namespace mynah::tests {
namespace {

constexpr int seeds = 5;

/// Mean return of a clone with each seed, over 50 episodes that no demonstration begins as.
std::vector<double> returns_of_clones(const Task& task, const Demonstrations& demonstrations,
                                      BehaviourCloningOptions options, const std::string& name) {
  std::vector<double> means;
  for (int seed = 1; seed <= seeds; ++seed) {
    options.seed = static_cast<std::uint64_t>(seed);
    SplitOptions split_options;
    split_options.seed = options.seed;
    const DataSplit split = split_by_episode(demonstrations, split_options);
    BehaviourCloning cloning({}, demonstrations, split.train, split.validation, options);
    cloning.fit();
    PolicyActor actor(cloning.policy(), task);
    RolloutOptions episodes;
    episodes.episodes = 50;
    episodes.seed = 1000;
    means.push_back(evaluate(cloning.policy().stream(), task, actor, episodes).return_mean);
    testing::Test::RecordProperty(name + "_seed_" + std::to_string(seed), std::to_string(means.back()));
  }
  std::string text;
  for (const double mean : means) text += " " + std::to_string(mean);
  std::printf("%s, %s, mean return on seeds 1 to 5:%s\n", task.description().name.c_str(), name.c_str(), text.c_str());
  return means;
}

double least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}
double most(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

BehaviourCloningOptions small_network() {
  BehaviourCloningOptions options;
  options.hidden = {32};
  options.epochs = 40;
  options.patience = 10;
  options.learning_rate = 3e-3;
  return options;
}

/// A GRU behind the observation, in place of other memories.
void make_recurrent(BehaviourCloningOptions& options) {
  options.hidden = {64};
  options.memory = {};
  options.memory.recurrent = 24;
  options.memory.sequence_length = 64;
  options.batch_size = 8;
  options.learning_rate = 1e-2;
}

TEST(LearningWithMemory, HiddenVelocityNeedsAHistoryOrARecurrentState) {
  const HiddenVelocityTask task;
  const Demonstrations demonstrations = HiddenVelocityTask::demonstrations(100, 7);
  BehaviourCloningOptions options = small_network();
  options.hidden = {64, 64};
  options.epochs = 25;
  const auto neither = returns_of_clones(task, demonstrations, options, "neither");
  options.memory.history = 3;
  const auto history = returns_of_clones(task, demonstrations, options, "history");
  options.memory.actions = true;
  const auto actions = returns_of_clones(task, demonstrations, options, "history_with_actions");
  make_recurrent(options);
  const auto recurrent = returns_of_clones(task, demonstrations, options, "recurrent");
  EXPECT_LT(most(neither), -1200.0);
  EXPECT_GT(least(history), -300.0);
  EXPECT_GT(least(recurrent), -300.0);
  EXPECT_LT(mean(actions), mean(history) - 50.0) << "where they are not needed, last actions mislead";
}

TEST(LearningWithMemory, ALateMotorNeedsTheLastActions) {
  const CustomTask task = LateMotorTask::task();
  const Demonstrations demonstrations = LateMotorTask::demonstrations(100, 7);
  std::printf("the demonstrator, mean return: %.0f\n", mean(demonstrations.returns()));
  BehaviourCloningOptions options = small_network();
  options.hidden = {64, 64};
  const auto neither = returns_of_clones(task, demonstrations, options, "neither");
  options.memory.history = 5;
  const auto history = returns_of_clones(task, demonstrations, options, "history");
  options.memory.history = 4;
  options.memory.actions = true;
  const auto actions = returns_of_clones(task, demonstrations, options, "history_with_actions");
  EXPECT_LT(most(neither), -450.0);
  EXPECT_LT(most(history), -400.0);
  EXPECT_GT(least(actions), -380.0);
}

/// Mean return of what DAgger makes of the task's expert, over 50 episodes with other starts.
double return_of_dagger(const Task& task, const BehaviourCloningOptions& cloning, const std::string& name) {
  const auto expert = make_expert(task);
  DaggerOptions options;
  options.iterations = 4;
  options.episodes = 15;
  options.evaluation_episodes = 0;  // the last policy, so that none is chosen by its luck
  options.cloning = cloning;
  Dagger dagger({}, task, {expert.get(), nullptr}, options);
  std::string disagreements;
  Dagger::Observer observer;
  observer.iteration = [&](const DaggerReport& report) {
    if (report.disagreement) disagreements += " " + std::to_string(*report.disagreement);
    return true;
  };
  dagger.fit(nullptr, observer);
  PolicyActor actor(dagger.policy(), task);
  RolloutOptions episodes;
  episodes.episodes = 50;
  episodes.seed = 1000;
  const double mean = evaluate(dagger.policy().stream(), task, actor, episodes).return_mean;
  std::printf("%s, DAgger, %s: mean return %.1f, disagreement%s\n", task.description().name.c_str(), name.c_str(), mean,
              disagreements.c_str());
  testing::Test::RecordProperty("dagger_" + name, std::to_string(mean));
  return mean;
}

TEST(LearningWithMemory, DaggerAsksForPoliciesThatRemember) {
  const HiddenVelocityTask task;
  BehaviourCloningOptions options = small_network();
  options.hidden = {64, 64};
  const double neither = return_of_dagger(task, options, "neither");
  options.memory.history = 3;
  const double history = return_of_dagger(task, options, "history");
  options.memory.chunk = 2;
  const double chunks = return_of_dagger(task, options, "history_and_chunks");
  make_recurrent(options);
  const double recurrent = return_of_dagger(task, options, "recurrent");
  EXPECT_LT(neither, -1200.0);
  EXPECT_GT(history, -400.0);
  EXPECT_GT(chunks, -400.0);
  EXPECT_GT(recurrent, -400.0);
}

TEST(LearningWithMemory, DelayedActionsNeedChunks) {
  const HesitationTask task;
  const Demonstrations demonstrations = HesitationTask::demonstrations(40, 7);
  BehaviourCloningOptions options = small_network();
  const auto single = returns_of_clones(task, demonstrations, options, "single_actions");
  options.memory.chunk = 16;
  const auto ensemble = returns_of_clones(task, demonstrations, options, "ensemble");
  options.memory.chunk_execution = PolicyMemory::ChunkExecution::open_loop;
  const auto open_loop = returns_of_clones(task, demonstrations, options, "open_loop");
  EXPECT_LT(most(single), 0.1);
  EXPECT_GT(least(ensemble), 0.9);
  EXPECT_GT(least(open_loop), 0.9);
}

}  // namespace
}  // namespace mynah::tests
