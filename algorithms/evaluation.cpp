#include "algorithms/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "algorithms/evaluation_statistics.h"
#include "engine/text_table.h"

namespace mynah {

double normalized(const ReferenceReturns& reference, double value) {
  return (value - reference.random) / (reference.expert - reference.random);
}

EvaluationResult summarize(const TaskDescription& task, EpisodeOutcomes outcomes, std::uint64_t seed) {
  EvaluationResult result;
  result.task = task.text();
  result.episodes = static_cast<Index>(outcomes.returns.size());
  result.returns = std::move(outcomes.returns);
  result.lengths = std::move(outcomes.lengths);
  const Scores scores = Scores::of_episodes({{result.returns}});
  const BootstrapOptions bootstrap{.seed = seed};
  const Estimate center = estimate_mean(scores, bootstrap);
  const Estimate middle = estimate_interquartile_mean(scores, bootstrap);
  result.return_mean = center.value;
  result.return_ci95 = center.ci95;
  result.return_iqm = middle.value;
  result.return_iqm_ci95 = middle.ci95;
  double squares = 0.0;
  for (const double value : result.returns) squares += (value - result.return_mean) * (value - result.return_mean);
  result.return_std = std::sqrt(squares / static_cast<double>(result.episodes));
  const auto [least, most] = std::minmax_element(result.returns.begin(), result.returns.end());
  result.return_min = *least;
  result.return_max = *most;
  if (!outcomes.terminated.empty() && !task.fixed_horizon) {
    const auto ended = std::accumulate(outcomes.terminated.begin(), outcomes.terminated.end(), Index{0});
    result.terminated_rate = static_cast<double>(ended) / static_cast<double>(outcomes.terminated.size());
  }
  if (task.reference_returns) {
    result.normalized_mean = normalized(*task.reference_returns, result.return_mean);
    result.normalized_iqm = normalized(*task.reference_returns, result.return_iqm);
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
  json["return_iqm"] = result.return_iqm;
  json["return_iqm_ci95"] = {result.return_iqm_ci95[0], result.return_iqm_ci95[1]};
  if (result.normalized_mean) json["normalized_mean"] = *result.normalized_mean;
  if (result.normalized_iqm) json["normalized_iqm"] = *result.normalized_iqm;
  if (result.terminated_rate) json["terminated_rate"] = *result.terminated_rate;
  return json;
}

std::string evaluation_table(std::span<const NamedEvaluation> evaluations) {
  TextTable table({"policy", "episodes", "return", "95 % interval", "IQM", "95 % interval", "deviation", "least",
                   "most", "normalized", "terminated"});
  for (const auto& [name, r] : evaluations) {
    table.add({name, std::to_string(r.episodes), fmt::format("{:.2f}", r.return_mean), interval_text(r.return_ci95, 2),
               fmt::format("{:.2f}", r.return_iqm), interval_text(r.return_iqm_ci95, 2),
               fmt::format("{:.2f}", r.return_std), fmt::format("{:.2f}", r.return_min),
               fmt::format("{:.2f}", r.return_max), r.normalized_mean ? fmt::format("{:.3f}", *r.normalized_mean) : "-",
               r.terminated_rate ? fmt::format("{:.3f}", *r.terminated_rate) : "-"});
  }
  return table.text();
}

}  // namespace mynah
