#include "algorithms/evaluation_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/resampling.h"

namespace mynah {
namespace {

/// A statistic of a resample, and its standard error there.
struct Measured {
  double value = 0.0;
  double error = 0.0;
};

/// Of sorted values, at least one; linear between neighbours.
double quantile(std::span<const double> sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  if (sorted[below] == sorted[above]) return sorted[below];  // of infinities too
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> sorted_values(std::span<const Measured> resamples) {
  std::vector<double> values;
  values.reserve(resamples.size());
  for (const Measured& one : resamples) values.push_back(one.value);
  std::sort(values.begin(), values.end());
  return values;
}

Estimate percentile_interval(double value, std::span<const Measured> resamples) {
  const std::vector<double> values = sorted_values(resamples);
  return {value, {quantile(values, 0.025), quantile(values, 0.975)}};
}

/// (estimate - center) / error, where an error of 0 gives 0 or an infinity.
double studentized(const Measured& resample, double center) {
  const double distance = resample.value - center;
  // What is left of rounding in a resample without spread is not spread.
  if (resample.error > 1e-9 * std::abs(distance)) return distance / resample.error;
  if (distance == 0.0) return 0.0;
  return std::copysign(std::numeric_limits<double>::infinity(), distance);
}

Estimate studentized_interval(const Measured& whole, std::span<const Measured> resamples) {
  std::vector<double> ratios;
  ratios.reserve(resamples.size());
  for (const Measured& one : resamples) ratios.push_back(studentized(one, whole.value));
  std::sort(ratios.begin(), ratios.end());
  const double low_ratio = quantile(ratios, 0.025), high_ratio = quantile(ratios, 0.975);
  const Estimate plain = percentile_interval(whole.value, resamples);
  const double low = std::isfinite(high_ratio) ? whole.value - high_ratio * whole.error : plain.ci95[0];
  const double high = std::isfinite(low_ratio) ? whole.value - low_ratio * whole.error : plain.ci95[1];
  return {whole.value, {std::min(low, whole.value), std::max(high, whole.value)}};
}

constexpr double normal_quantile = 1.959964;  // 97.5 %

/// 97.5 % quantile of Student's distribution: Abramowitz and Stegun, 26.7.5, from 5 degrees of freedom on to 1e-3.
double student_quantile(double freedom) {
  constexpr std::array<double, 4> first{12.706205, 4.302653, 3.182446, 2.776445};
  if (freedom < 5.0) return first[static_cast<std::size_t>(freedom) - 1];
  constexpr double z = normal_quantile, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  const double n = freedom;
  return z + (z3 + z) / (4.0 * n) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n) +
         (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * n * n * n);
}

/// The interval of an interquartile mean: IntervalMethod::recommended.
Estimate widened_interval(double value, std::span<const Measured> resamples, const RankedScores& scores) {
  constexpr std::size_t enough_values = 10;
  double width = 1.0;
  if (scores.samples() < enough_values || scores.ranked().size() > scores.samples()) {
    const auto samples = static_cast<double>(scores.samples());
    const double freedom = samples - static_cast<double>(scores.strata());
    if (freedom < 1.0) return {value, {value, value}};
    width = student_quantile(freedom) * std::sqrt(samples / freedom) / normal_quantile;
  }
  const Estimate plain = percentile_interval(value, resamples);
  return {value,
          {value - width * std::max(0.0, value - plain.ci95[0]), value + width * std::max(0.0, plain.ci95[1] - value)}};
}

/// A statistic of all scores and of resamples of them.
struct Bootstrap {
  Measured whole;
  std::vector<Measured> resamples;
};

/// measure(scores, weights, totals): the statistic, with room for totals.
template <class Measure>
Bootstrap bootstrap(const RankedScores& scores, const BootstrapOptions& options, const Measure& measure) {
  const RandomKey key = random_key(options.seed, RandomStream::bootstrap);
  std::vector<double> totals(scores.samples());
  std::vector<std::uint32_t> weights = scores.all();
  Bootstrap result{measure(scores, weights, totals), {}};
  result.resamples.reserve(static_cast<std::size_t>(options.resamples));
  for (Index b = 0; b < options.resamples; ++b) {
    std::uint64_t word = 0;
    scores.draw(key, b, &word, weights);
    result.resamples.push_back(measure(scores, weights, totals));
  }
  return result;
}

Measured measure_mean(const RankedScores& scores, const std::vector<std::uint32_t>& weights,
                      std::vector<double>& totals) {
  double sum = 0.0, count = 0.0;
  for (std::size_t c = 0; c < scores.samples(); ++c) {
    sum += weights[c] * scores.sum(c);
    count += weights[c] * scores.size(c);
  }
  const double center = sum / count;
  for (std::size_t c = 0; c < scores.samples(); ++c) totals[c] = (scores.sum(c) - scores.size(c) * center) / count;
  return {center, std::sqrt(scores.variance(totals, weights))};
}

/// Without its error.
Measured measure_interquartile_mean(const RankedScores& scores, const std::vector<std::uint32_t>& weights,
                                    const std::vector<double>&) {
  std::uint64_t all = 0;
  for (const RankedScores::Value& one : scores.ranked()) all += weights[one.sample];
  const std::uint64_t cut = all / 4;
  std::uint64_t seen = 0;
  double sum = 0.0;
  for (const auto& [value, sample] : scores.ranked()) {
    const std::uint64_t before = std::max(seen, cut);
    seen += weights[sample];
    const std::uint64_t after = std::min(seen, all - cut);
    if (after > before) sum += static_cast<double>(after - before) * value;
  }
  return {sum / static_cast<double>(all - 2 * cut), 0.0};
}

double weighted_count(const RankedScores& scores, const std::vector<std::uint32_t>& weights) {
  double count = 0.0;
  for (std::size_t c = 0; c < scores.samples(); ++c) count += weights[c] * scores.size(c);
  return count;
}

/// Adds for every value of `of` the weight of what in `others` is below it, and half of what equals it, to the total of
/// its sample.
void add_ranks(const RankedScores& of, const RankedScores& others, const std::vector<std::uint32_t>& other_weights,
               std::vector<double>& totals) {
  const auto& others_ranked = others.ranked();
  std::size_t begin = 0;  // others[..begin) are below
  double below = 0.0;
  for (const auto& [value, sample] : of.ranked()) {
    for (; begin < others_ranked.size() && others_ranked[begin].value < value; ++begin) {
      below += other_weights[others_ranked[begin].sample];
    }
    double equal = 0.0;
    for (std::size_t i = begin; i < others_ranked.size() && others_ranked[i].value == value; ++i) {
      equal += other_weights[others_ranked[i].sample];
    }
    totals[sample] += below + 0.5 * equal;
  }
}

/// One task's comparison, laid out.
struct RankedComparison {
  RankedScores scores, baseline;
  std::vector<std::uint32_t> score_weights, baseline_weights;
  std::vector<double> score_totals, baseline_totals;

