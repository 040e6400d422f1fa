#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/demonstrations.h"

namespace mynah {

/// One column of observations or actions, over all rows. NaN and infinities are counted and otherwise left out.
struct ColumnStatistics {
  std::string name;      ///< As the data set names it, else its number.
  double minimum = 0.0;  ///< NaN without a single finite value, as the next three.
  double maximum = 0.0;
  double mean = 0.0;
  double standard_deviation = 0.0;  ///< Of the population.
  bool constant = false;            ///< Every value is the same finite number.
  Index not_finite = 0;
  double at_minimum = 0.0;    ///< Fraction of rows that sit exactly at the minimum.
  double at_maximum = 0.0;    ///< Fraction of rows that sit exactly at the maximum.
  double outside_unit = 0.0;  ///< Fraction of rows outside [-1, 1].
  bool saturated = false;     ///< Not constant, and more than 1 % of rows at the minimum or at the maximum.
};

/// Mean, population standard deviation, minimum and maximum; zero when there is nothing.
struct Summary {
  double mean = 0.0;
  double standard_deviation = 0.0;
  double minimum = 0.0;
  double maximum = 0.0;
};

/// A NaN or an infinity.
struct NonFiniteValue {
  std::string array;  ///< "observations", "actions", "rewards" or "next_observations"
  Index row = 0;
  Index column = -1;  ///< -1: the array has one dimension.
  Index episode = 0;
  Index step = 0;  ///< Within the episode.
  double value = 0.0;
};

/// Episode `episode` has the same observations and actions, bit for bit, as the earlier episode `same_as`.
struct DuplicateEpisode {
  Index episode = 0;
  Index same_as = 0;
};

/// What `mynah inspect` tells about a data set.
struct Inspection {
  std::string source;
  Index rows = 0;
  Index episodes = 0;
  Index observation_size = 0;
  bool discrete = false;
  Index action_size = 0;
  Index action_count = 0;
  bool has_rewards = false;
  bool has_next_observations = false;
  Index terminals = 0;  ///< Rows with the flag set.
  Index timeouts = 0;

  Summary lengths;  ///< Steps of an episode.
  Summary returns;  ///< Undiscounted; meaningless without rewards.

  std::vector<ColumnStatistics> observations;
  std::vector<ColumnStatistics> actions;  ///< Empty when discrete.
  std::vector<Index> class_counts;        ///< Rows of each class, when discrete.
  std::vector<Index> constant_observations;
  std::vector<Index> constant_actions;
  double actions_outside_unit = 0.0;  ///< Fraction of all action values outside [-1, 1].

  Index not_finite = 0;                           ///< NaN and infinities in all arrays.
  std::vector<NonFiniteValue> not_finite_values;  ///< The first of them, at most 100.
  std::vector<Index> not_finite_episodes;         ///< All episodes that hold one: those to drop.
  Index duplicate_rows = 0;                       ///< Rows whose observation and action equal an earlier row's.
  std::vector<DuplicateEpisode> duplicate_episodes;
};

/// Looks at `demonstrations`, which have passed validate_structure(); NaN and infinities are found, not refused.
Inspection inspect(const Demonstrations& demonstrations);

/// As one JSON object, indented; numbers that are not finite become null.
std::string to_json(const Inspection& inspection);
/// For a person, several lines, ending in a line break. At most `most_columns` columns of observations are listed.
std::string to_text(const Inspection& inspection, Index most_columns = 32);

/// All but the given episodes. An unknown episode, or none left, is an input error.
Demonstrations drop_episodes(const Demonstrations& demonstrations, std::span<const Index> dropped);

}  // namespace mynah
