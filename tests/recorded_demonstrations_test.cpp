#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "demonstrations_fixture.h"
#include "engine/inspection.h"
#include "engine/npz.h"
#include "engine/split.h"
#include "shared_data.h"

namespace mynah {
namespace {

/// The figures that the data's own description states.
struct Recorded {
  const char* name;
  Index episodes;
  Index shortest, longest;
  Index rows;
  Index observation_size;
  Index actions;  ///< Columns, or classes when discrete.
  bool discrete;
  double mean, deviation, lowest, highest;  ///< Of the returns.
  Index terminals, timeouts;
  double outside_unit;
};

void PrintTo(const Recorded& recorded, std::ostream* stream) {
  *stream << recorded.name;
}

class RecordedDemonstrations : public ::testing::TestWithParam<Recorded> {};

TEST_P(RecordedDemonstrations, HaveTheFiguresOfTheirDescription) {
  const Recorded& expected = GetParam();
  MYNAH_SHARED_DATA_OR_SKIP(path, std::string("demonstrations/") + expected.name);
  const Demonstrations d = load_demonstrations(path);
  const Inspection i = inspect(d);
  EXPECT_EQ(i.episodes, expected.episodes);
  EXPECT_EQ(i.rows, expected.rows);
  EXPECT_EQ(i.lengths.minimum, static_cast<double>(expected.shortest));
  EXPECT_EQ(i.lengths.maximum, static_cast<double>(expected.longest));
  EXPECT_EQ(i.observation_size, expected.observation_size);
  EXPECT_EQ(i.discrete, expected.discrete);
  EXPECT_EQ(i.discrete ? i.action_count : i.action_size, expected.actions);
  EXPECT_NEAR(i.returns.mean, expected.mean, 0.005);
  EXPECT_NEAR(i.returns.standard_deviation, expected.deviation, 0.005);
  EXPECT_NEAR(i.returns.minimum, expected.lowest, 0.05);
  EXPECT_NEAR(i.returns.maximum, expected.highest, 0.05);
  EXPECT_EQ(i.terminals, expected.terminals);
  EXPECT_EQ(i.timeouts, expected.timeouts);
  EXPECT_EQ(i.not_finite, 0);
  if (!expected.discrete) {
    // Stated rounded to whole percents, and to tenths below one percent.
    const double half_a_digit = (expected.outside_unit < 0.01 ? 0.001 : 0.01) / 2;
    EXPECT_NEAR(i.actions_outside_unit, expected.outside_unit, half_a_digit + 1e-9);
  }
  for (Index e = 0; e < d.episodes(); ++e) {  // "inside an episode next_observations[t] == observations[t + 1]"
    const RowRange rows = d.episode(e);
    const Index k = d.observation_size;
    EXPECT_TRUE(std::equal(d.next_observations.begin() + rows.begin * k,
                           d.next_observations.begin() + (rows.end - 1) * k,
                           d.observations.begin() + (rows.begin + 1) * k));
  }
  const TemporaryFolder folder;
  save_demonstrations(folder / "again.npz", d);
  expect_same_data(load_demonstrations(folder / "again.npz"), d);
}

INSTANTIATE_TEST_SUITE_P(
    Files, RecordedDemonstrations,
    ::testing::Values(
        Recorded{"cartpole.npz", 57, 393, 500, 26964, 4, 2, true, 473.05, 26.51, 393.0, 500.0, 42, 15, 0},
        Recorded{"hopper.npz", 2, 1000, 1000, 2000, 11, 3, false, 3772.67, 1.95, 3770.7, 3774.6, 0, 2, 0.45},
        Recorded{"half_cheetah.npz", 2, 1000, 1000, 2000, 17, 6, false, 4205.78, 83.04, 4122.7, 4288.8, 0, 2, 0.20},
        Recorded{"ant.npz", 2, 1000, 1000, 2000, 111, 8, false, 4713.65, 12.20, 4701.5, 4725.8, 0, 2, 0.002}),
    [](const auto& test) {
      const std::string name = test.param.name;
      return name.substr(0, name.find('.'));
    });

TEST(RecordedData, AntHasSixtyConstantColumns) {
  MYNAH_SHARED_DATA_OR_SKIP(path, "demonstrations/ant.npz");
  const Inspection i = inspect(load_demonstrations(path));
  EXPECT_EQ(i.constant_observations.size(), 60u);
  for (const Index column : i.constant_observations) {
    EXPECT_GE(column, 27);  // contact forces
    EXPECT_EQ(i.observations[static_cast<std::size_t>(column)].maximum, 0.0);
  }
}

TEST(RecordedData, CartPoleActionsAreCounted) {
  MYNAH_SHARED_DATA_OR_SKIP(path, "demonstrations/cartpole.npz");
  const Demonstrations d = load_demonstrations(path);
  EXPECT_THAT(inspect(d).class_counts, ::testing::ElementsAre(13568, 13396));
  const DataSplit split = split_by_episode(d);
  EXPECT_TRUE(split.by_episode);
  EXPECT_EQ(split.train.size() + split.validation.size(), 26964u);
}

TEST(RecordedData, HopperVelocitiesAreClippedInAFifthOfTheRows) {
  MYNAH_SHARED_DATA_OR_SKIP(path, "demonstrations/hopper.npz");
  const Demonstrations d = load_demonstrations(path);
  Index clipped = 0;
  for (Index row = 0; row < d.rows(); ++row) {
    bool any = false;
    for (Index c = 5; c < 11; ++c) any |= std::abs(d.observations[static_cast<std::size_t>(row * 11 + c)]) == 10.0f;
    clipped += any ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(clipped) / 2000.0, 0.2, 0.03);
}

TEST(RecordedData, ExpertNetworksAreReadable) {
  MYNAH_SHARED_DATA_OR_SKIP(path, "experts/hopper.npz");
  NpzReader reader(path);
  EXPECT_THAT(reader.read("w0").shape, ::testing::ElementsAre(11, 64));
}

}  // namespace
}  // namespace mynah
