#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <optional>
#include <unordered_set>

#include "engine/demonstrations_formats.h"
#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Splits text into records after RFC 4180. The fields of a record are valid until the next one is read.
class RecordReader {
 public:
  RecordReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  /// False at the end. Blank lines are passed over.
  bool next() {
    fields_.clear();
    unquoted_.clear();
    while (position_ < text_.size() && (text_[position_] == '\n' || text_[position_] == '\r')) {
      if (text_[position_] == '\n') ++next_line_;
      ++position_;
    }
    line_ = next_line_;
    if (position_ >= text_.size()) return false;
    while (read_field()) {
    }
    return true;
  }

  const std::vector<std::string_view>& fields() const { return fields_; }
  /// The line on which the record begins, from 1.
  Index line() const { return line_; }

 private:
  /// Reads a field and what ends it; true if another field follows.
  bool read_field() {
    if (position_ < text_.size() && text_[position_] == '"') {
      read_quoted();
    } else {
      const std::size_t begin = position_;
      while (position_ < text_.size() && text_[position_] != ',' && text_[position_] != '\n') ++position_;
      std::string_view field = text_.substr(begin, position_ - begin);
      const bool line_ends = position_ >= text_.size() || text_[position_] == '\n';
      if (line_ends && field.ends_with('\r')) field.remove_suffix(1);
      fields_.push_back(field);
    }
    if (position_ >= text_.size()) return false;
    const char separator = text_[position_++];
    if (separator == '\n') ++next_line_;
    return separator == ',';
  }

  void read_quoted() {
    std::string& value = unquoted_.emplace_back();
    ++position_;
    while (true) {
      const std::size_t quote = text_.find('"', position_);
      if (quote == std::string_view::npos) fail("begins with a quote that is never closed");
      const std::string_view part = text_.substr(position_, quote - position_);
      next_line_ += std::count(part.begin(), part.end(), '\n');
      value += part;
      position_ = quote + 1;
      if (position_ >= text_.size() || text_[position_] != '"') break;
      value += '"';
      ++position_;
    }
    if (position_ < text_.size() && text_[position_] == '\r') ++position_;
    if (position_ < text_.size() && text_[position_] != ',' && text_[position_] != '\n') {
      fail("goes on after its closing quote");
    }
    fields_.push_back(value);
  }

