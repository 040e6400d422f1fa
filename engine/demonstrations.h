#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kernels/view.h"

namespace mynah {

/// Rows [begin, end) of a data set.
struct RowRange {
  Index begin = 0;
  Index end = 0;

  constexpr Index size() const { return end - begin; }
};

/// Recorded behaviour in host memory: N transitions, the episodes one after the other in time order.
///
/// Row-major arrays; "may be empty" means the recording does not have it. Actions are continuous (`actions`) or
/// discrete
/// (`labels`), never both.
struct Demonstrations {
  Index observation_size = 0;
  Index action_size = 0;   ///< Continuous: columns of `actions`. Discrete: 0.
  Index action_count = 0;  ///< Discrete: number of classes, at least the highest label + 1. Continuous: 0.
  bool discrete = false;

  std::vector<float> observations;       ///< [N, observation_size], before the action.
  std::vector<float> actions;            ///< [N, action_size], empty when discrete.
  std::vector<std::int32_t> labels;      ///< [N] in [0, action_count), empty when continuous.
  std::vector<float> rewards;            ///< [N], may be empty.
  std::vector<float> next_observations;  ///< [N, observation_size], after the action; may be empty.
  std::vector<std::uint8_t> terminals;   ///< [N], 1 where the task ended.
  std::vector<std::uint8_t> timeouts;    ///< [N], 1 where the episode was cut by a limit; may be empty.
  std::vector<Index> episode_ends;       ///< [E], exclusive; rising, the last is N.

  std::vector<std::string> observation_names;  ///< [observation_size], may be empty.
  std::vector<std::string> action_names;       ///< Continuous: [action_size]. Discrete: [action_count]. May be empty.
  std::string source;                          ///< Where it came from, for messages: a path or a description.

  Index rows() const { return observation_size > 0 ? static_cast<Index>(observations.size()) / observation_size : 0; }
  Index episodes() const { return static_cast<Index>(episode_ends.size()); }
  /// Rows of episode `episode`, 0 <= episode < episodes().
  RowRange episode(Index episode) const;
  /// The episode that row `row` belongs to, 0 <= row < rows().
  Index episode_of(Index row) const;
  /// Undiscounted sum of the rewards of each episode, [E]; empty without rewards.
  std::vector<double> returns() const;

  ConstMatrix observation_matrix() const { return {observations.data(), rows(), observation_size}; }
  ConstMatrix action_matrix() const { return {actions.data(), discrete ? 0 : rows(), action_size}; }
  ConstLabels label_vector() const { return {labels.data(), static_cast<Index>(labels.size())}; }

  /// The given episodes, in the given order, with everything that belongs to them. Unknown episodes are an input error.
  Demonstrations select(std::span<const Index> chosen) const;

  /// Rows first ... first + count - 1, neighbours in time, with everything that belongs to them; an episode that is cut
  /// there counts as cut by a limit. count 0: all that follow. Errors: input_error where there are not so many.
  Demonstrations consecutive_rows(Index first, Index count) const;

  /// Refuses what cannot be trained on: sizes that do not fit together, no rows or episodes, episode ends that do not
  /// rise to N, labels outside [0, action_count), and NaN or infinity anywhere. The error names the source, the array,
  /// the row, the column, the episode and the step, and what to do.
  void validate() const;
  /// The part of validate() that does not look at floating-point values: what every other function here relies on.
  void validate_structure() const;
};

/// How to read a file of demonstrations.
struct LoadOptions {
  enum class Actions {
    automatic,   ///< npz: by the array's type. CSV and JSON Lines: discrete when there is one action column and every
                 ///< value is a whole number >= 0.
    discrete,    ///< Class numbers; anything else is an error.
    continuous,  ///< Real numbers.
  };
  Actions actions = Actions::automatic;
  /// Refuse NaN and infinity (Demonstrations::validate). An inspection reads them, to report all of them.
  bool require_finite = true;
  /// Most bytes of arrays that will be unpacked: a guard against decompression bombs.
  std::uint64_t max_bytes = std::uint64_t{16} << 30;
};

/// Reads demonstrations. The format follows the extension (.npz, .csv, .jsonl, .ndjson), else the first bytes.
///
///   npz          `observations actions rewards? next_observations? terminals? timeouts? episode_ends?`, or the
///   spellings
///                `obs acts rews next_obs dones`, or trajectories as the Python package `imitation` stores them
///                (`obs acts terminal indices`). Without episode_ends, episodes end where terminals or timeouts is set.
///   CSV          a header, a column `episode`, `observation_*`, `action_*` or `action`, `reward`, `terminal`,
///   `timeout` JSON Lines   a step per line {"episode", "observation", "action", "reward", "terminal", "timeout"}, or
///   an episode per
///                line {"observations", "actions", "rewards", "terminal" or "terminals", "next_observations"}
///
/// Every defect is an input Error that names the file, the place in it and a remedy.
Demonstrations load_demonstrations(const std::filesystem::path& path, const LoadOptions& options = {});

/// Writes `demonstrations` as npz in mynah's own layout (README, "Data"), atomically, after validate_structure().
/// Labels go out as int64 with the scalar `action_count`; names as `observation_names` and `action_names`.
void save_demonstrations(const std::filesystem::path& path, const Demonstrations& demonstrations);

}  // namespace mynah
