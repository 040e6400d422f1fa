#include "algorithms/comparison.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "algorithms/evaluation.h"
#include "engine/text_table.h"
#include "kernels/error.h"

namespace mynah {
namespace {

void check(std::span<const ComparedRun> runs, std::size_t baseline) {
  if (baseline >= runs.size()) {
    throw input_error("comparison", fmt::format("run {} is the baseline, of {} runs", baseline, runs.size()),
                      "name one of the runs, counted from 0");
  }
  for (const ComparedRun& run : runs) {
    if (run.returns.empty() || run.seeds.size() != run.returns.size()) {
      throw input_error("'" + run.name + "'",
                        fmt::format("has returns of {} seeds and {} names", run.returns.size(), run.seeds.size()),
                        "give returns and a name of every seed, of one or more");
    }
    const std::size_t episodes = runs[baseline].returns.front().size();
    for (const std::vector<double>& returns : run.returns) {
      if (returns.size() == episodes && episodes > 0) continue;
      throw input_error("'" + run.name + "'",
                        fmt::format("has a seed of {} episodes, and the baseline has {}", returns.size(), episodes),
                        "give as many of every seed, one or more");
    }
  }
}

Resample drawn_of(const ComparedRun& run, Resample wanted) {
  return resample_of(run.name, run.returns.size(), static_cast<Index>(run.returns.front().size()), wanted);
}

Scores scores_of(std::span<const std::vector<double>> returns, Resample resample) {
  return resample == Resample::seeds ? Scores::of_seeds(returns) : Scores::of_episodes(returns);
}

/// Normalising is linear and rises: an interval's ends stay its ends.
ReturnEstimate with_normalized(const Estimate& plain, const TaskDescription& task) {
  ReturnEstimate result{plain, {}};
  if (task.reference_returns) {
    const auto change = [&](double value) { return normalized(*task.reference_returns, value); };
    result.normalized = Estimate{change(plain.value), {change(plain.ci95[0]), change(plain.ci95[1])}};
  }
  return result;
}

Estimate optimality_gap_of(Scores scores, const ReferenceReturns& reference, const BootstrapOptions& bootstrap) {
  for (Scores::Stratum& stratum : scores.strata) {
    for (Scores::Sample& sample : stratum) {
      for (double& value : sample) value = normalized(reference, value);
    }
  }
  return estimate_optimality_gap(scores, 1.0, bootstrap);
}

SeedSummary summarize_seed(const TaskDescription& task, const std::string& policy, const std::vector<double>& returns,
                           const BootstrapOptions& bootstrap) {
  const Scores scores = Scores::of_episodes({{returns}});
  return {policy, with_normalized(estimate_mean(scores, bootstrap), task),
          with_normalized(estimate_interquartile_mean(scores, bootstrap), task)};
}

RunSummary summarize_run(const TaskDescription& task, const ComparedRun& run, Resample wanted,
                         const BootstrapOptions& bootstrap) {
  RunSummary summary;
  summary.name = run.name;
  summary.resampled = drawn_of(run, wanted);
  const Scores scores = scores_of(run.returns, summary.resampled);
  summary.mean = with_normalized(estimate_mean(scores, bootstrap), task);
  summary.iqm = with_normalized(estimate_interquartile_mean(scores, bootstrap), task);
  if (task.reference_returns) summary.optimality_gap = optimality_gap_of(scores, *task.reference_returns, bootstrap);
  for (std::size_t s = 0; s < run.returns.size(); ++s) {
    summary.seeds.push_back(summarize_seed(task, run.seeds[s], run.returns[s], bootstrap));
  }
  return summary;
}

void put(nlohmann::ordered_json& json, const std::string& name, const Estimate& estimate) {
  json[name] = estimate.value;
  json[name + "_ci95"] = {estimate.ci95[0], estimate.ci95[1]};
}

void put(nlohmann::ordered_json& json, const ReturnEstimate& mean, const ReturnEstimate& iqm) {
  put(json, "return_mean", mean.plain);
  put(json, "return_iqm", iqm.plain);
  if (mean.normalized) put(json, "normalized_mean", *mean.normalized);
  if (iqm.normalized) put(json, "normalized_iqm", *iqm.normalized);
}

const char* name_of(Resample resampled) {
  return resampled == Resample::seeds ? "seeds" : "episodes";
}

/// "value [low, high]", or "-".
std::string cell(const std::optional<Estimate>& estimate, int decimals) {
  if (!estimate) return "-";
  return fmt::format("{:.{}f} {}", estimate->value, decimals, interval_text(estimate->ci95, decimals));
}

std::string seed_table(const RunSummary& run) {
  TextTable table({"seeds of " + run.name, "mean", "IQM", "normalized mean"});
  for (const SeedSummary& seed : run.seeds) {
    table.add({seed.policy, cell(seed.mean.plain, 2), cell(seed.iqm.plain, 2), cell(seed.mean.normalized, 3)});
  }
  return table.text();
}

}  // namespace

Resample resample_of(const std::string& run, std::size_t seeds, Index episodes, Resample wanted) {
  if (wanted == Resample::seeds && seeds > 1 && seeds < least_seeds) {
    throw input_error("--resample seeds",
                      fmt::format("'{}' has {} seeds, and an interval over seeds needs {}", run, seeds, least_seeds),
                      "train more seeds, or ask for --resample episodes");
  }
  const bool over_seeds = wanted != Resample::episodes && seeds >= least_seeds;
  if (!over_seeds && episodes < 2) {
    throw input_error("--episodes", fmt::format("one episode of '{}' says nothing of the spread of returns", run),
                      "ask for 2 or more, better 20");
  }
  return over_seeds ? Resample::seeds : Resample::episodes;
}

ComparisonResult compare(const TaskDescription& task, std::span<const ComparedRun> runs, std::size_t baseline,
                         const ComparisonOptions& options) {
  check(runs, baseline);
  const BootstrapOptions bootstrap{.resamples = options.resamples, .seed = options.seed};
  ComparisonResult result;
  result.task = task.text();
  result.baseline = runs[baseline].name;
  result.episodes = static_cast<Index>(runs[baseline].returns.front().size());
  const Comparison against{{}, scores_of(runs[baseline].returns, drawn_of(runs[baseline], options.resample))};
  for (std::size_t r = 0; r < runs.size(); ++r) {
    RunSummary& summary = result.runs.emplace_back(summarize_run(task, runs[r], options.resample, bootstrap));
    summary.baseline = r == baseline;
    if (summary.baseline) continue;
    Comparison comparison = against;
    comparison.scores = scores_of(runs[r].returns, summary.resampled);
    summary.improvement = estimate_probability_of_improvement({&comparison, 1}, bootstrap);
  }
  return result;
}

nlohmann::ordered_json to_json(const ComparisonResult& result) {
  nlohmann::ordered_json json;
  json["task"] = result.task;
  json["baseline"] = result.baseline;
  json["episodes"] = result.episodes;
  json["runs"] = nlohmann::ordered_json::object();
  for (const RunSummary& run : result.runs) {
    nlohmann::ordered_json& one = json["runs"][run.name];
    one["seeds"] = run.seeds.size();
    one["resampled"] = name_of(run.resampled);
    put(one, run.mean, run.iqm);
    if (run.optimality_gap) put(one, "optimality_gap", *run.optimality_gap);
    if (run.improvement) put(one, "probability_of_improvement", *run.improvement);
    one["per_seed"] = nlohmann::ordered_json::array();
    for (const SeedSummary& seed : run.seeds) {
      nlohmann::ordered_json line{{"policy", seed.policy}};
      put(line, seed.mean, seed.iqm);
      one["per_seed"].push_back(std::move(line));
    }
  }
  return json;
}

std::string comparison_table(const ComparisonResult& result) {
  TextTable table({"run", "seeds", "mean", "IQM", "normalized mean", "normalized IQM", "optimality gap",
                   "better than " + result.baseline, "drawn"});
  std::string seeds;
  for (const RunSummary& run : result.runs) {
    table.add({run.name, std::to_string(run.seeds.size()), cell(run.mean.plain, 2), cell(run.iqm.plain, 2),
               cell(run.mean.normalized, 3), cell(run.iqm.normalized, 3), cell(run.optimality_gap, 3),
               cell(run.improvement, 3), name_of(run.resampled)});
    if (run.seeds.size() > 1) seeds += "\n" + seed_table(run);
  }
  return table.text() + seeds +
         fmt::format(
             "\n{}, {} episodes of every seed, 95 % bootstrap intervals. Drawn are seeds (from {} on: what other "
             "seeds\nwould give) or episodes (what these very policies would give).\n",
             result.task, result.episodes, least_seeds);
}

}  // namespace mynah
