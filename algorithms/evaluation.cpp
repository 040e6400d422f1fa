#include "algorithms/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace mynah {
namespace {

/// Mean of one resample: n draws with replacement.
double resample_mean(std::span<const double> values, RandomKey key, Index resample) {
  const std::uint64_t n = values.size();
  double sum = 0.0;
  for (std::uint64_t i = 0; i < n; i += 4) {
    const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(resample), static_cast<std::uint32_t>(i / 4));
    const std::uint32_t words[4] = {block.x, block.y, block.z, block.w};
    for (std::uint64_t k = 0; k < std::min<std::uint64_t>(4, n - i); ++k) sum += values[(words[k] * n) >> 32];
  }
  return sum / static_cast<double>(n);
}

/// Of sorted values, at least one; linear between neighbours.
double quantile(std::span<const double> sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double mean_of(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::array<double, 2> bootstrap_interval(std::span<const double> values, std::uint64_t seed) {
  const RandomKey key = random_key(seed, RandomStream::bootstrap);
  std::vector<double> means(static_cast<std::size_t>(bootstrap_resamples));
  for (Index i = 0; i < bootstrap_resamples; ++i) means[static_cast<std::size_t>(i)] = resample_mean(values, key, i);
  std::sort(means.begin(), means.end());
  return {quantile(means, 0.025), quantile(means, 0.975)};
}

EvaluationResult summarize(const TaskDescription& task, EpisodeOutcomes outcomes, std::uint64_t seed) {
  EvaluationResult result;
  result.task = task.text();
  result.episodes = static_cast<Index>(outcomes.returns.size());
  result.returns = std::move(outcomes.returns);
  result.lengths = std::move(outcomes.lengths);
  result.return_mean = mean_of(result.returns);
  double squares = 0.0;
  for (const double value : result.returns) squares += (value - result.return_mean) * (value - result.return_mean);
  result.return_std = std::sqrt(squares / static_cast<double>(result.episodes));
  const auto [least, most] = std::minmax_element(result.returns.begin(), result.returns.end());
  result.return_min = *least;
  result.return_max = *most;
  result.return_ci95 = bootstrap_interval(result.returns, seed);
  if (task.reference_returns) {
    const auto& [random, expert] = *task.reference_returns;
    result.normalized_mean = (result.return_mean - random) / (expert - random);
  }
  return result;
}

EvaluationResult evaluate(Stream& stream, const Task& task, Actor& actor, const RolloutOptions& options) {
  return summarize(task.description(), run_episodes(stream, task, actor, options), options.seed);
}

nlohmann::ordered_json to_json(const EvaluationResult& result) {
  nlohmann::ordered_json json;
  json["task"] = result.task;
  json["episodes"] = result.episodes;
  json["return_mean"] = result.return_mean;
  json["return_std"] = result.return_std;
  json["return_min"] = result.return_min;
  json["return_max"] = result.return_max;
  json["return_ci95"] = {result.return_ci95[0], result.return_ci95[1]};
  if (result.normalized_mean) json["normalized_mean"] = *result.normalized_mean;
  return json;
}

std::string evaluation_table(std::span<const NamedEvaluation> evaluations) {
  std::size_t width = std::string_view("policy").size();
  for (const NamedEvaluation& e : evaluations) width = std::max(width, e.name.size());
  std::string table = fmt::format("{:<{}}  {:>8}  {:>10}  {:>22}  {:>9}  {:>9}  {:>9}  {:>10}\n", "policy", width,
                                  "episodes", "return", "95 % interval", "deviation", "least", "most", "normalized");
  for (const auto& [name, r] : evaluations) {
    const std::string interval = fmt::format("[{:.2f}, {:.2f}]", r.return_ci95[0], r.return_ci95[1]);
    const std::string normalized = r.normalized_mean ? fmt::format("{:.3f}", *r.normalized_mean) : "-";
    table += fmt::format("{:<{}}  {:>8}  {:>10.2f}  {:>22}  {:>9.2f}  {:>9.2f}  {:>9.2f}  {:>10}\n", name, width,
                         r.episodes, r.return_mean, interval, r.return_std, r.return_min, r.return_max, normalized);
  }
  return table;
}

}  // namespace mynah
