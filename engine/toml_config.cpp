#include "engine/toml_config.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>

#include "engine/file_bytes.h"
#include "engine/nearest_name.h"
#include "kernels/error.h"

namespace mynah {
namespace {

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

std::string with_dashes(std::string_view name) {
  std::string result(name);
  std::replace(result.begin(), result.end(), '_', '-');
  return result;
}

/// The array's elements as T; whole numbers count as double too.
template <class T>
std::optional<std::vector<T>> list_of(const toml::array& array) {
  std::vector<T> values;
  for (const toml::node& element : array) {
    const bool fits = element.is<T>() || (std::is_same_v<T, double> && element.is_integer());
    const std::optional<T> value = fits ? element.value<T>() : std::nullopt;
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

ConfigValue list_value(const toml::array& array, const std::string& place, const std::string& option) {
  if (auto list = list_of<std::string>(array)) return *list;
  if (auto list = list_of<std::int64_t>(array)) return *list;
  if (auto list = list_of<double>(array)) return *list;
  if (auto list = list_of<bool>(array)) return *list;
  throw input_error(place, fmt::format("'{}' mixes types in its list, or has lists or tables in it", option),
                    "give a list of numbers or a list of texts, e.g. hidden = [256, 256]");
}

ConfigValue value_of(const toml::node& node, const std::string& place, const std::string& option) {
  switch (node.type()) {
    case toml::node_type::boolean:
      return **node.as_boolean();
    case toml::node_type::integer:
      return **node.as_integer();
    case toml::node_type::floating_point:
      return **node.as_floating_point();
    case toml::node_type::string:
      return **node.as_string();
    case toml::node_type::array:
      return list_value(*node.as_array(), place, option);
    case toml::node_type::table:
      throw input_error(place, fmt::format("'{}' is a table, and options stand on one level", option),
                        "write `option = value` lines without [headings]");
    default:
      throw input_error(place, fmt::format("'{}' is a date or time, which no option takes", option),
                        "put it in quotes if it is meant as text");
  }
}

void check_known(const std::string& option, std::span<const std::string> known, const std::string& place) {
  if (std::find(known.begin(), known.end(), option) != known.end()) return;
  const std::string nearest = nearest_name(option, known);
  throw input_error(place, fmt::format("there is no option '{}'", option),
                    nearest.empty() ? "`--help` lists the options" : fmt::format("did you mean '{}'?", nearest));
}

std::string toml_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string toml_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", value);  // the shortest text that reads as the same value
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string scalar_text(bool value) {
  return value ? "true" : "false";
}
std::string scalar_text(std::int64_t value) {
  return fmt::format("{}", value);
}

std::string toml_value(const ConfigValue& value) {
  const auto scalar = [](const auto& item) -> std::string {
    using T = std::decay_t<decltype(item)>;
    if constexpr (std::is_same_v<T, double>) {
      return toml_number(item);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return toml_text(item);
    } else {
      return scalar_text(item);
    }
  };
  return std::visit(
      [&](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (is_list<T>) {
          std::string text = "[";
          for (std::size_t i = 0; i < held.size(); ++i) {
            text += (i == 0 ? "" : ", ") + scalar(static_cast<typename T::value_type>(held[i]));
          }
          return text + "]";
        } else {
          return scalar(held);
        }
      },
      value);
}

}  // namespace

Config parse_toml_config(std::string_view text, std::string_view name, std::span<const std::string> known) {
  toml::table table;
  try {
    table = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw input_error(fmt::format("{}:{}:{}", name, error.source().begin.line, error.source().begin.column),
                      fmt::format("this is not TOML: {}", error.description()),
                      "write `option = value` lines, with text in quotes");
  }
  Config config;
  for (const auto& [key, node] : table) {
    const std::string option = with_dashes(key.str());
    const std::string place = fmt::format("{}:{}", name, key.source().begin.line);
    check_known(option, known, place);
    const auto [entry, is_new] = config.try_emplace(option, ConfigEntry{value_of(node, place, option), place});
    if (!is_new) {
      throw input_error(place, fmt::format("'{}' is given twice, the other time at {}", option, entry->second.place),
                        "'-' and '_' are the same in names: keep one of the two");
    }
  }
  return config;
}

Config load_toml_config(const std::filesystem::path& path, std::span<const std::string> known) {
  return parse_toml_config(read_file_bytes(path, std::size_t{1} << 24), path.string(), known);
}

std::string to_toml(const Config& config) {
  std::string text;
  for (const auto& [name, entry] : config) text += fmt::format("{} = {}\n", name, toml_value(entry.value));
  try {
    (void)toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw input_error(fmt::format("configuration, option {}", error.source().begin.line),
                      fmt::format("it cannot be written as TOML: {}", error.description()),
                      "use UTF-8 text and plain names");
  }
  return text;
}

std::string option_text(const ConfigValue& value) {
  const auto scalar = [](const auto& item) -> std::string {
    using T = std::decay_t<decltype(item)>;
    if constexpr (std::is_same_v<T, bool>)
      return scalar_text(item);
    else
      return fmt::format("{}", item);
  };
  return std::visit(
      [&](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (is_list<T>) {
          std::string text;
          for (std::size_t i = 0; i < held.size(); ++i) {
            text += (i == 0 ? "" : ",") + scalar(static_cast<typename T::value_type>(held[i]));
          }
          return text;
        } else {
          return scalar(held);
        }
      },
      value);
}

}  // namespace mynah
