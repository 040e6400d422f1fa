#include "engine/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "demonstrations_fixture.h"

namespace mynah {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Every row is in exactly one part, and each part is in order.
void expect_partition(const Demonstrations& d, const DataSplit& split) {
  std::vector<int> seen(static_cast<std::size_t>(d.rows()), 0);
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    EXPECT_TRUE(std::is_sorted(part->begin(), part->end()));
    for (const std::int32_t row : *part) ++seen.at(static_cast<std::size_t>(row));
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), d.rows());
}

std::set<Index> episodes_of(const Demonstrations& d, const std::vector<std::int32_t>& rows) {
  std::set<Index> episodes;
  for (const std::int32_t row : rows) episodes.insert(d.episode_of(row));
  return episodes;
}

TEST(Split, NoEpisodeIsInTwoParts) {
  for (const Index count : {5, 6, 10, 57, 100}) {
    std::vector<Index> lengths;
    for (Index e = 0; e < count; ++e) lengths.push_back(1 + e % 7);
    const Demonstrations d = random_demonstrations(lengths, 1, 1);
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const DataSplit split = split_by_episode(d, {.validation_fraction = 0.2, .test_fraction = 0.1, .seed = seed});
      ASSERT_TRUE(split.by_episode);
      EXPECT_THAT(split.warning, IsEmpty());
      expect_partition(d, split);
      const auto train = episodes_of(d, split.train);
      const auto validation = episodes_of(d, split.validation);
      const auto test = episodes_of(d, split.test);
      EXPECT_EQ(static_cast<Index>(train.size() + validation.size() + test.size()), count);
      EXPECT_EQ(static_cast<double>(validation.size()), std::round(0.2 * static_cast<double>(count)));
      EXPECT_EQ(static_cast<double>(test.size()), std::round(0.1 * static_cast<double>(count)));
    }
  }
}

TEST(Split, TheSeedDecides) {
  const Demonstrations d = random_demonstrations(std::vector<Index>(40, 3), 1, 1);
  const DataSplit a = split_by_episode(d, {.validation_fraction = 0.25, .seed = 1});
  EXPECT_EQ(a.validation, split_by_episode(d, {.validation_fraction = 0.25, .seed = 1}).validation);
  EXPECT_NE(a.validation, split_by_episode(d, {.validation_fraction = 0.25, .seed = 2}).validation);
  EXPECT_THAT(a.description, HasSubstr("30 episodes (90 rows) to train, 10 (30) to validate"));
}

TEST(Split, EveryEpisodeIsHeldOutAboutEquallyOften) {
  const Demonstrations d = random_demonstrations(std::vector<Index>(10, 1), 1, 1);
  std::vector<int> held_out(10, 0);
  for (std::uint64_t seed = 0; seed < 10000; ++seed) {
    for (const std::int32_t row : split_by_episode(d, {.validation_fraction = 0.2, .seed = seed}).validation) {
      ++held_out[static_cast<std::size_t>(row)];
    }
  }
  // Binomial(10000, 0.2): standard deviation 40. Five of them.
  for (const int count : held_out) EXPECT_NEAR(count, 2000, 200);
}

TEST(Split, FewEpisodesFallBackToBlocksWithAWarning) {
  const Demonstrations d = random_demonstrations({20, 10}, 1, 1);
  const DataSplit split = split_by_episode(d, {.validation_fraction = 0.2, .test_fraction = 0.1});
  EXPECT_FALSE(split.by_episode);
  EXPECT_THAT(split.warning, HasSubstr("2 episodes are too few"));
  EXPECT_THAT(split.validation, ElementsAre(14, 15, 16, 17, 27, 28));
  EXPECT_THAT(split.test, ElementsAre(18, 19, 29));
  expect_partition(d, split);
  EXPECT_THAT(split_by_episode(random_demonstrations({20}, 1, 1)).warning, HasSubstr("1 episode is"));
}

