#include "algorithms/comparison.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace mynah {
namespace {

TaskDescription known_task() {
  TaskDescription task;
  task.name = "Plain-v0";
  task.reference_returns = ReferenceReturns{100.0, 300.0};
  return task;
}

/// Seed s returns center + 10 s, its episodes -1, 0, 1, 2, ... beside it.
ComparedRun run_of(const std::string& name, int seeds, int episodes, double center) {
  ComparedRun run;
  run.name = name;
  for (int s = 0; s < seeds; ++s) {
    run.seeds.push_back(name + "/" + std::to_string(s));
    std::vector<double>& returns = run.returns.emplace_back();
    for (int i = 0; i < episodes; ++i) returns.push_back(center + 10.0 * s + (i - 1.0));
  }
  return run;
}

TEST(Comparison, ReportsRunsAndSeeds) {
  const std::vector<ComparedRun> runs{run_of("old", 1, 4, 200.0), run_of("new", 5, 4, 190.0)};
  const ComparisonResult result = compare(known_task(), runs, 0, {});
  ASSERT_EQ(result.runs.size(), 2u);
  const RunSummary &old_run = result.runs[0], &new_run = result.runs[1];
  EXPECT_EQ(result.baseline, "old");
  EXPECT_TRUE(old_run.baseline);
  EXPECT_FALSE(old_run.improvement.has_value());
  EXPECT_EQ(old_run.resampled, Resample::episodes);
  EXPECT_EQ(new_run.resampled, Resample::seeds);
  EXPECT_DOUBLE_EQ(new_run.mean.plain.value, 210.5);
  EXPECT_DOUBLE_EQ(new_run.mean.normalized.value().value, 0.5525);
  EXPECT_DOUBLE_EQ(new_run.optimality_gap.value().value, 1.0 - 0.5525);
  EXPECT_DOUBLE_EQ(new_run.mean.normalized->ci95[0], (new_run.mean.plain.ci95[0] - 100.0) / 200.0);
  ASSERT_EQ(new_run.seeds.size(), 5u);
  EXPECT_EQ(new_run.seeds[2].policy, "new/2");
  EXPECT_DOUBLE_EQ(new_run.seeds[2].mean.plain.value, 210.5);
  // Seeds 2 to 4 are above every episode of the old run, seed 1 is level with it.
  EXPECT_DOUBLE_EQ(new_run.improvement.value().value, (0.0 + 0.5 + 3.0) / 5.0);

  const auto json = to_json(result);
  EXPECT_EQ(json.at("task"), "Plain-v0");
  EXPECT_FALSE(json.at("runs").at("old").contains("probability_of_improvement"));
  const auto& one = json.at("runs").at("new");
  EXPECT_EQ(one.at("resampled"), "seeds");
  EXPECT_EQ(one.at("probability_of_improvement_ci95").size(), 2u);
  EXPECT_EQ(one.at("per_seed").size(), 5u);
  EXPECT_EQ(one.at("per_seed").at(0).at("return_mean"), 190.5);
  const std::string table = comparison_table(result);
  EXPECT_THAT(table, testing::HasSubstr("better than old"));
  EXPECT_THAT(table, testing::HasSubstr("new/4"));
}

TEST(Comparison, SaysWhatIntervalsAreAbout) {
  const std::vector<ComparedRun> runs{run_of("old", 1, 4, 200.0), run_of("new", 5, 4, 190.0)};
  const auto width = [&](Resample resample) {
    const RunSummary summary = compare(known_task(), runs, 0, {.resample = resample}).runs[1];
    EXPECT_EQ(summary.resampled, resample);
    return summary.mean.plain.ci95[1] - summary.mean.plain.ci95[0];
  };
  EXPECT_GT(width(Resample::seeds), 20.0);
  EXPECT_LT(width(Resample::episodes), 5.0);
  const std::vector<ComparedRun> few{run_of("old", 1, 4, 200.0), run_of("new", 4, 4, 190.0)};
  EXPECT_EQ(compare(known_task(), few, 0, {}).runs[1].resampled, Resample::episodes);
}

TEST(Comparison, WithoutReferenceReturnsNothingIsNormalized) {
  TaskDescription task = known_task();
  task.reference_returns.reset();
  const std::vector<ComparedRun> runs{run_of("old", 1, 4, 200.0), run_of("new", 2, 4, 190.0)};
  const auto json = to_json(compare(task, runs, 0, {}));
  EXPECT_FALSE(json.at("runs").at("new").contains("normalized_mean"));
  EXPECT_FALSE(json.at("runs").at("new").contains("optimality_gap"));
  EXPECT_TRUE(json.at("runs").at("new").contains("return_iqm"));
}

TEST(Comparison, RefusesTooLittle) {
  const auto refused = [](const std::vector<ComparedRun>& runs, Resample resample) -> std::string {
    try {
      compare(known_task(), runs, 0, {.resample = resample});
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  };
  const std::vector<ComparedRun> one_episode{run_of("old", 1, 1, 200.0), run_of("new", 5, 1, 190.0)};
  EXPECT_THAT(refused(one_episode, Resample::automatic), testing::HasSubstr("one episode of 'old'"));
  const std::vector<ComparedRun> few_seeds{run_of("old", 1, 4, 200.0), run_of("new", 3, 4, 190.0)};
  EXPECT_THAT(refused(few_seeds, Resample::seeds), testing::HasSubstr("'new' has 3 seeds"));
  EXPECT_THAT(refused({}, Resample::automatic), testing::HasSubstr("run 0 is the baseline, of 0 runs"));
  const std::vector<ComparedRun> unlike{run_of("old", 1, 4, 200.0), run_of("new", 1, 3, 190.0)};
  EXPECT_THAT(refused(unlike, Resample::automatic),
              testing::HasSubstr("'new': has a seed of 3 episodes, and the baseline has 4"));
  std::vector<ComparedRun> nameless{run_of("old", 1, 4, 200.0), run_of("new", 2, 4, 190.0)};
  nameless[1].seeds.pop_back();
  EXPECT_THAT(refused(nameless, Resample::automatic), testing::HasSubstr("'new': has returns of 2 seeds and 1 names"));
}

}  // namespace
}  // namespace mynah
