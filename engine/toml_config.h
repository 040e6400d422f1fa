#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mynah {

/// The value of one option. A list holds values of one type; an empty list is one of strings.
using ConfigValue = std::variant<bool, std::int64_t, double, std::string, std::vector<bool>, std::vector<std::int64_t>,
                                 std::vector<double>, std::vector<std::string>>;

struct ConfigEntry {
  ConfigValue value;
  std::string place;  ///< "FILE:LINE", for errors about the value; empty if it did not come from a file.
};

/// Options by name, spelled as on the command line without the leading dashes: "batch-size".
using Config = std::map<std::string, ConfigEntry>;

/// Reads TOML (https://toml.io) of one flat level, `option = value`. `-` and `_` are the same in names. Throws Error
/// (input) with FILE:LINE for text that is not TOML, tables, dates, lists of mixed types, an option given twice, and a
/// name that is not in `known` (with the nearest one).
Config parse_toml_config(std::string_view text, std::string_view name, std::span<const std::string> known);

/// The same from a file. Throws Error (input) if it cannot be read.
Config load_toml_config(const std::filesystem::path& path, std::span<const std::string> known);

/// The configuration as TOML, one option a line, sorted by name: the same configuration gives the same text, and
/// reading it gives the same values. Throws Error (input) for text that is not UTF-8.
std::string to_toml(const Config& config);

/// The value as it would stand on the command line: 3, 0.001, true, text, or 256,256.
std::string option_text(const ConfigValue& value);

}  // namespace mynah
