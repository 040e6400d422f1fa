#include "engine/demonstrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Discrete actions beyond this many classes are taken for a mistake: each class is an output of the network.
constexpr Index most_actions = 65536;

constexpr const char* fix_recording = "fix the recording, or write it again with `mynah record`";

std::string name_of(const Demonstrations& d) {
  return d.source.empty() ? "demonstrations" : d.source;
}

void expect_size(const Demonstrations& d, const char* array, std::size_t size, Index rows, Index columns,
                 bool optional) {
  if ((optional && size == 0) || static_cast<Index>(size) == rows * columns) return;
  throw input_error(
      name_of(d),
      fmt::format("{} holds {} values, but {} rows of observations need {}", array, size, rows, rows * columns),
      fix_recording);
}

void check_episode_ends(const Demonstrations& d) {
  if (d.episode_ends.empty()) {
    throw input_error(name_of(d), "has no episodes",
                      "record some, e.g. with `mynah record`, or check the episode_ends");
  }
  Index begin = 0;
  for (std::size_t e = 0; e < d.episode_ends.size(); ++e) {
    const Index end = d.episode_ends[e];
    if (end == begin) {
      throw input_error(name_of(d), fmt::format("episode {} is empty (episode_ends[{}] is {})", e, e, end),
                        fix_recording);
    }
    if (end < begin || end > d.rows()) {
      throw input_error(name_of(d),
                        fmt::format("episode_ends[{}] is {}, but it must lie above {} and not beyond the {} rows", e,
                                    end, begin, d.rows()),
                        fix_recording);
    }
    begin = end;
  }
  if (begin != d.rows()) {
    throw input_error(name_of(d), fmt::format("the last of episode_ends is {}, but there are {} rows", begin, d.rows()),
                      fix_recording);
  }
}

void check_labels(const Demonstrations& d) {
  if (d.action_count < 1 || d.action_count > most_actions) {
    throw input_error(name_of(d),
                      fmt::format("has {} classes of actions; 1 to {} are possible", d.action_count, most_actions),
                      "number the actions from 0, or read them as continuous with `--actions continuous`");
  }
  for (std::size_t row = 0; row < d.labels.size(); ++row) {
    const std::int32_t label = d.labels[row];
    if (label >= 0 && label < d.action_count) continue;
    const Index episode = d.episode_of(static_cast<Index>(row));
    throw input_error(
        name_of(d),
        fmt::format("actions[{}] is {}, which is not a class from 0 to {} (array 'actions', episode {}, "
                    "step {})",
                    row, label, d.action_count - 1, episode, static_cast<Index>(row) - d.episode(episode).begin),
        "number the actions from 0, or read them as continuous with `--actions continuous`");
  }
}

/// Position of the first NaN or infinity, or -1. Works on the bits, which the compiler can do many at a time.
Index first_not_finite(const std::vector<float>& values) {
  constexpr std::uint32_t exponent = 0x7f800000u;
  constexpr std::size_t block = 1024;
  for (std::size_t begin = 0; begin < values.size(); begin += block) {
    const std::size_t end = std::min(begin + block, values.size());
    std::uint32_t found = 0;
    for (std::size_t i = begin; i < end; ++i) {
      found |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(values[i]) & exponent) == exponent);
    }
    if (found == 0) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(values[i])) return static_cast<Index>(i);
    }
  }
  return -1;
}

/// columns: 0 for an array of one dimension.
void expect_finite(const Demonstrations& d, const char* array, const std::vector<float>& values, Index columns) {
  const Index position = first_not_finite(values);
  if (position < 0) return;
  const Index row = columns > 0 ? position / columns : position;
  const Index episode = d.episode_of(row);
  const std::string where =
      columns > 0 ? fmt::format("{}[{}, {}]", array, row, position % columns) : fmt::format("{}[{}]", array, row);
  const bool is_nan = std::isnan(values[static_cast<std::size_t>(position)]);
  throw input_error(
      name_of(d),
      fmt::format("{} is {} (array '{}', episode {}, step {})", where, is_nan ? "NaN" : "infinite", array, episode,
                  row - d.episode(episode).begin),
      fmt::format("remove the episode with `mynah inspect {} --drop-episode {} --out clean.npz`, or fix the recording",
                  shell_quoted(name_of(d)), episode));
}

template <class T>
void append_rows(std::vector<T>& to, const std::vector<T>& from, RowRange rows, Index columns) {
  if (from.empty()) return;
  to.insert(to.end(), from.begin() + rows.begin * columns, from.begin() + rows.end * columns);
}

/// The same kind of demonstrations, none of them.
Demonstrations without_rows(const Demonstrations& d) {
  Demonstrations result;
  result.observation_size = d.observation_size;
  result.action_size = d.action_size;
  result.action_count = d.action_count;
  result.discrete = d.discrete;
  result.observation_names = d.observation_names;
  result.action_names = d.action_names;
  result.source = d.source;
  return result;
}

