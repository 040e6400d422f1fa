#include "engine/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr std::size_t most_listed = 100;
constexpr double saturation_threshold = 0.01;

Summary summarize(const std::vector<double>& values) {
  Summary summary;
  if (values.empty()) return summary;
  const auto count = static_cast<double>(values.size());
  summary.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0.0;
  for (const double value : values) squares += (value - summary.mean) * (value - summary.mean);
  summary.standard_deviation = std::sqrt(squares / count);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  summary.minimum = *low;
  summary.maximum = *high;
  return summary;
}

/// Statistics of all columns at once, in three passes over the rows, which lie one after the other in memory.
std::vector<ColumnStatistics> statistics_of(ConstMatrix values, const std::vector<std::string>& names) {
  const auto columns = static_cast<std::size_t>(values.columns);
  std::vector<ColumnStatistics> result(columns);
  std::vector<double> counts(columns, 0.0);
  const auto for_each = [&](auto&& visit) {
    for (Index row = 0; row < values.rows; ++row) {
      const float* row_values = values.data + row * values.stride;
      for (std::size_t c = 0; c < columns; ++c) visit(c, double{row_values[c]});
    }
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < columns; ++c) {
    result[c].name = names.empty() ? std::to_string(c) : names[c];
    result[c].minimum = infinity;
    result[c].maximum = -infinity;
  }
  for_each([&](std::size_t c, double value) {
    ColumnStatistics& column = result[c];
    if (!std::isfinite(value)) {
      ++column.not_finite;
      return;
    }
    counts[c] += 1.0;
    column.mean += value;
    column.minimum = std::min(column.minimum, value);
    column.maximum = std::max(column.maximum, value);
  });
  for (std::size_t c = 0; c < columns; ++c) result[c].mean /= counts[c];
  for_each([&](std::size_t c, double value) {
    ColumnStatistics& column = result[c];
    if (!std::isfinite(value)) return;
    column.standard_deviation += (value - column.mean) * (value - column.mean);
    column.at_minimum += value == column.minimum ? 1.0 : 0.0;
    column.at_maximum += value == column.maximum ? 1.0 : 0.0;
    column.outside_unit += std::abs(value) > 1.0 ? 1.0 : 0.0;
  });
  const auto rows = static_cast<double>(values.rows);
  for (std::size_t c = 0; c < columns; ++c) {
    ColumnStatistics& column = result[c];
    if (counts[c] == 0.0) {
      column.minimum = column.maximum = column.mean = column.standard_deviation =
          std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    column.constant = column.minimum == column.maximum && column.not_finite == 0;
    if (column.constant) {  // exactly, whatever the sums were rounded to
      column.mean = column.minimum;
      column.standard_deviation = 0.0;
    }
    column.standard_deviation = std::sqrt(column.standard_deviation / counts[c]);
    column.at_minimum /= rows;
    column.at_maximum /= rows;
    column.outside_unit /= rows;
    column.saturated = !column.constant && std::max(column.at_minimum, column.at_maximum) > saturation_threshold;
  }
  return result;
}

std::vector<Index> constant_columns(const std::vector<ColumnStatistics>& columns) {
  std::vector<Index> result;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].constant) result.push_back(static_cast<Index>(c));
  }
  return result;
}

/// columns: 0 for an array of one dimension.
void find_not_finite(const Demonstrations& d, const char* array, const std::vector<float>& values, Index columns,
                     Inspection& inspection) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const auto position = static_cast<Index>(i);
    const Index row = columns > 0 ? position / columns : position;
    const Index episode = d.episode_of(row);
    ++inspection.not_finite;
    if (inspection.not_finite_values.size() < most_listed) {
      inspection.not_finite_values.push_back({array, row, columns > 0 ? position % columns : -1, episode,
                                              row - d.episode(episode).begin, double{values[i]}});
    }
    inspection.not_finite_episodes.push_back(episode);
  }
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 32);
}

template <class T>
std::uint64_t hash_values(std::uint64_t hash, const T* values, Index count) {
  static_assert(sizeof(T) == 4);
  for (Index i = 0; i < count; ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, values + i, sizeof(word));
    hash = mix(hash, word);
  }
  return hash;
}

/// Whether two runs of rows have the same observations and actions, bit for bit.
bool same_rows(const Demonstrations& d, RowRange a, RowRange b) {
  if (a.size() != b.size()) return false;
  const auto same = [&](const auto& values, Index columns) {
    const auto bytes = static_cast<std::size_t>(a.size() * columns) * 4;
    return bytes == 0 || std::memcmp(values.data() + a.begin * columns, values.data() + b.begin * columns, bytes) == 0;
  };
  return same(d.observations, d.observation_size) && (d.discrete ? same(d.labels, 1) : same(d.actions, d.action_size));
}

struct Hashed {
  std::uint64_t hash;
  Index position;

  bool operator<(const Hashed& other) const {
    return hash != other.hash ? hash < other.hash : position < other.position;
  }
};

