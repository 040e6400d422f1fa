#include "engine/option_table.h"

#include <charconv>
#include <cmath>

#include "kernels/error.h"

namespace mynah {
namespace {

/// Sets the value from the whole text, or says what it should have been.
template <class Number>
bool parse_number(const std::string& text, Number& value) {
  Number parsed{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (failure != std::errc{} || end != text.data() + text.size()) return false;
  value = parsed;
  return true;
}

bool parse_widths(const std::string& text, std::vector<Index>& value) {
  std::vector<Index> parsed;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    Index one = 0;
    if (!parse_number(text.substr(begin, end - begin), one)) return false;
    parsed.push_back(one);
    begin = end + 1;
  }
  value = std::move(parsed);
  return true;
}

struct Parse {
  const std::string& text;
  const char* expected = "";

  bool operator()(bool* value) {
    expected = "true or false";
    if (text != "true" && text != "false") return false;
    *value = text == "true";
    return true;
  }
  bool operator()(Index* value) {
    expected = "a whole number";
    return parse_number(text, *value);
  }
  bool operator()(std::uint64_t* value) {
    expected = "a whole number from 0 to 18446744073709551615";
    return parse_number(text, *value);
  }
  bool operator()(double* value) {
    expected = "a number, such as 0.1 or 1e-3";
    return parse_number(text, *value) && std::isfinite(*value);
  }
  bool operator()(std::string* value) {
    *value = text;
    return true;
  }
  bool operator()(std::vector<Index>* value) {
    expected = "whole numbers with commas between, such as 256,256";
    return parse_widths(text, *value);
  }
  bool operator()(std::vector<std::string>* value) {
    *value = {text};
    return true;
  }
};

struct ToValue {
  ConfigValue operator()(const bool* value) const { return *value; }
  ConfigValue operator()(const Index* value) const { return *value; }
  /// TOML's whole numbers end at 2⁶³ - 1; larger ones are kept as text.
  ConfigValue operator()(const std::uint64_t* value) const {
    if (*value > static_cast<std::uint64_t>(INT64_MAX)) return std::to_string(*value);
    return static_cast<std::int64_t>(*value);
  }
  ConfigValue operator()(const double* value) const { return *value; }
  ConfigValue operator()(const std::string* value) const { return *value; }
  ConfigValue operator()(const std::vector<Index>* value) const { return *value; }
  ConfigValue operator()(const std::vector<std::string>* value) const { return *value; }
};

}  // namespace

void OptionTable::add(std::string name, Place place, std::string help) {
  options_.push_back({std::move(name), place, std::move(help)});
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const Option& option : options_) names.push_back(option.name);
  return names;
}

const OptionTable::Option& OptionTable::find(std::string_view name) const {
  for (const Option& option : options_) {
    if (option.name == name) return option;
  }
  throw Error(Error::Cause::internal, "options", "there is no option '" + std::string(name) + "'");
}

void OptionTable::set(std::string_view name, const std::string& text, const std::string& origin) {
  const Option& option = find(name);
  Parse parse{text};
  if (!std::visit(parse, option.place)) {
    throw input_error(origin, "'" + text + "' is no value for option '" + option.name + "'",
                      "give " + std::string(parse.expected));
  }
}

void OptionTable::set(std::string_view name, const std::vector<std::string>& texts, const std::string& origin) {
  if (auto* const list = std::get_if<std::vector<std::string>*>(&find(name).place)) {
    **list = texts;
  } else {
    set(name, texts.back(), origin);
  }
}

void OptionTable::apply(const Config& config) {
  for (const auto& [name, entry] : config) {
    const auto* const texts = std::get_if<std::vector<std::string>>(&entry.value);
    if (texts != nullptr && std::holds_alternative<std::vector<std::string>*>(find(name).place)) {
      set(name, *texts, entry.place);
    } else {
      set(name, option_text(entry.value), entry.place);
    }
  }
}

Config OptionTable::to_config() const {
  Config config;
  for (const Option& option : options_) config[option.name] = {std::visit(ToValue{}, option.place), {}};
  return config;
}

}  // namespace mynah
