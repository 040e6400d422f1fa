#include "algorithms/evaluation.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "algorithms/experts.h"

namespace mynah {
namespace {

EpisodeOutcomes outcomes_of(std::vector<double> returns) {
  EpisodeOutcomes outcomes;
  outcomes.lengths.assign(returns.size(), 10);
  outcomes.terminated.assign(returns.size(), 0);
  outcomes.returns = std::move(returns);
  return outcomes;
}

TaskDescription plain_task() {
  TaskDescription task;
  task.name = "Plain-v0";
  return task;
}

TEST(Evaluation, StatisticsAreThoseOfTheReturns) {
  TaskDescription task = plain_task();
  task.reference_returns = ReferenceReturns{1.0, 5.0};
  const EvaluationResult result = summarize(task, outcomes_of({1.0, 2.0, 3.0, 6.0}), 0);
  EXPECT_EQ(result.episodes, 4);
  EXPECT_DOUBLE_EQ(result.return_mean, 3.0);
  EXPECT_DOUBLE_EQ(result.return_std, std::sqrt(14.0 / 4.0));
  EXPECT_EQ(result.return_min, 1.0);
  EXPECT_EQ(result.return_max, 6.0);
  EXPECT_DOUBLE_EQ(result.normalized_mean.value(), 0.5);
  EXPECT_DOUBLE_EQ(result.return_iqm, 2.5);
  EXPECT_DOUBLE_EQ(result.normalized_iqm.value(), 0.375);
  EXPECT_FALSE(summarize(plain_task(), outcomes_of({1.0}), 0).normalized_mean.has_value());
}

TEST(Evaluation, BootstrapIntervalOfALargeSampleIsThatOfTheNormalDistribution) {
  std::vector<double> values;
  for (std::uint32_t i = 0; i < 500; ++i) {
    float z[2];
    const PhiloxBlock block = philox(random_key(9, RandomStream::test), 0, i);
    unit_normals(block.x, block.y, &z[0], &z[1]);
    values.insert(values.end(), {10.0 + 2.0 * static_cast<double>(z[0]), 10.0 + 2.0 * static_cast<double>(z[1])});
  }
  const EvaluationResult result = summarize(plain_task(), outcomes_of(values), 3);
  const double half = 1.959964 * result.return_std / std::sqrt(1000.0);
  // A quantile of 10,000 resamples has a standard error of about 2 % of the half width.
  EXPECT_NEAR(result.return_ci95[0], result.return_mean - half, 0.08 * half);
  EXPECT_NEAR(result.return_ci95[1], result.return_mean + half, 0.08 * half);
  EXPECT_EQ(summarize(plain_task(), outcomes_of(values), 3).return_ci95, result.return_ci95);
  EXPECT_NE(summarize(plain_task(), outcomes_of(values), 4).return_ci95, result.return_ci95);
}

TEST(Evaluation, JsonHasTheKeysThatWerePromised) {
  TaskDescription task = plain_task();
  const auto keys = [](const nlohmann::ordered_json& json) {
    std::vector<std::string> names;
    for (const auto& item : json.items()) names.push_back(item.key());
    return names;
  };
  const auto plain = to_json(summarize(task, outcomes_of({1.0, 3.0}), 0));
  EXPECT_THAT(keys(plain),
              testing::ElementsAre("task", "episodes", "return_mean", "return_std", "return_min", "return_max",
                                   "return_ci95", "return_iqm", "return_iqm_ci95", "terminated_rate"));
  EXPECT_EQ(plain.at("task"), "Plain-v0");
  EXPECT_EQ(plain.at("episodes"), 2);
  EXPECT_EQ(plain.at("return_mean"), 2.0);
  EXPECT_EQ(plain.at("return_ci95").size(), 2u);
  task.reference_returns = ReferenceReturns{0.0, 4.0};
  const auto normalized = to_json(summarize(task, outcomes_of({1.0, 3.0}), 0));
  EXPECT_THAT(keys(normalized), testing::IsSupersetOf({"normalized_mean", "normalized_iqm"}));
  EXPECT_EQ(normalized.at("normalized_mean"), 0.5);
}

TEST(Evaluation, TerminatedRateIsTheShareOfEpisodesThatTheRuleEnded) {
  TaskDescription task = plain_task();
  EpisodeOutcomes outcomes = outcomes_of({1.0, 2.0, 3.0, 4.0});
  outcomes.terminated = {1, 0, 1, 1};
  const EvaluationResult result = summarize(task, outcomes, 0);
  EXPECT_EQ(result.terminated_rate, 0.75);
  EXPECT_EQ(to_json(result).at("terminated_rate"), 0.75);
  // With a fixed horizon no episode is ended by the rule, so that nothing can be said.
  task.fixed_horizon = true;
  const EvaluationResult fixed = summarize(task, outcomes, 0);
  EXPECT_FALSE(fixed.terminated_rate.has_value());
  EXPECT_FALSE(to_json(fixed).contains("terminated_rate"));
}

TEST(Evaluation, TableHasALineForEachPolicy) {
  TaskDescription task = plain_task();
  task.reference_returns = ReferenceReturns{0.0, 100.0};
  std::vector<NamedEvaluation> evaluations;
  evaluations.push_back({"expert", summarize(task, outcomes_of({100.0, 100.0}), 0)});
  evaluations.push_back({"a policy with a long name", summarize(task, outcomes_of({-2000.0, 50.0}), 0)});
  const std::string table = evaluation_table(evaluations);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < table.size();) {
    const std::size_t end = table.find('\n', begin);
    lines.push_back(table.substr(begin, end - begin));
    begin = end + 1;
  }
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].size(), lines[1].size());
  EXPECT_EQ(lines[1].size(), lines[2].size());
  EXPECT_THAT(lines[1], testing::HasSubstr("[100.00, 100.00]"));
  EXPECT_THAT(lines[2], testing::HasSubstr("-975.00"));
  EXPECT_THAT(lines[2], testing::EndsWith("-9.750       0.000"));
}

TEST(Evaluation, IsTheSameWheneverItRuns) {
  Stream stream(DeviceId{});
  const auto task = make_task("pendulum");
  const auto expert = make_expert(*task);
  RolloutOptions options;
  options.episodes = 30;
  options.seed = 8;
  const EvaluationResult first = evaluate(stream, *task, *expert, options);
  options.batch_size = 7;
  const EvaluationResult second = evaluate(stream, *task, *expert, options);
  EXPECT_EQ(first.returns, second.returns);
  EXPECT_EQ(first.return_ci95, second.return_ci95);
  ASSERT_EQ(first.returns.size(), 30u);
}

}  // namespace
}  // namespace mynah
