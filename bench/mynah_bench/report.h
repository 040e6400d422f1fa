#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace mynah::bench {

/// What a result file says it is, under "format".
constexpr int result_format = 1;

/// Reads a result file. Errors: input_error naming the file for what is none.
nlohmann::ordered_json read_results(const std::filesystem::path& path);

/// A row for each contestant of each result: workload, device, cache, who, path, times, share of the roof, ratios.
std::string csv_of(const nlohmann::ordered_json& document);

/// The contestants of one result, for a person: what they took and how they compare with mynah's first.
std::string text_of(const nlohmann::ordered_json& result);

/// A result file as a Markdown table: what it was measured on and when, then a row for each workload and path.
std::string table_of(const nlohmann::ordered_json& document);

/// The peer's time divided by mynah's: of bests and of medians.
struct Ratio {
  double bests = 0.0, medians = 0.0;
};
Ratio ratio_of(const nlohmann::ordered_json& peer, const nlohmann::ordered_json& mynah);

/// 3 significant digits, and separators of thousands: "11.4", "1,704".
std::string rounded(double value);

}  // namespace mynah::bench