  explicit RankedComparison(const Comparison& comparison)
      : scores(comparison.scores),
        baseline(comparison.baseline),
        score_weights(scores.all()),
        baseline_weights(baseline.all()),
        score_totals(scores.samples()),
        baseline_totals(baseline.samples()) {}

  /// .error: the variance.
  Measured measure() {
    const double count = weighted_count(scores, score_weights);
    const double baseline_count = weighted_count(baseline, baseline_weights);
    std::fill(score_totals.begin(), score_totals.end(), 0.0);
    std::fill(baseline_totals.begin(), baseline_totals.end(), 0.0);
    add_ranks(scores, baseline, baseline_weights, score_totals);
    add_ranks(baseline, scores, score_weights, baseline_totals);
    double wins = 0.0;
    for (std::size_t c = 0; c < score_totals.size(); ++c) wins += score_weights[c] * score_totals[c];
    const double pairs = count * baseline_count;
    const double value = wins / pairs;
    for (std::size_t c = 0; c < score_totals.size(); ++c) {
      score_totals[c] = (score_totals[c] - value * scores.size(c) * baseline_count) / pairs;
    }
    for (std::size_t c = 0; c < baseline_totals.size(); ++c) {
      baseline_totals[c] = (baseline_totals[c] - (1.0 - value) * baseline.size(c) * count) / pairs;
    }
    return {value, scores.variance(score_totals, score_weights) + baseline.variance(baseline_totals, baseline_weights)};
  }
};

Measured measure_improvement(std::vector<RankedComparison>& tasks) {
  Measured all;
  for (RankedComparison& task : tasks) {
    const Measured one = task.measure();
    all.value += one.value;
    all.error += one.error;
  }
  const auto count = static_cast<double>(tasks.size());
  return {all.value / count, std::sqrt(all.error) / count};
}

}  // namespace

Scores Scores::of_seeds(std::span<const std::vector<double>> returns) {
  return {{Stratum(returns.begin(), returns.end())}};
}

Scores Scores::of_episodes(std::span<const std::vector<double>> returns) {
  Scores scores;
  for (const std::vector<double>& seed : returns) {
    Stratum& stratum = scores.strata.emplace_back();
    for (const double value : seed) stratum.push_back({value});
  }
  return scores;
}

std::vector<double> Scores::values() const {
  std::vector<double> values;
  for (const Stratum& stratum : strata) {
    for (const Sample& sample : stratum) values.insert(values.end(), sample.begin(), sample.end());
  }
  return values;
}

double mean(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double interquartile_mean(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t cut = sorted.size() / 4;
  return mean(std::span<const double>(sorted).subspan(cut, sorted.size() - 2 * cut));
}

double probability_of_improvement(std::span<const double> x, std::span<const double> y) {
  std::vector<double> sorted(y.begin(), y.end());
  std::sort(sorted.begin(), sorted.end());
  double wins = 0.0;
  for (const double value : x) {
    const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
    wins += static_cast<double>(first - sorted.begin()) + 0.5 * static_cast<double>(last - first);
  }
  return wins / (static_cast<double>(x.size()) * static_cast<double>(y.size()));
}

Estimate estimate_mean(const Scores& scores, const BootstrapOptions& options) {
  const Bootstrap drawn = bootstrap(RankedScores(scores), options, measure_mean);
  if (options.method == IntervalMethod::percentile) return percentile_interval(drawn.whole.value, drawn.resamples);
  return studentized_interval(drawn.whole, drawn.resamples);
}

Estimate estimate_interquartile_mean(const Scores& scores, const BootstrapOptions& options) {
  const RankedScores ranked(scores);
  const Bootstrap drawn = bootstrap(ranked, options, measure_interquartile_mean);
  if (options.method == IntervalMethod::percentile) return percentile_interval(drawn.whole.value, drawn.resamples);
  return widened_interval(drawn.whole.value, drawn.resamples, ranked);
}

Estimate estimate_optimality_gap(const Scores& scores, double target, const BootstrapOptions& options) {
  Scores capped = scores;
  for (Scores::Stratum& stratum : capped.strata) {
    for (Scores::Sample& sample : stratum) {
      for (double& value : sample) value = std::min(value, target);
    }
  }
  const Estimate reached = estimate_mean(capped, options);
  return {target - reached.value, {target - reached.ci95[1], target - reached.ci95[0]}};
}

Estimate estimate_probability_of_improvement(std::span<const Comparison> tasks, const BootstrapOptions& options) {
  std::vector<RankedComparison> ranked(tasks.begin(), tasks.end());
  const RandomKey key = random_key(options.seed, RandomStream::bootstrap);
  const Measured whole = measure_improvement(ranked);
  std::vector<Measured> resamples;
  resamples.reserve(static_cast<std::size_t>(options.resamples));
  for (Index b = 0; b < options.resamples; ++b) {
    std::uint64_t word = 0;
    for (RankedComparison& task : ranked) {
      task.scores.draw(key, b, &word, task.score_weights);
      task.baseline.draw(key, b, &word, task.baseline_weights);
    }
    resamples.push_back(measure_improvement(ranked));
  }
  if (options.method == IntervalMethod::percentile) return percentile_interval(whole.value, resamples);
  Estimate result = studentized_interval(whole, resamples);
  for (double& end : result.ci95) end = std::clamp(end, 0.0, 1.0);
  return result;
}

}  // namespace mynah
