#include "engine/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "demonstrations_fixture.h"

namespace mynah {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Inspection, ColumnsLengthsAndReturns) {
  Demonstrations d = random_demonstrations({3, 1}, 2, 1);
  d.observations = {1, 5, 2, 5, 3, 5, 6, 5};
  d.actions = {-1, 0.5, 2, -1};
  d.rewards = {1, 2, 3, 10};
  const Inspection i = inspect(d);
  EXPECT_EQ(i.rows, 4);
  EXPECT_EQ(i.lengths.minimum, 1);
  EXPECT_EQ(i.lengths.mean, 2);
  EXPECT_EQ(i.lengths.maximum, 3);
  EXPECT_EQ(i.returns.mean, 8);
  EXPECT_EQ(i.returns.standard_deviation, 2);
  EXPECT_EQ(i.observations[0].mean, 3);
  EXPECT_DOUBLE_EQ(i.observations[0].standard_deviation, std::sqrt(14.0 / 4));
  EXPECT_THAT(i.constant_observations, ElementsAre(1));
  EXPECT_EQ(i.observations[1].standard_deviation, 0);
  EXPECT_FALSE(i.observations[1].saturated);
  EXPECT_TRUE(i.actions[0].saturated);
  EXPECT_EQ(i.actions[0].at_minimum, 0.5);
  EXPECT_EQ(i.actions[0].at_maximum, 0.25);
  EXPECT_EQ(i.actions_outside_unit, 0.25);
  EXPECT_EQ(i.not_finite, 0);
  EXPECT_EQ(i.duplicate_rows, 0);
}

TEST(Inspection, FindsEveryNotANumber) {
  Demonstrations d = random_demonstrations({10, 10, 10}, 3, 2);
  d.observations[12 * 3 + 1] = std::numeric_limits<float>::quiet_NaN();
  d.actions[29 * 2] = -std::numeric_limits<float>::infinity();
  d.rewards[11] = std::numeric_limits<float>::infinity();
  const Inspection i = inspect(d);
  EXPECT_EQ(i.not_finite, 3);
  ASSERT_EQ(i.not_finite_values.size(), 3u);
  EXPECT_EQ(i.not_finite_values[0].array, "observations");
  EXPECT_EQ(i.not_finite_values[0].row, 12);
  EXPECT_EQ(i.not_finite_values[0].column, 1);
  EXPECT_EQ(i.not_finite_values[0].episode, 1);
  EXPECT_EQ(i.not_finite_values[0].step, 2);
  EXPECT_EQ(i.not_finite_values[2].column, -1);
  EXPECT_THAT(i.not_finite_episodes, ElementsAre(1, 2));
  EXPECT_EQ(i.observations[1].not_finite, 1);
  EXPECT_TRUE(std::isfinite(i.observations[1].mean));
  EXPECT_THAT(to_text(i), HasSubstr("observations[12, 1] is nan (episode 1, step 2)"));
  const auto json = nlohmann::json::parse(to_json(i));
  EXPECT_EQ(json["not_finite_values"][1]["value"], "-inf");
  EXPECT_TRUE(json["return"]["mean"].is_null());
  EXPECT_NO_THROW(drop_episodes(d, i.not_finite_episodes).validate());
}

TEST(Inspection, AColumnWithoutAnyNumber) {
  Demonstrations d = random_demonstrations({2}, 1, 1);
  d.observations = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
  const Inspection i = inspect(d);
  EXPECT_TRUE(std::isnan(i.observations[0].minimum));
  EXPECT_FALSE(i.observations[0].constant);
  EXPECT_TRUE(nlohmann::json::parse(to_json(i))["observations"][0]["min"].is_null());
}

TEST(Inspection, Duplicates) {
  const Demonstrations d = random_demonstrations({4, 3, 4}, 3, 2);
  EXPECT_EQ(inspect(d).duplicate_rows, 0);
  const Demonstrations twice = d.select(std::vector<Index>{0, 1, 0, 2, 1});
  const Inspection i = inspect(twice);
  EXPECT_EQ(i.duplicate_rows, 7);
  ASSERT_EQ(i.duplicate_episodes.size(), 2u);
  EXPECT_EQ(i.duplicate_episodes[0].episode, 2);
  EXPECT_EQ(i.duplicate_episodes[0].same_as, 0);
  EXPECT_EQ(i.duplicate_episodes[1].episode, 4);
  EXPECT_EQ(i.duplicate_episodes[1].same_as, 1);
  EXPECT_THAT(to_text(i), HasSubstr("episode 4 is the same as episode 1"));
  // The same observations with another action are another row.
  Demonstrations other = random_demonstrations({2}, 1, 2, true);
  other.observations = {1, 1};
  other.labels = {0, 1};
  EXPECT_EQ(inspect(other).duplicate_rows, 0);
  other.labels = {1, 1};
  EXPECT_EQ(inspect(other).duplicate_rows, 1);
}

TEST(Inspection, DiscreteActionsAreCounted) {
  Demonstrations d = random_demonstrations({5}, 2, 4, true);
  d.labels = {0, 2, 2, 0, 2};
  const Inspection i = inspect(d);
  EXPECT_THAT(i.class_counts, ElementsAre(2, 0, 3, 0));
  EXPECT_THAT(i.actions, IsEmpty());
  EXPECT_THAT(to_text(i), HasSubstr("60.0 %"));
  EXPECT_EQ(nlohmann::json::parse(to_json(i))["class_counts"][2], 3);
}

TEST(Inspection, TextSaysWhenNothingWasFound) {
  Demonstrations d = random_demonstrations({300}, 2, 1);
  d.actions.clear();
  for (int row = 0; row < 300; ++row) d.actions.push_back(static_cast<float>(row) / 300);
  EXPECT_THAT(to_text(inspect(d)), HasSubstr("findings\n  none"));
  d.rewards.clear();
  EXPECT_THAT(to_text(inspect(d)), HasSubstr("no rewards"));
  EXPECT_THAT(to_text(inspect(d), 1), HasSubstr("and 1 more"));
  d.source = "not UTF-8: \xff";
  EXPECT_TRUE(nlohmann::json::accept(to_json(inspect(d))));
}

TEST(Inspection, DroppedEpisodesAreGone) {
  Demonstrations d = random_demonstrations({2, 3, 4}, 2, 1);
  const Demonstrations rest = drop_episodes(d, std::vector<Index>{1, 1});
  EXPECT_THAT(rest.episode_ends, ElementsAre(2, 6));
  EXPECT_EQ(rest.observations[4], d.observations[10]);
  EXPECT_THAT(refusal_of([&] { drop_episodes(d, std::vector<Index>{3}); }), HasSubstr("no episode 3"));
  EXPECT_THAT(refusal_of([&] { drop_episodes(d, std::vector<Index>{-1}); }), HasSubstr("no episode -1"));
  EXPECT_THAT(refusal_of([&] { drop_episodes(d, std::vector<Index>{0, 1, 2}); }), HasSubstr("no episode is left"));
}

}  // namespace
}  // namespace mynah
