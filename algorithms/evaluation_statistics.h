#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// Statistics of scores (returns, as they are or normalised), after Agarwal, Schwarzer, Castro, Courville and
/// Bellemare, "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021, and their library
/// rliable.

/// The scores of one algorithm, and how they came about, which says what a bootstrap draws anew:
///
///   strata [S]    what is given, such as tasks: every resample has as many samples of a stratum as there are
///   samples [k]   what was drawn independently of each other, from the stratum: a seed, or an episode
///   values [n]    the scores of one sample, kept together: the episodes of that seed, or the one episode
///
/// Every stratum has a sample, every sample a value.
struct Scores {
  using Sample = std::vector<double>;
  using Stratum = std::vector<Sample>;
  std::vector<Stratum> strata;

  /// Seeds are drawn, with all their episodes: what other seeds would score. returns [seeds][episodes]
  static Scores of_seeds(std::span<const std::vector<double>> returns);
  /// Seeds are given, their episodes are drawn: what these very policies would score. returns [seeds][episodes]
  static Scores of_episodes(std::span<const std::vector<double>> returns);

  /// Every value, in order.
  std::vector<double> values() const;
};

/// How an interval comes from resamples b with estimates θ_b.
enum class IntervalMethod {
  /// The one below that covers the truth most nearly 95 times in 100 for the statistic at hand, also for 5 to 10 seeds
  /// of 20 episodes (tests/evaluation_statistics_test.cpp). It always contains θ, and a probability stays in [0, 1].
  ///
  ///   mean, optimality gap, probability of improvement: bootstrap-t (Efron and Tibshirani, "An introduction to the
  ///   bootstrap", 1993, section 12.5): quantiles t of (θ_b - θ) / σ_b give [θ - t_97.5 σ, θ - t_2.5 σ]. An end whose
  ///   quantile is not finite, as happens when returns hardly differ, is that of `percentile`.
  ///
  ///   interquartile mean: the quantiles q of θ_b, widened, [θ - w (θ - q_2.5), θ + w (q_97.5 - θ)]. Its own standard
  ///   error is too unsteady for bootstrap-t where returns come in clumps, as Pendulum's do; and where these are not
  ///   alike on both sides, a symmetric interval covers too much.
  ///     Samples of several values, as seeds have, vary as means do: w = t_ν sqrt(K / ν) / t_∞, with Student's 97.5 %
  ///     quantile t_ν for ν = K - S degrees of freedom, K samples in S strata. So do fewer than 10 single values.
  ///     10 or more samples of one value: w = 1. Their interquartile mean varies as the quartiles do, and percentiles
  ///     of
  ///     a quantile are nearly its exact interval, the order statistics by binomial probabilities (Efron, "The
  ///     jackknife, the bootstrap and other resampling plans", 1982, chapter 10, of the median).
  recommended,
  /// Quantiles of θ_b, as rliable has it: too short for few samples (of 5 seeds about 85 % instead of 95 %).
  percentile,
};

struct BootstrapOptions {
  Index resamples = 10'000;
  std::uint64_t seed = 0;  ///< Draws come from random_key(seed, RandomStream::bootstrap) alone.
  IntervalMethod method = IntervalMethod::recommended;
};

/// A statistic with its 95 % interval.
struct Estimate {
  double value = 0.0;
  std::array<double, 2> ci95{};
};

/// Of all values, pooled. At least one.
double mean(std::span<const double> values);
/// Mean of what is left when floor(n / 4) values are cut off at both ends: robust as the median, but with less
/// variance.
double interquartile_mean(std::span<const double> values);
/// P(x > y) + P(x = y) / 2 over all pairs: the Mann-Whitney U statistic divided by the number of pairs.
double probability_of_improvement(std::span<const double> x, std::span<const double> y);

/// Standard errors of bootstrap-t are the delta method's: with influence φ_i of value i and totals t_c = Σ φ_i / N over
/// the values of sample c, σ² = Σ_strata k / (k - 1) Σ_c (t_c - mean of t)².
///
///   mean                        φ_i = x_i - mean
///   probability of improvement  φ of a score: the share of the baseline below it; of a baseline's: the share above it
Estimate estimate_mean(const Scores& scores, const BootstrapOptions& options);
Estimate estimate_interquartile_mean(const Scores& scores, const BootstrapOptions& options);
/// How far scores stay below `target` on average, more than it counting as it: target - mean of min(score, target).
Estimate estimate_optimality_gap(const Scores& scores, double target, const BootstrapOptions& options);

/// Scores of two algorithms in one task.
struct Comparison {
  Scores scores;
  Scores baseline;
};
/// How probably a score of the one is better than one of the baseline, averaged over tasks (at least one).
Estimate estimate_probability_of_improvement(std::span<const Comparison> tasks, const BootstrapOptions& options);

}  // namespace mynah