TEST(Split, APartThatWouldBeEmptyFallsBackToo) {
  const Demonstrations d = random_demonstrations({100, 100, 100, 100, 100, 100}, 1, 1);
  const DataSplit split = split_by_episode(d, {.validation_fraction = 0.05});
  EXPECT_FALSE(split.by_episode);
  EXPECT_EQ(split.validation.size(), 30u);
  expect_partition(d, split);
}

TEST(Split, TinyEpisodesGiveUpTheLastRows) {
  const Demonstrations d = random_demonstrations({2, 2, 2}, 1, 1);
  const DataSplit split = split_by_episode(d, {.validation_fraction = 0.1, .test_fraction = 0.1});
  EXPECT_THAT(split.train, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(split.validation, ElementsAre(4));
  EXPECT_THAT(split.test, ElementsAre(5));
  const DataSplit three =
      split_by_episode(random_demonstrations({3}, 1, 1), {.validation_fraction = 0.45, .test_fraction = 0.54});
  EXPECT_THAT(three.train, ElementsAre(0));
  EXPECT_THAT(three.validation, ElementsAre(1));
  EXPECT_THAT(three.test, ElementsAre(2));
}

TEST(Split, NothingHeldOutNeedsNoWarning) {
  const Demonstrations d = random_demonstrations({4, 4}, 1, 1);
  const DataSplit split = split_by_episode(d, {.validation_fraction = 0.0});
  EXPECT_EQ(split.train.size(), 8u);
  EXPECT_THAT(split.warning, IsEmpty());
}

TEST(Split, ImpossibleFractionsAreRefused) {
  const Demonstrations d = random_demonstrations({1}, 1, 1);
  const auto refused = [&](double validation, double test) {
    return refusal_of([&] { split_by_episode(d, {.validation_fraction = validation, .test_fraction = test}); });
  };
  EXPECT_THAT(refused(1.0, 0.0), HasSubstr("fraction 1"));
  EXPECT_THAT(refused(-0.1, 0.0), HasSubstr("-0.1"));
  EXPECT_THAT(refused(std::nan(""), 0.0), HasSubstr("nan"));
  EXPECT_THAT(refused(0.5, 0.5), HasSubstr("nothing to train on"));
  EXPECT_THAT(refused(0.1, 0.0), HasSubstr("1 rows cannot be divided"));
}

TEST(Folds, ShareTheEpisodesEvenly) {
  const Demonstrations d = random_demonstrations({3, 1, 4, 2, 6, 5, 3}, 1, 1);
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 3; row < d.rows(); ++row) rows.push_back(row);  // without the first episode
  for (const Index count : {2, 4, 6}) {
    const auto folds = folds_of_episodes(d, rows, count, 1);
    ASSERT_EQ(static_cast<Index>(folds.size()), count);
    std::vector<int> seen(rows.size(), 0);
    std::set<Index> episodes;
    for (const auto& fold : folds) {
      EXPECT_TRUE(std::is_sorted(fold.begin(), fold.end()));
      std::vector<std::int32_t> own;
      for (const std::int32_t position : fold) {
        ++seen.at(static_cast<std::size_t>(position));
        own.push_back(rows[static_cast<std::size_t>(position)]);
      }
      const std::set<Index> of_fold = episodes_of(d, own);
      EXPECT_LE(std::abs(static_cast<Index>(of_fold.size()) - 6 / count), 1);
      for (const Index episode : of_fold) EXPECT_TRUE(episodes.insert(episode).second) << "in two folds";
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<Index>(rows.size()));
    EXPECT_EQ(folds, folds_of_episodes(d, rows, count, 1));
  }
  EXPECT_NE(folds_of_episodes(d, rows, 3, 1), folds_of_episodes(d, rows, 3, 2));
  EXPECT_THAT(refusal_of([&] { folds_of_episodes(d, rows, 1, 1); }), HasSubstr("1 folds leave nothing to train on"));
  EXPECT_THAT(refusal_of([&] { folds_of_episodes(d, rows, 7, 1); }),
              HasSubstr("has 6 episodes, which 7 folds cannot be made of"));
}

}  // namespace
}  // namespace mynah
