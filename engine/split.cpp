#include "engine/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kernels/error.h"

namespace mynah {
namespace {

/// Output `counter` of SplitMix64 with the given seed (Steele, Lea and Flood 2014): a function of its two arguments
/// alone.
std::uint64_t random_word(std::uint64_t seed, std::uint64_t counter) {
  std::uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Fisher-Yates. The bias of the multiplication is below E / 2^32, which no data set can show.
std::vector<Index> shuffled_episodes(Index count, std::uint64_t seed) {
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i > 1; --i) {
    const std::uint64_t word = random_word(seed, i) >> 32;
    std::swap(order[i - 1], order[static_cast<std::size_t>((word * i) >> 32)]);
  }
  return order;
}

Index share(Index count, double fraction) {
  return static_cast<Index>(std::llround(static_cast<double>(count) * fraction));
}

void append(std::vector<std::int32_t>& rows, Index begin, Index end) {
  for (Index row = begin; row < end; ++row) rows.push_back(static_cast<std::int32_t>(row));
}

/// The end of a range to validation and test, the rest to training.
void divide(RowRange range, Index validation, Index test, DataSplit& split) {
  append(split.train, range.begin, range.end - test - validation);
  append(split.validation, range.end - test - validation, range.end - test);
  append(split.test, range.end - test, range.end);
}

bool lacks_a_part(const DataSplit& split, const SplitOptions& options) {
  return split.train.empty() || (options.validation_fraction > 0.0 && split.validation.empty()) ||
         (options.test_fraction > 0.0 && split.test.empty());
}

void check(const Demonstrations& d, const SplitOptions& options) {
  for (const double fraction : {options.validation_fraction, options.test_fraction}) {
    if (!(fraction >= 0.0 && fraction < 1.0)) {
      throw input_error("split", fmt::format("the fraction {} is not in [0, 1)", fraction),
                        "give a fraction such as 0.1");
    }
  }
  if (options.validation_fraction + options.test_fraction >= 1.0) {
    throw input_error("split",
                      fmt::format("the fractions {} for validation and {} for the test leave nothing to train on",
                                  options.validation_fraction, options.test_fraction),
                      "give fractions that add up to less than 1");
  }
  const Index parts = 1 + (options.validation_fraction > 0.0 ? 1 : 0) + (options.test_fraction > 0.0 ? 1 : 0);
  if (d.rows() < parts) {
    throw input_error(d.source.empty() ? "demonstrations" : d.source,
                      fmt::format("{} rows cannot be divided into {} parts", d.rows(), parts),
                      "record more, or train without validation");
  }
}

DataSplit split_whole_episodes(const Demonstrations& d, const SplitOptions& options) {
  const Index test = share(d.episodes(), options.test_fraction);
  const Index validation = std::min(share(d.episodes(), options.validation_fraction), d.episodes() - test);
  std::vector<int> part(static_cast<std::size_t>(d.episodes()), 0);
  const std::vector<Index> order = shuffled_episodes(d.episodes(), options.seed);
  for (Index i = 0; i < test + validation; ++i) {
    part[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = i < test ? 2 : 1;
  }
  DataSplit split;
  for (Index e = 0; e < d.episodes(); ++e) {
    const RowRange range = d.episode(e);
    const int to = part[static_cast<std::size_t>(e)];
    append(to == 0 ? split.train : to == 1 ? split.validation : split.test, range.begin, range.end);
  }
  split.description =
      fmt::format("{} episodes ({} rows) to train, {} ({}) to validate", d.episodes() - test - validation,
                  split.train.size(), validation, split.validation.size());
  if (test > 0) split.description += fmt::format(", {} ({}) to test", test, split.test.size());
  return split;
}

DataSplit split_in_blocks(const Demonstrations& d, const SplitOptions& options) {
  DataSplit split;
  for (Index e = 0; e < d.episodes(); ++e) {
    const RowRange range = d.episode(e);
    const Index test = share(range.size(), options.test_fraction);
    divide(range, std::min(share(range.size(), options.validation_fraction), range.size() - test), test, split);
  }
  const char* where = "the end of each episode";
  if (lacks_a_part(split, options)) {
    split = DataSplit{};
    where = "the end of the data set";
    const auto block = [&](double fraction) {
      return fraction > 0.0 ? std::max<Index>(1, share(d.rows(), fraction)) : 0;
    };
    const Index test = std::min(block(options.test_fraction), d.rows() - (options.validation_fraction > 0.0 ? 2 : 1));
    divide({0, d.rows()}, std::min(block(options.validation_fraction), d.rows() - test - 1), test, split);
  }
  split.by_episode = false;
  split.description =
      fmt::format("blocks of rows: {} to train, {} to validate", split.train.size(), split.validation.size());
  if (!split.test.empty()) split.description += fmt::format(", {} to test", split.test.size());
  split.warning = fmt::format(
      "{} {} too few to set whole ones aside: rows at {} are held out instead, and neighbours of training rows look "
      "better than new episodes would; record more episodes for an honest figure",
      d.episodes(), d.episodes() == 1 ? "episode is" : "episodes are", where);
  return split;
}

}  // namespace

DataSplit split_by_episode(const Demonstrations& d, const SplitOptions& options) {
  check(d, options);
  if (options.validation_fraction == 0.0 && options.test_fraction == 0.0) return split_whole_episodes(d, options);
  if (d.episodes() >= options.minimum_episodes) {
    DataSplit split = split_whole_episodes(d, options);
    if (!lacks_a_part(split, options)) return split;
  }
  return split_in_blocks(d, options);
}

std::vector<RowRange> episode_ranges(const Demonstrations& demonstrations, std::span<const std::int32_t> rows) {
  std::vector<RowRange> episodes;
  Index episode = -1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Index of_row = demonstrations.episode_of(rows[i]);
    const auto at = static_cast<Index>(i);
    if (of_row != episode) episodes.push_back({at, at});
    episodes.back().end = at + 1;
    episode = of_row;
  }
  return episodes;
}

std::vector<std::vector<std::int32_t>> folds_of_episodes(const Demonstrations& demonstrations,
                                                         std::span<const std::int32_t> rows, Index folds,
                                                         std::uint64_t seed) {
  const std::vector<RowRange> episodes = episode_ranges(demonstrations, rows);
  const auto count = static_cast<Index>(episodes.size());
  if (folds < 2) {
    throw input_error("cross-validation", fmt::format("{} folds leave nothing to train on", folds),
                      "give 2 folds or more");
  }
  if (count < folds) {
    throw input_error(
        demonstrations.source.empty() ? "demonstrations" : demonstrations.source,
        fmt::format("has {} episode{}, which {} folds cannot be made of", count, count == 1 ? "" : "s", folds),
        "give fewer folds, or record more episodes");
  }
  std::vector<Index> fold_of(episodes.size());
  const std::vector<Index> order = shuffled_episodes(count, seed);
  for (Index i = 0; i < count; ++i) fold_of[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = i % folds;
  std::vector<std::vector<std::int32_t>> parts(static_cast<std::size_t>(folds));
  for (std::size_t e = 0; e < episodes.size(); ++e) {
    append(parts[static_cast<std::size_t>(fold_of[e])], episodes[e].begin, episodes[e].end);
  }
  return parts;
}

}  // namespace mynah
