#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/inspection.h"
#include "engine/text_excerpt.h"

namespace mynah {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Summary& summary) {
  return {
      {"mean", summary.mean}, {"std", summary.standard_deviation}, {"min", summary.minimum}, {"max", summary.maximum}};
}

Json json_of(const std::vector<ColumnStatistics>& columns) {
  Json result = Json::array();
  for (const ColumnStatistics& column : columns) {
    result.push_back({{"name", column.name},
                      {"min", column.minimum},
                      {"max", column.maximum},
                      {"mean", column.mean},
                      {"std", column.standard_deviation},
                      {"constant", column.constant},
                      {"not_finite", column.not_finite},
                      {"at_min", column.at_minimum},
                      {"at_max", column.at_maximum},
                      {"outside_unit", column.outside_unit},
                      {"saturated", column.saturated}});
  }
  return result;
}

Json json_of(const std::vector<NonFiniteValue>& values) {
  Json result = Json::array();
  for (const NonFiniteValue& value : values) {
    const char* kind = std::isnan(value.value) ? "nan" : value.value > 0 ? "inf" : "-inf";
    Json entry = {{"array", value.array}, {"row", value.row}};
    if (value.column >= 0) entry["column"] = value.column;
    entry.update({{"episode", value.episode}, {"step", value.step}, {"value", kind}});
    result.push_back(std::move(entry));
  }
  return result;
}