/// Calls found(later, first) for each item that equals an earlier one; `first` is the earliest such. Sorts `items`.
template <class Same, class Found>
void for_each_duplicate(std::vector<Hashed>& items, Same same, Found found) {
  std::sort(items.begin(), items.end());
  std::vector<Index> distinct;  // of the current hash
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i == 0 || items[i].hash != items[i - 1].hash) distinct.clear();
    const Index position = items[i].position;
    const auto first =
        std::find_if(distinct.begin(), distinct.end(), [&](Index earlier) { return same(position, earlier); });
    if (first == distinct.end()) {
      distinct.push_back(position);
    } else {
      found(position, *first);
    }
  }
}

void find_duplicates(const Demonstrations& d, Inspection& inspection) {
  std::vector<Hashed> rows;
  std::vector<Hashed> episodes;
  rows.reserve(static_cast<std::size_t>(d.rows()));
  for (Index e = 0; e < d.episodes(); ++e) {
    const RowRange range = d.episode(e);
    std::uint64_t episode_hash = 0;
    for (Index row = range.begin; row < range.end; ++row) {
      std::uint64_t hash = hash_values(0, d.observations.data() + row * d.observation_size, d.observation_size);
      hash = d.discrete ? hash_values(hash, d.labels.data() + row, 1)
                        : hash_values(hash, d.actions.data() + row * d.action_size, d.action_size);
      rows.push_back({hash, row});
      episode_hash = mix(episode_hash, hash);
    }
    episodes.push_back({episode_hash, e});
  }
  for_each_duplicate(
      rows,
      [&](Index a, Index b) {
        return same_rows(d, {a, a + 1}, {b, b + 1});
      },
      [&](Index, Index) { ++inspection.duplicate_rows; });
  for_each_duplicate(
      episodes, [&](Index a, Index b) { return same_rows(d, d.episode(a), d.episode(b)); },
      [&](Index later, Index first) {
        inspection.duplicate_episodes.push_back({later, first});
      });
  std::sort(inspection.duplicate_episodes.begin(), inspection.duplicate_episodes.end(),
            [](const DuplicateEpisode& a, const DuplicateEpisode& b) { return a.episode < b.episode; });
}

Index count_set(const std::vector<std::uint8_t>& flags) {
  return std::count_if(flags.begin(), flags.end(), [](std::uint8_t flag) { return flag != 0; });
}

}  // namespace

Inspection inspect(const Demonstrations& d) {
  Inspection inspection;
  inspection.source = d.source;
  inspection.rows = d.rows();
  inspection.episodes = d.episodes();
  inspection.observation_size = d.observation_size;
  inspection.discrete = d.discrete;
  inspection.action_size = d.action_size;
  inspection.action_count = d.action_count;
  inspection.has_rewards = !d.rewards.empty();
  inspection.has_next_observations = !d.next_observations.empty();
  inspection.terminals = count_set(d.terminals);
  inspection.timeouts = count_set(d.timeouts);

  std::vector<double> lengths;
  for (Index e = 0; e < d.episodes(); ++e) lengths.push_back(static_cast<double>(d.episode(e).size()));
  inspection.lengths = summarize(lengths);
  inspection.returns = summarize(d.returns());

  inspection.observations = statistics_of(d.observation_matrix(), d.observation_names);
  inspection.constant_observations = constant_columns(inspection.observations);
  if (d.discrete) {
    inspection.class_counts.assign(static_cast<std::size_t>(d.action_count), 0);
    for (const std::int32_t label : d.labels) ++inspection.class_counts[static_cast<std::size_t>(label)];
  } else {
    inspection.actions = statistics_of(d.action_matrix(), d.action_names);
    inspection.constant_actions = constant_columns(inspection.actions);
    for (const ColumnStatistics& column : inspection.actions) inspection.actions_outside_unit += column.outside_unit;
    inspection.actions_outside_unit /= static_cast<double>(d.action_size);
  }

  find_not_finite(d, "observations", d.observations, d.observation_size, inspection);
  find_not_finite(d, "actions", d.actions, d.action_size, inspection);
  find_not_finite(d, "rewards", d.rewards, 0, inspection);
  find_not_finite(d, "next_observations", d.next_observations, d.observation_size, inspection);
  std::vector<Index>& bad = inspection.not_finite_episodes;
  std::sort(bad.begin(), bad.end());
  bad.erase(std::unique(bad.begin(), bad.end()), bad.end());

  find_duplicates(d, inspection);
  return inspection;
}

Demonstrations drop_episodes(const Demonstrations& d, std::span<const Index> dropped) {
  const std::string name = d.source.empty() ? "demonstrations" : d.source;
  std::vector<bool> drop(static_cast<std::size_t>(d.episodes()), false);
  for (const Index e : dropped) {
    if (e < 0 || e >= d.episodes()) {
      throw input_error(name, fmt::format("has no episode {}: there are {}, numbered from 0", e, d.episodes()),
                        fmt::format("`mynah inspect {}` tells how many there are", shell_quoted(name)));
    }
    drop[static_cast<std::size_t>(e)] = true;
  }
  std::vector<Index> kept;
  for (Index e = 0; e < d.episodes(); ++e) {
    if (!drop[static_cast<std::size_t>(e)]) kept.push_back(e);
  }
  if (kept.empty()) {
    throw input_error(name, fmt::format("no episode is left when all {} are dropped", d.episodes()),
                      "keep at least one");
  }
  return d.select(kept);
}

}  // namespace mynah
