#include "algorithms/evaluation_statistics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "kernels/random_numbers.h"

namespace mynah {
namespace {

/// Random numbers of one simulated case, one after the other.
class Draws {
 public:
  explicit Draws(std::uint64_t number) : number_(number) {}
  double normal() { return random_normal(random_key(11, RandomStream::test), number_, next_++); }
  double exponential() {
    const std::uint32_t word = random_word(random_key(12, RandomStream::test), number_, next_++);
    return -std::log((static_cast<double>(word) + 0.5) / 4294967296.0);
  }
  double uniform() {
    return static_cast<double>(random_word(random_key(13, RandomStream::test), number_, next_++)) / 4294967296.0;
  }

 private:
  std::uint64_t number_;
  std::uint64_t next_ = 0;
};

using Returns = std::vector<std::vector<double>>;  // [seeds][episodes]

/// offset: what a seed adds to its returns. episode: one return without it.
Returns simulate(Draws& draws, int seeds, int episodes, const std::function<double(Draws&)>& offset,
                 const std::function<double(Draws&)>& episode) {
  Returns returns;
  for (int s = 0; s < seeds; ++s) {
    const double own = offset(draws);
    std::vector<double>& one = returns.emplace_back();
    for (int i = 0; i < episodes; ++i) one.push_back(own + episode(draws));
  }
  return returns;
}

bool covers(const Estimate& estimate, double truth) {
  return estimate.ci95[0] <= truth && truth <= estimate.ci95[1];
}

/// How returns come about, and the truth that simulation with millions of them gives.
struct Population {
  const char* name;
  std::function<double(Draws&)> offset;
  std::function<double(Draws&)> episode;
};

double nothing(Draws&) {
  return 0.0;
}
double wide_normal(Draws& d) {
  return 2.0 * d.normal();
}
/// Now and then much lower.
double minus_two_exponentials(Draws& d) {
  return -d.exponential() - d.exponential();
}
/// In clumps, as those of Pendulum-v1 by the start.
double clumped(Draws& d) {
  const double kind = d.uniform();
  if (kind < 0.2) return d.normal();
  return kind < 0.7 ? -125.0 + 5.0 * d.normal() : -250.0 + 40.0 * d.normal();
}

/// Of at most 500 steps, as those of CartPole-v1.
double at_the_limit(Draws& d) {
  const double luck = d.uniform();
  return luck < 0.7 ? 500.0 : 500.0 * d.uniform();
}

const Population normal_returns{"normal", [](Draws& d) { return d.normal(); }, wide_normal};
const Population skewed_returns{"skewed", [](Draws& d) { return 0.5 * d.normal(); }, minus_two_exponentials};
const Population clumped_returns{"clumped", [](Draws& d) { return 10.0 * d.normal(); }, clumped};
const Population one_normal{"normal", nothing, wide_normal};
const Population one_skewed{"skewed", nothing, minus_two_exponentials};
const Population one_clumped{"clumped", nothing, clumped};
const Population one_at_the_limit{"at the limit", nothing, at_the_limit};

struct Truth {
  double mean = 0.0;
  double iqm = 0.0;
};

Truth truth_of(const Population& population) {
  Draws draws(1'000'000'000);
  const Returns many = simulate(draws, 20'000, 10, population.offset, population.episode);
  const std::vector<double> values = Scores::of_seeds(many).values();
  return {mean(values), interquartile_mean(values)};
}

constexpr int cases = 2000;

TEST(EvaluationStatistics, PointEstimates) {
  const std::vector<double> nine{9.0, 1.0, 2.0, 100.0, 3.0, 4.0, -50.0, 5.0, 6.0};
  EXPECT_DOUBLE_EQ(mean(nine), 80.0 / 9.0);
  EXPECT_DOUBLE_EQ(interquartile_mean(nine), (2.0 + 3.0 + 4.0 + 5.0 + 6.0) / 5.0);
  const std::vector<double> three{1.0, 2.0, 6.0};
  EXPECT_DOUBLE_EQ(interquartile_mean(three), 3.0) << "fewer than four are all kept";
  const std::vector<double> two{2.0, 3.0};
  EXPECT_DOUBLE_EQ(probability_of_improvement(three, two), (0.0 + 0.5 + 2.0) / 6.0);
  EXPECT_DOUBLE_EQ(probability_of_improvement(two, three), 1.0 - 2.5 / 6.0);
}

TEST(EvaluationStatistics, AgreesWithRliable) {
  std::ifstream file(std::string(MYNAH_SOURCE_DIR) + "/tests/rliable/scores.json");
  const auto data = nlohmann::json::parse(file);
  // rliable's matrices are [runs][tasks]; tasks are strata, runs their samples.
  const auto scores_of = [&](const char* name, std::size_t first, std::size_t count) {
    Scores scores;
    for (std::size_t task = first; task < first + count; ++task) {
      Scores::Stratum& stratum = scores.strata.emplace_back();
      for (const auto& run : data.at(name)) stratum.push_back({run.at(task).get<double>()});
    }
    return scores;
  };
  const BootstrapOptions percentile{.resamples = 20'000, .seed = 4, .method = IntervalMethod::percentile};
  // Two bootstraps of 20,000 resamples: a quantile's standard error is about 1 % of the interval's width.
  const auto expect_near = [](const Estimate& ours, double value, const nlohmann::json& interval) {
    EXPECT_NEAR(ours.value, value, 1e-12);
    const double low = interval.at(0), high = interval.at(1);
    EXPECT_NEAR(ours.ci95[0], low, 0.04 * (high - low));
    EXPECT_NEAR(ours.ci95[1], high, 0.04 * (high - low));
  };
  for (const std::string name : {"x", "y"}) {
    const Scores scores = scores_of(name.c_str(), 0, 3);
    const auto &values = data.at(name + "_values"), &intervals = data.at(name + "_intervals");
    expect_near(estimate_mean(scores, percentile), values.at("mean"), intervals.at("mean"));
    expect_near(estimate_interquartile_mean(scores, percentile), values.at("iqm"), intervals.at("iqm"));
    expect_near(estimate_optimality_gap(scores, 1.0, percentile), values.at("optimality_gap"),
                intervals.at("optimality_gap"));
    EXPECT_NEAR(interquartile_mean(scores.values()), values.at("iqm"), 1e-12);
  }
  std::vector<Comparison> tasks;
  double sum = 0.0;
  for (std::size_t task = 0; task < 3; ++task) {
    tasks.push_back({scores_of("x", task, 1), scores_of("y", task, 1)});
    sum += probability_of_improvement(tasks.back().scores.values(), tasks.back().baseline.values());
  }
  EXPECT_NEAR(sum / 3.0, data.at("improvement"), 1e-12);
  expect_near(estimate_probability_of_improvement(tasks, percentile), data.at("improvement"),
              data.at("improvement_interval"));
}

/// 93 to 97 % of the intervals of the interquartile mean, each of which contains its estimate; with_mean: and of the
/// mean.
void expect_coverage(const Population& population, int seeds, int episodes, bool with_mean = true) {
  SCOPED_TRACE(std::string(population.name) + ", " + std::to_string(seeds) + " x " + std::to_string(episodes));
  const Truth truth = truth_of(population);
  int mean_covered = 0, iqm_covered = 0;
  for (int number = 0; number < cases; ++number) {
    Draws draws(static_cast<std::uint64_t>(number));
    const Returns returns = simulate(draws, seeds, episodes, population.offset, population.episode);
    const Scores scores = seeds > 1 ? Scores::of_seeds(returns) : Scores::of_episodes(returns);
    const BootstrapOptions options{.resamples = 600, .seed = static_cast<std::uint64_t>(number)};
    const Estimate middle = estimate_interquartile_mean(scores, options);
    ASSERT_TRUE(covers(middle, middle.value)) << number;
    iqm_covered += covers(middle, truth.iqm) ? 1 : 0;
    if (!with_mean) continue;
    const Estimate center = estimate_mean(scores, options);
    ASSERT_TRUE(covers(center, center.value)) << number;
    mean_covered += covers(center, truth.mean) ? 1 : 0;
  }
  std::printf("%s, %d x %d: interquartile mean %.1f %%", population.name, seeds, episodes, 100.0 * iqm_covered / cases);
  EXPECT_GE(iqm_covered, 0.93 * cases);
  EXPECT_LE(iqm_covered, 0.97 * cases);
  if (with_mean) {
    std::printf(", mean %.1f %%", 100.0 * mean_covered / cases);
    EXPECT_GE(mean_covered, 0.93 * cases);
    EXPECT_LE(mean_covered, 0.97 * cases);
  }
  std::printf("\n");
}

TEST(EvaluationStatistics, IntervalsOverSeedsCoverTheTruth) {
  expect_coverage(normal_returns, 5, 20);
  expect_coverage(normal_returns, 10, 20);
  expect_coverage(skewed_returns, 5, 20);
  expect_coverage(clumped_returns, 10, 20);
}

TEST(EvaluationStatistics, PercentilesOfFewSeedsAreTooShort) {
  const double truth = truth_of(normal_returns).mean;
  int covered = 0;
  for (int number = 0; number < cases; ++number) {
    Draws draws(static_cast<std::uint64_t>(number));
    const Returns returns = simulate(draws, 5, 20, normal_returns.offset, normal_returns.episode);
    const BootstrapOptions options{
        .resamples = 800, .seed = static_cast<std::uint64_t>(number), .method = IntervalMethod::percentile};
    covered += covers(estimate_mean(Scores::of_seeds(returns), options), truth) ? 1 : 0;
  }
  EXPECT_GT(covered, 0.80 * cases);
  EXPECT_LT(covered, 0.88 * cases) << "if percentiles were as good, there would be no reason for another method";
  std::printf("percentiles, normal, 5 x 20: mean %.1f %%\n", 100.0 * covered / cases);
}

TEST(EvaluationStatistics, IntervalsOverEpisodesCoverTheTruth) {
  expect_coverage(one_normal, 1, 20);
  expect_coverage(one_skewed, 1, 50);
  // Between clumps the interquartile mean moves by steps.
  expect_coverage(one_clumped, 1, 20);
  expect_coverage(one_clumped, 1, 50);
  // Most returns are one number, the limit; the mean's interval is then a little too wide, 97.1 %.
  expect_coverage(one_at_the_limit, 1, 50, false);
}

TEST(EvaluationStatistics, IntervalsOfImprovementCoverTheTruth) {
  // Returns with variance 1 + 4 about means that differ by 0.8: P(x > y) = Φ(0.8 / sqrt(10)).
  const double truth = 0.5 * std::erfc(-0.8 / std::sqrt(20.0));
  int covered = 0;
  for (int number = 0; number < cases; ++number) {
    Draws draws(static_cast<std::uint64_t>(number));
    Returns better = simulate(draws, 10, 20, normal_returns.offset, normal_returns.episode);
    for (std::vector<double>& seed : better) {
      for (double& value : seed) value += 0.8;
    }
    const Returns baseline = simulate(draws, 10, 20, normal_returns.offset, normal_returns.episode);
    const Comparison one{Scores::of_seeds(better), Scores::of_seeds(baseline)};
    const BootstrapOptions options{.resamples = 400, .seed = static_cast<std::uint64_t>(number)};
    const Estimate estimate = estimate_probability_of_improvement({&one, 1}, options);
    ASSERT_TRUE(covers(estimate, estimate.value));
    covered += covers(estimate, truth) ? 1 : 0;
  }
  EXPECT_GE(covered, 0.93 * cases);
  EXPECT_LE(covered, 0.97 * cases);
  std::printf("improvement, 10 x 20 each: %.1f %%\n", 100.0 * covered / cases);
}

TEST(EvaluationStatistics, PercentilesOfASmallSampleAreTheExactOnes) {
  const auto interval = [](const std::vector<double>& values, std::uint64_t seed) {
    return estimate_mean(Scores::of_episodes({{values}}), {.seed = seed, .method = IntervalMethod::percentile}).ci95;
  };
  // Resamples of {0, 1} (n = 2) have means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: both ends lie in the outer ones.
  EXPECT_THAT(interval({0.0, 1.0}, 1), testing::ElementsAre(0.0, 1.0));
  EXPECT_THAT(interval(std::vector<double>(30, 4.25), 1), testing::ElementsAre(4.25, 4.25));
  EXPECT_THAT(interval({-3.0}, 1), testing::ElementsAre(-3.0, -3.0));
  // n = 10 with one 1: the number of ones in a resample is binomial(10, 0.1). P(0) = 0.349, P(<= 2) = 0.930,
  // P(<= 3) = 0.987: the quantiles are 0 and 3.
  std::vector<double> ten(10, 0.0);
  ten[4] = 1.0;
  const auto of_ten = interval(ten, 5);
  EXPECT_DOUBLE_EQ(of_ten[0], 0.0);
  EXPECT_NEAR(of_ten[1], 0.3, 1e-12);
}

TEST(EvaluationStatistics, ReturnsThatHardlyDifferHaveFiniteIntervals) {
  const auto expect_within = [](const Estimate& estimate, double low, double high) {
    EXPECT_TRUE(covers(estimate, estimate.value));
    EXPECT_GE(estimate.ci95[0], low);
    EXPECT_LE(estimate.ci95[1], high);
  };
  std::vector<double> returns(20, 500.0);
  for (const Scores& scores : {Scores::of_episodes({{returns}}), Scores::of_seeds(Returns(5, returns))}) {
    expect_within(estimate_mean(scores, {}), 500.0, 500.0);
    expect_within(estimate_interquartile_mean(scores, {}), 500.0, 500.0);
  }
  returns[3] = 300.0;
  expect_within(estimate_mean(Scores::of_episodes({{returns}}), {}), 460.0, 510.0);
  const std::vector<double> one{7.0};
  expect_within(estimate_mean(Scores::of_episodes({{one}}), {}), 7.0, 7.0);
  expect_within(estimate_interquartile_mean(Scores::of_episodes({{one}}), {}), 7.0, 7.0);
  const Comparison apart{Scores::of_episodes({{returns}}), Scores::of_episodes({{one}})};
  expect_within(estimate_probability_of_improvement({&apart, 1}, {}), 1.0, 1.0);
}

TEST(EvaluationStatistics, StrataAreGivenAndSamplesAreDrawn) {
  // Three seeds far apart: what other seeds would give is unsure, what these would give is not.
  const Returns apart{{0.0, 1.0, 2.0}, {100.0, 101.0, 102.0}, {200.0, 201.0, 202.0}};
  const Estimate seeds = estimate_mean(Scores::of_seeds(apart), {.method = IntervalMethod::percentile});
  const Estimate episodes = estimate_mean(Scores::of_episodes(apart), {.method = IntervalMethod::percentile});
  EXPECT_DOUBLE_EQ(seeds.value, 101.0);
  EXPECT_DOUBLE_EQ(episodes.value, 101.0);
  EXPECT_GT(seeds.ci95[1] - seeds.ci95[0], 100.0);
  EXPECT_LT(episodes.ci95[1] - episodes.ci95[0], 2.0);
  EXPECT_EQ(estimate_mean(Scores::of_seeds(apart), {.seed = 3}).ci95,
            estimate_mean(Scores::of_seeds(apart), {.seed = 3}).ci95);
  EXPECT_NE(estimate_mean(Scores::of_episodes(apart), {.seed = 3}).ci95,
            estimate_mean(Scores::of_episodes(apart), {.seed = 4}).ci95);
}

}  // namespace
}  // namespace mynah
