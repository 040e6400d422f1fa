// Evaluation over several seeds: together and each, and which seeds words mean.

#include "algorithms/evaluation_seeds.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "kernels/error.h"

namespace mynah {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

EpisodeOutcomes outcomes_of(std::vector<double> returns, std::vector<std::uint8_t> terminated) {
  EpisodeOutcomes outcomes;
  outcomes.lengths.assign(returns.size(), 10);
  outcomes.returns = std::move(returns);
  outcomes.terminated = std::move(terminated);
  return outcomes;
}

TEST(EvaluationSeeds, AllEpisodesTogetherAndThoseOfEachSeed) {
  TaskDescription task;
  task.name = "Plain-v0";
  const std::vector<std::uint64_t> seeds{7, 3};
  const SeedsEvaluation result =
      summarize_seeds(task, seeds, {outcomes_of({1.0, 2.0}, {1, 0}), outcomes_of({6.0, 11.0}, {0, 0})});
  EXPECT_EQ(result.all.episodes, 4);
  EXPECT_DOUBLE_EQ(result.all.return_mean, 5.0);
  EXPECT_DOUBLE_EQ(result.all.return_iqm, 4.0);
  EXPECT_DOUBLE_EQ(result.all.terminated_rate.value(), 0.25);
  EXPECT_THAT(result.all.returns, ElementsAre(1.0, 2.0, 6.0, 11.0));
  EXPECT_DOUBLE_EQ(result.per_seed.at(0).return_mean, 1.5);
  EXPECT_DOUBLE_EQ(result.per_seed.at(1).return_mean, 8.5);
  EXPECT_EQ(result.per_seed.at(1).return_ci95, summarize(task, outcomes_of({6.0, 11.0}, {0, 0}), 3).return_ci95);

  const nlohmann::json json = to_json(result);
  EXPECT_EQ(json.at("episodes"), 4);
  EXPECT_THAT(json.at("seeds"), ElementsAre(7, 3));
  EXPECT_EQ(json.at("per_seed").at(1).at("seed"), 3);
  EXPECT_EQ(json.at("per_seed").at(1).at("return_max"), 11.0);
}

TEST(EvaluationSeeds, ANumberIsHowManyAndAListIsWhich) {
  EXPECT_THAT(parse_seeds("3", 40), ElementsAre(40, 41, 42));
  EXPECT_THAT(parse_seeds("1", 0), ElementsAre(0));
  EXPECT_THAT(parse_seeds("9,1,18446744073709551615", 40), ElementsAre(9, 1, 18446744073709551615U));
}

TEST(EvaluationSeeds, WrongWordsAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"0", "asks for 0 seeds"},
      {"12345", "one seed by its number is --seed 12345"},
      {"-2", "'-2' is no seed"},
      {"few", "'few' is no seed"},
      {"1.5", "'1.5' is no seed"},
      {"1,,2", "'' is no seed"},
      {"1,", "'' is no seed"},
      {"4,5,4", "names seed 4 twice"},
      {"1,18446744073709551616", "'18446744073709551616' is no seed"},
  };
  for (const auto& [words, message] : cases) {
    try {
      parse_seeds(words, 0);
      ADD_FAILURE() << words << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_THAT(error.what(), testing::AllOf(HasSubstr(message), HasSubstr(std::string("--seeds ") + words)));
    }
  }
}

}  // namespace
}  // namespace mynah
