#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "engine/demonstration_line.h"
#include "engine/demonstrations_formats.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

using Field = LineField;

/// Puts lines together: steps one by one, or whole episodes.
class JsonLines {
 public:
  JsonLines(std::string_view text, const std::string& name, const LoadOptions& options)
      : text_(text), name_(name), options_(options) {}

  Demonstrations read() {
    result_.source = name_;
    for (Index number = 1; !text_.empty(); ++number) {
      const std::size_t end = std::min(text_.find('\n'), text_.size());
      const std::string_view line = text_.substr(0, end);
      text_.remove_prefix(std::min(end + 1, text_.size()));
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      line_number_ = number;
      add(parse_demonstration_line(line, place()));
    }
    if (!by_episode_ && !lines_.empty()) result_.episode_ends.push_back(rows());
    settle_actions(result_, options_.actions,
                   [&](Index row) { return fmt::format("{}:{}", name_, lines_[static_cast<std::size_t>(row)]); });
    validate_as_asked(result_, options_);
    return std::move(result_);
  }

 private:
  Index rows() const { return static_cast<Index>(lines_.size()); }
  std::string place() const { return fmt::format("{}:{}", name_, line_number_); }
  [[noreturn]] void fail(const std::string& problem, const std::string& remedy) const {
    throw input_error(place(), problem, remedy);
  }

  void add(const DemonstrationLine& line) {
    const bool whole_episode = line[Field::observation].plural;
    if (!lines_.empty() && whole_episode != by_episode_) {
      fail("mixes lines that hold a step with lines that hold an episode", "use one of the two throughout");
    }
    by_episode_ = whole_episode;
    for (const Field field : {Field::observation, Field::action}) {
      const char* singular = field == Field::observation ? "observation" : "action";
      if (!line[field].present() || line[field].plural != whole_episode) {
        fail(fmt::format("has no '{}{}'", singular, whole_episode ? "s" : ""), "write it on every line");
      }
    }
    if (whole_episode) {
      add_episode(line);
    } else {
      add_step(line);
    }
  }

  /// Whether an optional field is there, which must be so on all lines or on none.
  bool present(const DemonstrationLine& line, Field field, bool known, const char* what) const {
    const bool there = line[field].present();
    if (!lines_.empty() && there != known) {
      fail(there ? fmt::format("has '{}', which earlier lines lack", line[field].key)
                 : fmt::format("has no {}, which earlier lines have", what),
           "write it on every line or on none");
    }
    return there;
  }

  /// The number of columns, which the first line sets.
  void expect_columns(const LineValue& value, Index& columns, Index count) const {
    if (lines_.empty() && columns == 0) columns = count;
    if (count == columns && count > 0) return;
    fail(count == 0 ? fmt::format("'{}' is empty", value.key)
                    : fmt::format("'{}' has {} values where earlier ones have {}", value.key, count, columns),
         "give every row as many values");
  }

  void add_step(const DemonstrationLine& line) {
    for (const LineValue& value : line.values) {
      if (value.present() && value.plural)
        fail(fmt::format("has '{}' beside a single step", value.key), "leave it out");
      if (value.depth == 2) fail(fmt::format("'{}' holds arrays in an array", value.key), "write one flat array");
    }
    const bool has_reward = present(line, Field::reward, !result_.rewards.empty(), "'reward'");
    const bool has_timeout = present(line, Field::timeout, !result_.timeouts.empty(), "'timeout'");
    const bool has_next =
        present(line, Field::next_observation, !result_.next_observations.empty(), "'next_observation'");
    follow_episode(line[Field::episode]);
    append_row(line[Field::observation], result_.observation_size, result_.observations);
    append_row(line[Field::action], result_.action_size, result_.actions);
    if (has_next) append_row(line[Field::next_observation], result_.observation_size, result_.next_observations);
    if (has_reward) result_.rewards.push_back(single(line[Field::reward]));
    const LineValue& terminal = line[Field::terminal];
    result_.terminals.push_back(terminal.present() && single(terminal) != 0.0f ? 1 : 0);
    if (has_timeout) result_.timeouts.push_back(single(line[Field::timeout]) != 0.0f ? 1 : 0);
    lines_.push_back(line_number_);
  }

  void follow_episode(const LineValue& episode) {
    if (!episode.present()) fail("has no 'episode'", "write the number of the episode on every line");
    if (!lines_.empty() && episode.text == episode_) return;
    if (!lines_.empty()) result_.episode_ends.push_back(rows());
    episode_ = episode.text;
    if (!episodes_seen_.insert(episode_).second) {
      fail(fmt::format("episode {} appears again after other episodes", excerpt(episode_)),
           "keep the lines of an episode together, in time order");
    }
  }

