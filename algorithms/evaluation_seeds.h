#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/evaluation.h"

namespace mynah {

/// How well an actor does a task from the start states of several seeds. The seeds are of start states and of what is
/// drawn, and the actor is one and the same: all their episodes are samples of one distribution. (Policies that were
/// trained with several seeds are what `compare` is for: algorithms/comparison.h.)
struct SeedsEvaluation {
  EvaluationResult all;  ///< Of the episodes of every seed, together.
  std::vector<std::uint64_t> seeds;
  std::vector<EvaluationResult> per_seed;  ///< [seeds]
};

/// outcomes [seeds]: at least one, each of at least one episode.
SeedsEvaluation summarize_seeds(const TaskDescription& task, std::span<const std::uint64_t> seeds,
                                std::vector<EpisodeOutcomes> outcomes);

/// "N": the N seeds first, first + 1, ...; "A,B,...": these. Errors: input_error naming --seeds.
std::vector<std::uint64_t> parse_seeds(const std::string& text, std::uint64_t first);

/// to_json(all), with "seeds": [...] and "per_seed": [{"seed", and what to_json says of it}, ...].
nlohmann::ordered_json to_json(const SeedsEvaluation& result);

}  // namespace mynah
