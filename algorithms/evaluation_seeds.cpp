#include "algorithms/evaluation_seeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/error.h"

namespace mynah {
namespace {

constexpr std::uint64_t most_seeds = 1000;

std::uint64_t parse_seed(const std::string& text, const std::string& all) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) {
    throw input_error("--seeds " + all, "'" + text + "' is no seed",
                      "give how many seeds to take, such as 5, or which ones, such as 1,2,7");
  }
  return value;
}

template <class Value>
void append(std::vector<Value>& all, const std::vector<Value>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

SeedsEvaluation summarize_seeds(const TaskDescription& task, std::span<const std::uint64_t> seeds,
                                std::vector<EpisodeOutcomes> outcomes) {
  SeedsEvaluation result;
  result.seeds.assign(seeds.begin(), seeds.end());
  EpisodeOutcomes all;
  for (const EpisodeOutcomes& one : outcomes) {
    append(all.returns, one.returns);
    append(all.lengths, one.lengths);
    append(all.terminated, one.terminated);
  }
  result.all = summarize(task, std::move(all), seeds.front());
  result.per_seed.reserve(seeds.size());
  for (std::size_t s = 0; s < seeds.size(); ++s) {
    result.per_seed.push_back(summarize(task, std::move(outcomes[s]), seeds[s]));
  }
  return result;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text, std::uint64_t first) {
  std::vector<std::uint64_t> seeds;
  if (text.find(',') == std::string::npos) {
    const std::uint64_t count = parse_seed(text, text);
    if (count < 1 || count > most_seeds) {
      throw input_error("--seeds " + text, fmt::format("asks for {} seeds", count),
                        fmt::format("give 1 to {}; one seed by its number is --seed {}", most_seeds, text));
    }
    for (std::uint64_t i = 0; i < count; ++i) seeds.push_back(first + i);
    return seeds;
  }
  std::istringstream list(text + ",");
  for (std::string one; std::getline(list, one, ',');) {
    seeds.push_back(parse_seed(one, text));
    if (std::count(seeds.begin(), seeds.end(), seeds.back()) > 1) {
      throw input_error("--seeds " + text, "names seed " + one + " twice", "the same episodes tell nothing new");
    }
  }
  return seeds;
}

nlohmann::ordered_json to_json(const SeedsEvaluation& result) {
  nlohmann::ordered_json json = to_json(result.all);
  json["seeds"] = result.seeds;
  json["per_seed"] = nlohmann::ordered_json::array();
  for (std::size_t s = 0; s < result.seeds.size(); ++s) {
    nlohmann::ordered_json one{{"seed", result.seeds[s]}};
    one.update(to_json(result.per_seed[s]));
    json["per_seed"].push_back(std::move(one));
  }
  return json;
}

}  // namespace mynah
