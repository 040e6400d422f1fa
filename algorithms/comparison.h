#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "algorithms/evaluation_statistics.h"
#include "algorithms/tasks/task.h"

namespace mynah {

/// What is compared: one algorithm, run with one seed or several.
struct ComparedRun {
  std::string name;
  std::vector<std::string> seeds;            ///< What its policies are called, [seeds].
  std::vector<std::vector<double>> returns;  ///< [seeds][episodes], undiscounted.
};

/// What an interval of several seeds is about.
enum class Resample {
  automatic,  ///< seeds where there are least_seeds or more, else episodes.
  seeds,      ///< What other seeds would give: seeds are drawn, with their episodes.
  episodes,   ///< What these very policies would give in other episodes: episodes are drawn within each seed.
};

/// With fewer, the resampled seeds are too often one and the same for an interval.
inline constexpr std::size_t least_seeds = 5;

/// What is drawn of a run of so many seeds and so many episodes of each: Resample::seeds or episodes. A run of one seed
/// always has its episodes drawn. Errors: input_error for fewer than two episodes where episodes are drawn, and for
/// Resample::seeds with 2 to least_seeds - 1 seeds.
Resample resample_of(const std::string& run, std::size_t seeds, Index episodes, Resample wanted);

struct ComparisonOptions {
  std::uint64_t seed = 0;  ///< Of the resamples.
  Index resamples = 10'000;
  Resample resample = Resample::automatic;
};

/// A statistic of returns and, where the task knows its expert's and random policy's, normalised.
struct ReturnEstimate {
  Estimate plain;
  std::optional<Estimate> normalized;
};

struct SeedSummary {
  std::string policy;
  ReturnEstimate mean, iqm;  ///< Over its episodes.
};

struct RunSummary {
  std::string name;
  bool baseline = false;
  Resample resampled = Resample::episodes;  ///< seeds or episodes.
  ReturnEstimate mean, iqm;                 ///< Over the episodes of all seeds.
  std::optional<Estimate> optimality_gap;   ///< Of the normalised returns, to 1.
  /// How probably an episode of this run returns more than one of the baseline; nothing for the baseline itself.
  std::optional<Estimate> improvement;
  std::vector<SeedSummary> seeds;
};

struct ComparisonResult {
  std::string task;
  std::string baseline;
  Index episodes = 0;  ///< Of every seed.
  std::vector<RunSummary> runs;
};

/// Every run by itself, and beside runs[baseline]. Each seed has the same number of episodes, one or more. Errors:
/// input_error where that is not so, or a run has no seed, or not a name for each; and those of resample_of.
ComparisonResult compare(const TaskDescription& task, std::span<const ComparedRun> runs, std::size_t baseline,
                         const ComparisonOptions& options);

/// {"task", "baseline", "episodes", "runs": {NAME: {"seeds", "resampled", "return_mean", "return_mean_ci95",
/// "return_iqm", "return_iqm_ci95", where known "normalized_mean", "normalized_mean_ci95", "normalized_iqm",
/// "normalized_iqm_ci95", "optimality_gap", "optimality_gap_ci95", and for all but the baseline
/// "probability_of_improvement", "probability_of_improvement_ci95", "per_seed": [{"policy", "return_mean", ...}]}}}
nlohmann::ordered_json to_json(const ComparisonResult& result);

/// A table of the runs, one of their seeds where a run has several, and a line on what the intervals are about.
std::string comparison_table(const ComparisonResult& result);

}  // namespace mynah