/// Appends formatted lines to a text.
class Lines {
 public:
  template <class... Arguments>
  void operator()(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// "0, 1, 5 to 9"
std::string ranges(const std::vector<Index>& numbers) {
  std::string text;
  for (std::size_t begin = 0; begin < numbers.size();) {
    std::size_t end = begin + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    text += text.empty() ? "" : ", ";
    text +=
        end - begin > 2 ? fmt::format("{} to {}", numbers[begin], numbers[end - 1]) : std::to_string(numbers[begin]);
    begin = end - begin > 2 ? end : begin + 1;
  }
  return text;
}

void write_columns(Lines& line, const char* title, const std::vector<ColumnStatistics>& columns, std::size_t most) {
  if (columns.empty()) return;
  std::size_t width = 6;
  const std::size_t listed = std::min(columns.size(), most);
  for (std::size_t c = 0; c < listed; ++c) width = std::max(width, columns[c].name.size());
  line("");
  line("{:<{}} {:>11} {:>11} {:>11} {:>11}", title, width + 2, "min", "mean", "max", "std");
  for (std::size_t c = 0; c < listed; ++c) {
    const ColumnStatistics& column = columns[c];
    std::string remark;
    if (column.constant) remark += "  constant";
    if (column.not_finite > 0) remark += fmt::format("  {} NaN or infinite", column.not_finite);
    if (column.saturated) {
      remark += fmt::format("  saturated: {:.1f} % at the minimum, {:.1f} % at the maximum", 100 * column.at_minimum,
                            100 * column.at_maximum);
    }
    line("  {:<{}} {:>11.4g} {:>11.4g} {:>11.4g} {:>11.4g}{}", column.name, width, column.minimum, column.mean,
         column.maximum, column.standard_deviation, remark);
  }
  if (listed < columns.size()) line("  ... and {} more (`--json` has all)", columns.size() - listed);
}

void write_overview(Lines& line, const Inspection& i) {
  line("{}", i.source.empty() ? "demonstrations" : i.source);
  line("  {} episodes, {} rows; {} observations, {}", i.episodes, i.rows, i.observation_size,
       i.discrete ? fmt::format("{} discrete actions", i.action_count)
                  : fmt::format("{} continuous actions", i.action_size));
  line("  episode length   {:.1f} mean, {} to {}", i.lengths.mean, i.lengths.minimum, i.lengths.maximum);
  if (i.has_rewards) {
    line("  return           {:.2f} ± {:.2f}, {:.2f} to {:.2f}", i.returns.mean, i.returns.standard_deviation,
         i.returns.minimum, i.returns.maximum);
  } else {
    line("  return           unknown: no rewards were recorded");
  }
  line("  episode ends     {} terminal, {} by a time limit", i.terminals, i.timeouts);
  if (i.discrete) {
    line("");
    line("actions");
    for (std::size_t c = 0; c < std::min<std::size_t>(i.class_counts.size(), 32); ++c) {
      const auto count = static_cast<double>(i.class_counts[c]);
      line("  {:<6} {:>11} rows  {:5.1f} %", c, i.class_counts[c], 100 * count / static_cast<double>(i.rows));
    }
    if (i.class_counts.size() > 32) line("  ... and {} more (`--json` has all)", i.class_counts.size() - 32);
  }
}

void write_findings(Lines& line, const Inspection& i) {
  line("");
  line("findings");
  bool any = false;
  const auto finding = [&]<class... Arguments>(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    any = true;
    line("  {}", fmt::format(format, std::forward<Arguments>(arguments)...));
  };
  if (!i.constant_observations.empty()) {
    finding("{} constant observation columns: {}", i.constant_observations.size(), ranges(i.constant_observations));
  }
  if (!i.constant_actions.empty()) {
    finding("{} constant action columns: {}", i.constant_actions.size(), ranges(i.constant_actions));
  }
  if (i.not_finite > 0) {
    finding("{} values are NaN or infinite, in {} episodes: {}", i.not_finite, i.not_finite_episodes.size(),
            ranges(i.not_finite_episodes));
    for (std::size_t v = 0; v < std::min<std::size_t>(i.not_finite_values.size(), 10); ++v) {
      const NonFiniteValue& value = i.not_finite_values[v];
      const std::string column = value.column >= 0 ? fmt::format(", {}", value.column) : "";
      finding("  {}[{}{}] is {} (episode {}, step {})", value.array, value.row, column, value.value, value.episode,
              value.step);
    }
    finding("  `mynah inspect {} --drop-episode {} --out clean.npz` removes the first such episode",
            shell_quoted(i.source), i.not_finite_episodes.front());
  }
  if (i.actions_outside_unit > 0.0) {
    finding("{:.2f} % of action values lie outside [-1, 1]", 100 * i.actions_outside_unit);
  }
  if (i.duplicate_rows > 0) {
    finding("{} rows ({:.1f} %) repeat the observation and action of an earlier row", i.duplicate_rows,
            100 * static_cast<double>(i.duplicate_rows) / static_cast<double>(i.rows));
  }
  for (std::size_t e = 0; e < std::min<std::size_t>(i.duplicate_episodes.size(), 10); ++e) {
    finding("episode {} is the same as episode {}", i.duplicate_episodes[e].episode, i.duplicate_episodes[e].same_as);
  }
  if (i.duplicate_episodes.size() > 10) finding("... and {} more episodes", i.duplicate_episodes.size() - 10);
  if (!any) line("  none");
}

}  // namespace

std::string to_json(const Inspection& i) {
  Json json = {{"source", i.source},
               {"episodes", i.episodes},
               {"rows", i.rows},
               {"observation_size", i.observation_size},
               {"discrete", i.discrete}};
  json[i.discrete ? "action_count" : "action_size"] = i.discrete ? i.action_count : i.action_size;
  json["length"] = json_of(i.lengths);
  json["return"] = i.has_rewards ? json_of(i.returns) : Json(nullptr);
  json["has_next_observations"] = i.has_next_observations;
  json["terminals"] = i.terminals;
  json["timeouts"] = i.timeouts;
  json["observations"] = json_of(i.observations);
  if (i.discrete) {
    json["class_counts"] = i.class_counts;
  } else {
    json["actions"] = json_of(i.actions);
    json["actions_outside_unit"] = i.actions_outside_unit;
    json["constant_actions"] = i.constant_actions;
  }
  json["constant_observations"] = i.constant_observations;
  json["not_finite"] = i.not_finite;
  json["not_finite_values"] = json_of(i.not_finite_values);
  json["not_finite_episodes"] = i.not_finite_episodes;
  json["duplicate_rows"] = i.duplicate_rows;
  json["duplicate_episodes"] = Json::array();
  for (const DuplicateEpisode& duplicate : i.duplicate_episodes) {
    json["duplicate_episodes"].push_back({{"episode", duplicate.episode}, {"same_as", duplicate.same_as}});
  }
  // A path need not be UTF-8; what is not is replaced, so that the result always is JSON.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Inspection& i, Index most_columns) {
  Lines line;
  write_overview(line, i);
  write_columns(line, "actions", i.actions, i.actions.size());
  write_columns(line, "observations", i.observations, static_cast<std::size_t>(most_columns));
  write_findings(line, i);
  return line.take();
}

}  // namespace mynah
