#include "engine/demonstration_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/text_excerpt.h"
#include "kernels/error.h"

namespace mynah {
namespace {

struct Spelling {
  const char* key;
  LineField field;
  bool plural;  ///< Plural keys hold a whole episode.
};

constexpr Spelling spellings[] = {
    {"episode", LineField::episode, false},
    {"observation", LineField::observation, false},
    {"obs", LineField::observation, false},
    {"observations", LineField::observation, true},
    {"action", LineField::action, false},
    {"act", LineField::action, false},
    {"actions", LineField::action, true},
    {"reward", LineField::reward, false},
    {"rewards", LineField::reward, true},
    {"terminal", LineField::terminal, false},
    {"terminated", LineField::terminal, false},
    {"done", LineField::terminal, false},
    {"terminals", LineField::terminal, true},
    {"dones", LineField::terminal, true},
    {"timeout", LineField::timeout, false},
    {"truncated", LineField::timeout, false},
    {"timeouts", LineField::timeout, true},
    {"next_observation", LineField::next_observation, false},
    {"next_obs", LineField::next_observation, false},
    {"next_observations", LineField::next_observation, true},
};

/// Takes one line apart as nlohmann-json reads it, without building a tree. Each function returns false to stop.
class LineHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit LineHandler(DemonstrationLine& line) : line_(line) {}

  const std::string& problem() const { return problem_; }
  std::optional<std::size_t> error_position() const { return error_position_; }

  bool null() override { return number(std::numeric_limits<double>::quiet_NaN(), "null"); }
  bool boolean(bool value) override { return number(value ? 1.0 : 0.0, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return number(static_cast<double>(value), is_episode() ? std::to_string(value) : std::string());
  }
  bool number_unsigned(number_unsigned_t value) override {
    return number(static_cast<double>(value), is_episode() ? std::to_string(value) : std::string());
  }
  bool number_float(number_float_t value, const string_t& text) override { return number(value, text); }
  bool string(string_t& text) override {
    if (skipped_ > 0 || current_ == nullptr) return at_value();
    if (is_episode()) return number(0.0, text);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == "NaN") return number(std::numeric_limits<double>::quiet_NaN(), text);
    if (text == "Infinity") return number(infinity, text);
    if (text == "-Infinity") return number(-infinity, text);
    return stop(fmt::format("'{}' holds the text {} where a number is due", current_->key, excerpt(text)));
  }
  bool binary(binary_t&) override { return stop("holds binary data"); }

  bool start_object(std::size_t) override {
    if (!in_line_) {
      in_line_ = true;
      return true;
    }
    if (current_ != nullptr) return stop(fmt::format("'{}' holds an object where numbers are due", current_->key));
    ++skipped_;
    return true;
  }
  bool key(string_t& name) override {
    if (skipped_ > 0) return true;
    current_ = nullptr;
    arrays_ = 0;
    for (const Spelling& spelling : spellings) {
      if (name != spelling.key) continue;
      LineValue& value = line_[spelling.field];
      if (value.present()) {
        return stop(value.key == name ? fmt::format("'{}' stands there twice", name)
                                      : fmt::format("'{}' means the same as '{}'", name, value.key));
      }
      value.key = name;
      value.plural = spelling.plural;
      current_ = &value;
    }
    return true;
  }
  bool end_object() override {
    if (skipped_ > 0) --skipped_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (!in_line_) return stop("is a JSON array; one object per line is due");
    if (current_ == nullptr) {
      ++skipped_;
      return true;
    }
    if (arrays_ == 2 || is_episode()) return stop(fmt::format("'{}' holds arrays too deep", current_->key));
    if (++arrays_ == 2) {
      if (current_->depth == 1 && !current_->numbers.empty()) return mixed();
      current_->depth = 2;
      current_->sizes.push_back(0);
    } else {
      current_->depth = 1;
    }
    return true;
  }
  bool end_array() override {
    if (skipped_ > 0) {
      --skipped_;
    } else {
      --arrays_;
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_position_ = position;
    return false;
  }

 private:
  bool is_episode() const { return current_ == &line_[LineField::episode]; }
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }
  bool mixed() { return stop(fmt::format("'{}' mixes numbers and arrays", current_->key)); }
  bool at_value() { return in_line_ || stop("is not a JSON object"); }

  bool number(double value, const std::string& text) {
    if (skipped_ > 0 || current_ == nullptr) return at_value();
    if (is_episode()) {
      current_->text = text;
      return true;
    }
    if (current_->depth == 2) {
      if (arrays_ != 2) return mixed();
      ++current_->sizes.back();
    }
    constexpr double largest = std::numeric_limits<float>::max();
    if (std::isfinite(value) && std::abs(value) > largest) {
      return stop(fmt::format("'{}' holds {}, which is beyond 32-bit floating point", current_->key, value));
    }
    current_->numbers.push_back(static_cast<float>(value));
    return true;
  }

  DemonstrationLine& line_;
  LineValue* current_ = nullptr;  ///< Where values go; null: they are passed over.
  int arrays_ = 0;                ///< Open arrays of the current value.
  std::size_t skipped_ = 0;       ///< Open arrays and objects of a value that is passed over.
  bool in_line_ = false;
  std::string problem_;
  std::optional<std::size_t> error_position_;
};

/// Puts the words that Python's json module writes for NaN and infinities into quotes, outside strings.
std::string with_quoted_words(std::string_view line) {
  std::string result;
  bool inside = false;
  for (std::size_t i = 0; i < line.size();) {
    std::string_view word;
    if (!inside) {
      for (const std::string_view candidate : {"NaN", "-Infinity", "Infinity"}) {
        if (line.substr(i).starts_with(candidate)) word = candidate;
      }
    }
    if (!word.empty()) {
      result.append("\"").append(word).append("\"");
      i += word.size();
      continue;
    }
    const std::size_t count = inside && line[i] == '\\' && i + 1 < line.size() ? 2 : 1;
    if (line[i] == '"') inside = !inside;
    result += line.substr(i, count);
    i += count;
  }
  return result;
}

}  // namespace

DemonstrationLine parse_demonstration_line(std::string_view line, const std::string& place) {
  std::string quoted;
  if (line.find("NaN") != std::string_view::npos || line.find("Infinity") != std::string_view::npos) {
    quoted = with_quoted_words(line);
    line = quoted;
  }
  DemonstrationLine result;
  LineHandler handler(result);
  if (nlohmann::json::sax_parse(line.begin(), line.end(), &handler)) return result;
  if (const auto position = handler.error_position()) {
    const std::size_t begin = std::min(*position > 12 ? *position - 12 : 0, line.size());
    throw input_error(place,
                      fmt::format("is not JSON near character {}: {}", *position, excerpt(line.substr(begin, 24))),
                      "write one whole JSON object per line");
  }
  throw input_error(place, handler.problem(),
                    R"(write lines such as {"episode": 0, "observation": [0.1, 0.2], "action": 1})");
}

}  // namespace mynah