  void append_row(const LineValue& value, Index& columns, std::vector<float>& to) const {
    expect_columns(value, columns, value.count());
    to.insert(to.end(), value.numbers.begin(), value.numbers.end());
  }

  float single(const LineValue& value) const {
    if (value.count() != 1) fail(fmt::format("'{}' has {} values; one is due", value.key, value.count()), "write one");
    return value.numbers[0];
  }

  void add_episode(const DemonstrationLine& line) {
    const LineValue& observation = line[Field::observation];
    const LineValue& action = line[Field::action];
    const Index steps = rows_of(action);
    if (steps == 0) fail(fmt::format("'{}' is empty", action.key), "leave episodes without steps out");
    const bool has_reward = present(line, Field::reward, !result_.rewards.empty(), "'rewards'");
    const bool has_timeout = present(line, Field::timeout, !result_.timeouts.empty(), "'timeouts'");
    const Index observed = rows_of(observation);
    const LineValue& next = line[Field::next_observation];
    const bool has_last = observed == steps + 1 && !next.present();
    if (observed != steps && !has_last) wrong_length(observation, observed, steps);
    if (next.present() && rows_of(next) != steps) wrong_length(next, rows_of(next), steps);
    const bool has_next = next.present() || has_last;
    if (!lines_.empty() && has_next == result_.next_observations.empty()) {
      fail(has_next ? "has an observation after the last action, which earlier lines lack"
                    : "has no observation after the last action, which earlier lines have",
           "write it on every line or on none");
    }

    check_widths(observation, result_.observation_size);
    check_widths(action, result_.action_size);
    const Index width = result_.observation_size;
    const auto append = [](std::vector<float>& to, const std::vector<float>& from, Index begin, Index end) {
      to.insert(to.end(), from.begin() + begin, from.begin() + end);
    };
    append(result_.observations, observation.numbers, 0, steps * width);
    append(result_.actions, action.numbers, 0, action.count());
    if (next.present()) {
      check_widths(next, result_.observation_size);
      append(result_.next_observations, next.numbers, 0, next.count());
    } else if (has_last) {
      append(result_.next_observations, observation.numbers, width, (steps + 1) * width);
    }
    if (has_reward) {
      const LineValue& reward = line[Field::reward];
      if (reward.depth != 1 || reward.count() != steps) wrong_length(reward, rows_of(reward), steps);
      append(result_.rewards, reward.numbers, 0, steps);
    }
    append_flags(line[Field::terminal], steps, result_.terminals);
    if (has_timeout) append_flags(line[Field::timeout], steps, result_.timeouts);
    lines_.insert(lines_.end(), static_cast<std::size_t>(steps), line_number_);
    result_.episode_ends.push_back(rows());
  }

  static Index rows_of(const LineValue& value) {
    return value.depth == 2 ? static_cast<Index>(value.sizes.size()) : value.count();
  }

  [[noreturn]] void wrong_length(const LineValue& value, Index count, Index steps) const {
    fail(fmt::format("'{}' has {} entries for {} actions", value.key, count, steps), "write one entry per step");
  }

  void check_widths(const LineValue& value, Index& columns) const {
    if (value.depth != 2) return expect_columns(value, columns, 1);
    for (const Index size : value.sizes) expect_columns(value, columns, size);
  }

  /// A single flag is the last step's; an array has one for each step.
  void append_flags(const LineValue& value, Index steps, std::vector<std::uint8_t>& to) const {
    const std::size_t begin = to.size();
    to.resize(begin + static_cast<std::size_t>(steps), 0);
    if (!value.present()) return;
    if (value.depth == 2 || (value.depth == 1 && value.count() != steps)) wrong_length(value, rows_of(value), steps);
    for (Index i = 0; i < value.count(); ++i) {
      const Index step = value.depth == 0 ? steps - 1 : i;
      to[begin + static_cast<std::size_t>(step)] = value.numbers[static_cast<std::size_t>(i)] != 0.0f ? 1 : 0;
    }
  }

  std::string_view text_;
  const std::string& name_;
  const LoadOptions& options_;
  Demonstrations result_;
  bool by_episode_ = false;
  Index line_number_ = 0;
  std::vector<Index> lines_;  ///< The line of each row, for messages.
  std::string episode_;
  std::unordered_set<std::string> episodes_seen_;
};

}  // namespace

Demonstrations parse_demonstrations_jsonl(std::string_view text, const std::string& name, const LoadOptions& options) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    throw input_error(name, "is UTF-16 text", "save the file as UTF-8");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return JsonLines(text, name, options).read();
}

}  // namespace mynah
