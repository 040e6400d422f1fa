#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "algorithms/rollout.h"

namespace mynah {

/// How well an actor does a task.
struct EvaluationResult {
  std::string task;
  Index episodes = 0;
  std::vector<double> returns;  ///< [episodes], undiscounted.
  std::vector<Index> lengths;   ///< [episodes], steps.
  double return_mean = 0.0;
  double return_std = 0.0;  ///< Of the population: divided by the number of episodes.
  double return_min = 0.0;
  double return_max = 0.0;
  std::array<double, 2> return_ci95{};      ///< 95 % bootstrap interval of the mean: evaluation_statistics.h.
  double return_iqm = 0.0;                  ///< Interquartile mean.
  std::array<double, 2> return_iqm_ci95{};  ///< Its interval.
  std::optional<double> normalized_mean;    ///< 0: as the random policy, 1: as the expert; nothing where not known.
  std::optional<double> normalized_iqm;     ///< The same of return_iqm.
  /// Share of the episodes that the task's own rule ended, such as by leaving the road; nothing with a fixed horizon.
  std::optional<double> terminated_rate;
};

/// 0 for the random policy's return, 1 for the expert's.
double normalized(const ReferenceReturns& reference, double value);

/// Runs episodes and summarises them.
EvaluationResult evaluate(Stream& stream, const Task& task, Actor& actor, const RolloutOptions& options);

/// Summarises returns (at least one). The intervals depend on (returns, seed) alone.
EvaluationResult summarize(const TaskDescription& task, EpisodeOutcomes outcomes, std::uint64_t seed);

/// {"task", "episodes", "return_mean", "return_std", "return_min", "return_max", "return_ci95": [low, high],
/// "return_iqm", "return_iqm_ci95"} and, where known, "normalized_mean", "normalized_iqm",
/// "terminated_rate".
nlohmann::ordered_json to_json(const EvaluationResult& result);

struct NamedEvaluation {
  std::string name;
  EvaluationResult result;
};

/// A text table, one line for each, with a heading; columns aligned, a newline at the end of each line.
std::string evaluation_table(std::span<const NamedEvaluation> evaluations);

}  // namespace mynah