  [[noreturn]] void fail(const char* problem) const {
    throw input_error(fmt::format("{}:{}:{}", name_, line_, fields_.size() + 1), fmt::format("the field {}", problem),
                      "quote fields as RFC 4180 does: \"...\", a quote inside doubled");
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
  Index next_line_ = 1;
  Index line_ = 0;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // a deque, so that views of earlier fields stay valid
};

/// What the columns of the header mean.
struct Columns {
  std::vector<std::size_t> observations;
  std::vector<std::size_t> actions;
  std::vector<std::size_t> next_observations;
  std::optional<std::size_t> episode;
  std::optional<std::size_t> reward;
  std::optional<std::size_t> terminal;
  std::optional<std::size_t> timeout;
  std::vector<std::string> observation_names;
  std::vector<std::string> action_names;
};

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The rest of `name` after one of the prefixes ("observation_" and the like); the whole name if it is one of them
/// without its underscore. A prefix without underscore is followed by a number ("obs3").
std::optional<std::string_view> after_prefix(std::string_view name, std::initializer_list<std::string_view> prefixes) {
  for (const std::string_view prefix : prefixes) {
    if (!name.starts_with(prefix)) continue;
    std::string_view rest = name.substr(prefix.size());
    if (rest.empty()) return prefix.size() > 1 ? std::optional(name) : std::nullopt;
    if (rest[0] == '_' && rest.size() > 1 && prefix.size() > 1) return rest.substr(1);
    if (all_digits(rest)) return rest;
  }
  return std::nullopt;
}

/// Bare numbers are no names.
void forget_numbers(std::vector<std::string>& names, std::string_view alone) {
  if (std::all_of(names.begin(), names.end(), [&](const std::string& n) { return all_digits(n) || n == alone; })) {
    names.clear();
  }
}

Columns columns_of(const std::vector<std::string_view>& header, const std::string& name) {
  Columns columns;
  std::unordered_set<std::string_view> seen;
  const auto single = [&](std::optional<std::size_t>& column, std::size_t i) {
    if (column) {
      throw input_error(
          fmt::format("{}:1:{}", name, i + 1),
          fmt::format("column {} means the same as column {}", excerpt(header[i]), excerpt(header[*column])),
          "keep one of the two");
    }
    column = i;
  };
  for (std::size_t i = 0; i < header.size(); ++i) {
    const std::string_view title = trimmed(header[i]);
    if (!is_utf8_text(title)) {
      throw input_error(fmt::format("{}:1:{}", name, i + 1),
                        fmt::format("the column name {} is not UTF-8", excerpt(title)), "save the file as UTF-8");
    }
    if (!title.empty() && !seen.insert(title).second) {
      throw input_error(fmt::format("{}:1:{}", name, i + 1),
                        fmt::format("the column name {} stands there twice", excerpt(title)), "rename one of the two");
    }
    if (title == "episode") {
      single(columns.episode, i);
    } else if (title == "reward") {
      single(columns.reward, i);
    } else if (title == "terminal" || title == "terminated" || title == "done") {
      single(columns.terminal, i);
    } else if (title == "timeout" || title == "truncated") {
      single(columns.timeout, i);
    } else if (after_prefix(title, {"next_observation", "next_obs"})) {
      columns.next_observations.push_back(i);
    } else if (const auto rest = after_prefix(title, {"observation", "obs", "o"})) {
      columns.observations.push_back(i);
      columns.observation_names.emplace_back(*rest);
    } else if (const auto action = after_prefix(title, {"action", "act", "a"})) {
      columns.actions.push_back(i);
      columns.action_names.emplace_back(*action);
    }
  }
  forget_numbers(columns.observation_names, "observation");
  forget_numbers(columns.action_names, "action");
  return columns;
}

void check_columns(const Columns& columns, const std::vector<std::string_view>& header, const std::string& name) {
  const auto missing = [&](const char* what, const char* remedy) {
    std::string there;
    for (std::size_t i = 0; i < std::min<std::size_t>(header.size(), 8); ++i) {
      there += (i == 0 ? "" : ", ") + excerpt(header[i]);
    }
    return input_error(fmt::format("{}:1", name),
                       fmt::format("the header has no {}; it has {}{}", what, there, header.size() > 8 ? ", ..." : ""),
                       remedy);
  };
  if (header.size() == 1 && header[0].find_first_of(";\t") != std::string_view::npos) {
    throw missing("comma", "separate the columns by commas");
  }
  if (!columns.episode) throw missing("column 'episode'", "add a column 'episode' that numbers the episodes");
  if (columns.observations.empty()) {
    throw missing("observation columns", "name them observation_0, observation_1, ... (or observation_NAME)");
  }
  if (columns.actions.empty()) throw missing("action columns", "name them action_0, action_1, ... or action");
  if (!columns.next_observations.empty() && columns.next_observations.size() != columns.observations.size()) {
    throw input_error(fmt::format("{}:1", name),
                      fmt::format("the header has {} next_observation columns but {} observation columns",
                                  columns.next_observations.size(), columns.observations.size()),
                      "give as many of the one as of the other, or none");
  }
}

/// Reads the records after the header.
class CsvDemonstrations {
 public:
  CsvDemonstrations(std::string_view text, const std::string& name, const LoadOptions& options)
      : name_(name), options_(options), records_(text, name) {}

  Demonstrations read() {
    if (!records_.next()) throw input_error(name_, "is empty", "begin with a header: episode,observation_0,...,action");
    for (const std::string_view field : records_.fields()) header_.emplace_back(field);
    const std::vector<std::string_view> header(header_.begin(), header_.end());
    columns_ = columns_of(header, name_);
    check_columns(columns_, header, name_);
    result_.source = name_;
    result_.observation_size = static_cast<Index>(columns_.observations.size());
    result_.action_size = static_cast<Index>(columns_.actions.size());
    result_.observation_names = columns_.observation_names;
    result_.action_names = columns_.action_names;
    while (records_.next()) read_row();
    if (!lines_.empty()) result_.episode_ends.push_back(static_cast<Index>(lines_.size()));
    settle_actions(result_, options_.actions,
                   [&](Index row) { return place(lines_[static_cast<std::size_t>(row)], columns_.actions[0]); });
    validate_as_asked(result_, options_);
    return std::move(result_);
  }