/// Everything of the rows but the episodes they belong to.
void append_range(const Demonstrations& d, RowRange range, Demonstrations& result) {
  append_rows(result.observations, d.observations, range, d.observation_size);
  append_rows(result.actions, d.actions, range, d.action_size);
  append_rows(result.labels, d.labels, range, 1);
  append_rows(result.rewards, d.rewards, range, 1);
  append_rows(result.next_observations, d.next_observations, range, d.observation_size);
  append_rows(result.terminals, d.terminals, range, 1);
  append_rows(result.timeouts, d.timeouts, range, 1);
}

}  // namespace

RowRange Demonstrations::episode(Index episode) const {
  const auto e = static_cast<std::size_t>(episode);
  return {e == 0 ? 0 : episode_ends[e - 1], episode_ends[e]};
}

Index Demonstrations::episode_of(Index row) const {
  return std::upper_bound(episode_ends.begin(), episode_ends.end(), row) - episode_ends.begin();
}

std::vector<double> Demonstrations::returns() const {
  std::vector<double> result;
  if (rewards.empty()) return result;
  for (Index e = 0; e < episodes(); ++e) {
    const RowRange rows = episode(e);
    result.push_back(std::accumulate(rewards.begin() + rows.begin, rewards.begin() + rows.end, 0.0));
  }
  return result;
}

Demonstrations Demonstrations::select(std::span<const Index> chosen) const {
  Demonstrations result = without_rows(*this);
  Index end = 0;
  for (const Index e : chosen) {
    if (e < 0 || e >= episodes()) {
      throw input_error(name_of(*this), fmt::format("has no episode {}: there are {}, numbered from 0", e, episodes()),
                        fmt::format("`mynah inspect {}` lists them", shell_quoted(name_of(*this))));
    }
    const RowRange range = episode(e);
    append_range(*this, range, result);
    end += range.size();
    result.episode_ends.push_back(end);
  }
  return result;
}

Demonstrations Demonstrations::consecutive_rows(Index first, Index count) const {
  if (first < 0 || first >= rows() || count < 0 || count > rows() - first) {
    throw input_error(name_of(*this),
                      fmt::format("has no {}rows from row {} on: there are {}",
                                  count == 0 ? "" : std::to_string(count) + " ", first, rows()),
                      "ask for fewer (0: all that follow), or begin earlier, at 0 or later");
  }
  const Index end = count > 0 ? first + count : rows();
  Demonstrations result = without_rows(*this);
  append_range(*this, {first, end}, result);
  for (const Index episode_end : episode_ends) {
    if (episode_end <= first) continue;
    result.episode_ends.push_back(std::min(episode_end, end) - first);
    if (episode_end >= end) break;
  }
  const bool cut = std::find(episode_ends.begin(), episode_ends.end(), end) == episode_ends.end();
  if (cut && !result.timeouts.empty()) result.timeouts.back() = 1;
  return result;
}

void Demonstrations::validate_structure() const {
  const Index n = rows();
  if (observation_size < 1 || n < 1) {
    throw input_error(name_of(*this),
                      n < 1 && episode_ends.empty() ? "has no episodes and no observations" : "has no observations",
                      "record some, e.g. with `mynah record`");
  }
  if (n > std::numeric_limits<std::int32_t>::max()) {
    throw input_error(name_of(*this), fmt::format("has {} rows; at most 2147483647 are possible", n),
                      "split it into several files");
  }
  expect_size(*this, "observations", observations.size(), n, observation_size, false);
  if (discrete) {
    expect_size(*this, "actions", labels.size(), n, 1, false);
    expect_size(*this, "continuous actions beside discrete ones", actions.size(), 0, 0, false);
  } else {
    if (action_size < 1) throw input_error(name_of(*this), "actions have no columns", fix_recording);
    expect_size(*this, "actions", actions.size(), n, action_size, false);
    expect_size(*this, "discrete actions beside continuous ones", labels.size(), 0, 0, false);
  }
  expect_size(*this, "rewards", rewards.size(), n, 1, true);
  expect_size(*this, "next_observations", next_observations.size(), n, observation_size, true);
  expect_size(*this, "terminals", terminals.size(), n, 1, false);
  expect_size(*this, "timeouts", timeouts.size(), n, 1, true);
  check_episode_ends(*this);
  if (discrete) check_labels(*this);
  const auto names_fit = [](const std::vector<std::string>& names, Index count) {
    return names.empty() || static_cast<Index>(names.size()) == count;
  };
  if (!names_fit(observation_names, observation_size)) {
    throw input_error(
        name_of(*this),
        fmt::format("has {} names for {} columns of observations", observation_names.size(), observation_size),
        fix_recording);
  }
  if (!names_fit(action_names, discrete ? action_count : action_size)) {
    throw input_error(
        name_of(*this),
        fmt::format("has {} names for {} actions", action_names.size(), discrete ? action_count : action_size),
        fix_recording);
  }
}

void Demonstrations::validate() const {
  validate_structure();
  expect_finite(*this, "observations", observations, observation_size);
  expect_finite(*this, "actions", actions, action_size);
  expect_finite(*this, "rewards", rewards, 0);
  expect_finite(*this, "next_observations", next_observations, observation_size);
}

}  // namespace mynah
