#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/demonstrations.h"

namespace mynah {

/// How to divide demonstrations into a part to train on and parts to judge by.
struct SplitOptions {
  double validation_fraction = 0.1;  ///< Of the episodes, in [0, 1).
  double test_fraction = 0.0;        ///< Of the episodes, in [0, 1); both together below 1.
  std::uint64_t seed = 0;            ///< Which episodes go where.
  Index minimum_episodes = 5;        ///< With fewer, rows are divided in blocks instead.
};

/// Row numbers of each part, rising; every row is in exactly one. A part with fraction zero is empty.
struct DataSplit {
  std::vector<std::int32_t> train;
  std::vector<std::int32_t> validation;
  std::vector<std::int32_t> test;
  bool by_episode = true;
  std::string description;  ///< One line: what went where.
  std::string warning;      ///< Empty, or why the parts are not whole episodes.
};

/// Divides by episode: the episodes are shuffled by the seed; of E episodes round(E * test_fraction) go to the test
/// part, the next round(E * validation_fraction) to the validation part, the rest is for training. No episode is in two
/// parts.
///
/// With fewer than minimum_episodes, or if a part that was asked for would be empty, neighbouring rows have to be
/// divided, and the warning says so: of each episode of n rows, the last round(n * test_fraction) rows are for the
/// test, the round(n * validation_fraction) rows before them for validation. If even so a part stays empty, because the
/// episodes are very short, the last rows of the whole data set are taken in the same way, at least one for each part.
/// The seed plays no role then.
///
/// The same data, options and seed give the same split on every machine. Input errors: fractions out of range, or fewer
/// rows than parts.
DataSplit split_by_episode(const Demonstrations& demonstrations, const SplitOptions& options = {});

/// For cross-validation: `folds` parts of the episodes that `rows` are of (rising rows of the demonstrations), as
/// rising positions in `rows`. The episodes are shuffled by the seed and dealt out one by one, so that the parts differ
/// by one episode at most. Input errors: fewer than 2 folds, or fewer episodes than folds.
std::vector<std::vector<std::int32_t>> folds_of_episodes(const Demonstrations& demonstrations,
                                                         std::span<const std::int32_t> rows, Index folds,
                                                         std::uint64_t seed);

/// Positions in `rows` of each episode that they are of; rows are rising.
std::vector<RowRange> episode_ranges(const Demonstrations& demonstrations, std::span<const std::int32_t> rows);

}  // namespace mynah