 private:
  std::string place(Index line, std::size_t column) const { return fmt::format("{}:{}:{}", name_, line, column + 1); }

  void read_row() {
    const std::vector<std::string_view>& fields = records_.fields();
    if (fields.size() != header_.size()) {
      throw input_error(fmt::format("{}:{}", name_, records_.line()),
                        fmt::format("the row has {} fields, the header {}", fields.size(), header_.size()),
                        "give every row one field per column; quote fields that hold a comma");
    }
    follow_episode(trimmed(fields[*columns_.episode]));
    for (const std::size_t column : columns_.observations) result_.observations.push_back(number(column));
    for (const std::size_t column : columns_.actions) result_.actions.push_back(number(column));
    for (const std::size_t column : columns_.next_observations) result_.next_observations.push_back(number(column));
    if (columns_.reward) result_.rewards.push_back(number(*columns_.reward));
    result_.terminals.push_back(columns_.terminal ? flag(*columns_.terminal) : 0);
    if (columns_.timeout) result_.timeouts.push_back(flag(*columns_.timeout));
    lines_.push_back(records_.line());
  }

  void follow_episode(std::string_view episode) {
    if (!lines_.empty() && episode == episode_) return;
    if (episode.empty()) {
      throw input_error(place(records_.line(), *columns_.episode), "the column 'episode' is empty",
                        "give every row the number or name of its episode");
    }
    if (!lines_.empty()) result_.episode_ends.push_back(static_cast<Index>(lines_.size()));
    episode_ = episode;
    if (!episodes_seen_.insert(episode_).second) {
      throw input_error(place(records_.line(), *columns_.episode),
                        fmt::format("episode {} appears again after other episodes", excerpt(episode)),
                        "keep the rows of an episode together, in time order");
    }
  }

  float number(std::size_t column) const {
    std::string_view text = records_.fields()[column];
    float value = 0.0f;
    // The usual case first: nothing to trim.
    std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc{} && read.ptr == text.data() + text.size()) return value;
    text = trimmed(text);
    if (text.starts_with('+') && !text.substr(1).starts_with('-')) text.remove_prefix(1);
    read = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = read.ptr == text.data() + text.size();
    if (read.ec == std::errc{} && whole) return value;
    if (read.ec == std::errc::result_out_of_range && whole) {
      // Too small is zero; too large is refused.
      const double wide = std::strtod(std::string(text).c_str(), nullptr);
      if (std::abs(wide) < 1.0) return static_cast<float>(wide);
      throw bad_value(column, "is beyond 32-bit floating point", "scale the column, or remove the episode");
    }
    throw text.empty() ? bad_value(column, "is empty", "write a number in it, or remove the episode")
                       : bad_value(column, "is not a number", "write a number such as -0.5 or 1e-3 in it");
  }

  std::uint8_t flag(std::size_t column) const {
    const std::string_view text = trimmed(records_.fields()[column]);
    for (const std::string_view yes : {"1", "true", "True", "TRUE", "1.0"}) {
      if (text == yes) return 1;
    }
    for (const std::string_view no : {"0", "false", "False", "FALSE", "0.0"}) {
      if (text == no) return 0;
    }
    throw bad_value(column, "is neither true nor false", "write 0 or 1 in it");
  }

  Error bad_value(std::size_t column, const char* problem, const char* remedy) const {
    const std::string title = excerpt(header_[column]);
    const std::string_view text = records_.fields()[column];
    return input_error(place(records_.line(), column),
                       text.empty() ? fmt::format("column {} {}", title, problem)
                                    : fmt::format("column {}: {} {}", title, excerpt(text), problem),
                       remedy);
  }

  const std::string& name_;
  const LoadOptions& options_;
  RecordReader records_;
  std::vector<std::string> header_;
  Columns columns_;
  Demonstrations result_;
  std::vector<Index> lines_;  ///< The line of each row, for messages.
  std::string episode_;
  std::unordered_set<std::string> episodes_seen_;
};

}  // namespace

Demonstrations parse_demonstrations_csv(std::string_view text, const std::string& name, const LoadOptions& options) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    throw input_error(name, "is UTF-16 text", "save the file as UTF-8");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return CsvDemonstrations(text, name, options).read();
}

}  // namespace mynah
