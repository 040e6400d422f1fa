// Mirrors of a task: how they are written, what is refused, what becomes of demonstrations.

#include "algorithms/mirror.h"

#include <gtest/gtest.h>

#include "kernels/error.h"

namespace mynah::tests {
namespace {

std::string problem_with(const std::string& text) {
  try {
    SignedPermutation::parse(text, "--mirror-observations");
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_EQ(error.place(), "--mirror-observations");
    EXPECT_FALSE(error.remedy().empty());
    return error.problem();
  }
  return "accepted";
}

TEST(SignedPermutation, ReadsColumnsWithSigns) {
  const auto permutation = SignedPermutation::parse("-0, 2,1,-4,-3", "--mirror-observations");
  EXPECT_EQ(permutation.sources, (std::vector<Index>{0, 2, 1, 4, 3}));
  EXPECT_EQ(permutation.signs, (std::vector<float>{-1, 1, 1, -1, -1}));
}

TEST(SignedPermutation, RefusesWhatIsNoMirror) {
  EXPECT_EQ(problem_with("0,1,3"), "entry 2 names column 3, of 3 columns (0 to 2)");
  EXPECT_EQ(problem_with("0,1,1"), "entries 1 and 2 both name column 1");
  EXPECT_EQ(problem_with("1,2,0"), "is not its own inverse: column 0 comes from 1, but column 1 comes from 2");
  EXPECT_EQ(problem_with("1,-0,2"),
            "is not its own inverse: columns 0 and 1 change places, but only one of them its sign");
  EXPECT_EQ(problem_with("0,x"), "entry 1 is not a column: 'x'");
  EXPECT_EQ(problem_with("0,--1"), "entry 1 is not a column: '--1'");
  EXPECT_EQ(problem_with("0,1.5"), "entry 1 is not a column: '1.5'");
  EXPECT_EQ(problem_with("0,,1"), "entry 1 is not a column: ''");
  EXPECT_EQ(problem_with("0,1,"), "ends without an entry");
  EXPECT_EQ(problem_with("0,99999999999999999999"), "entry 1 is not a column: '99999999999999999999'");
}

TEST(Mirror, NeedsBothHalves) {
  EXPECT_TRUE(Mirror::parse("", "").empty());
  EXPECT_THROW(Mirror::parse("0,1", ""), Error);
  EXPECT_THROW(Mirror::parse("", "0"), Error);
}

TEST(Mirror, ImagesStandBehindTheOriginals) {
  Demonstrations data;
  data.observation_size = 3;
  data.action_size = 2;
  data.observations = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  data.next_observations = {4, 5, 6, 7, 8, 9, 0, 1, 2};
  data.actions = {1, 2, 3, 4, 5, 6};
  data.rewards = {0.5f, 1.5f, 2.5f};
  data.terminals = {0, 1, 0};
  data.episode_ends = {2, 3};
  const auto both = with_mirror_images(data, Mirror::parse("-0,2,1", "0,-1"), 2);
  EXPECT_EQ(both.observations, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 3, 2, -4, 6, 5, -7, 9, 8}));
  EXPECT_EQ(both.next_observations, (std::vector<float>{4, 5, 6, 7, 8, 9, 0, 1, 2, -4, 6, 5, -7, 9, 8, 0, 2, 1}));
  EXPECT_EQ(both.actions, (std::vector<float>{1, 2, 3, 4, 5, 6, 1, -2, 3, -4, 5, -6}));
  EXPECT_EQ(both.rewards, (std::vector<float>{0.5f, 1.5f, 2.5f, 0.5f, 1.5f, 2.5f}));
  EXPECT_EQ(both.terminals, (std::vector<std::uint8_t>{0, 1, 0, 0, 1, 0}));
  EXPECT_EQ(both.episode_ends, (std::vector<Index>{2, 3, 5, 6}));
  both.validate_structure();
}

TEST(Mirror, ClassesChangePlaces) {
  Demonstrations data;
  data.observation_size = 1;
  data.discrete = true;
  data.action_count = 2;  // The third was never taken.
  data.observations = {1, 2, 3};
  data.labels = {0, 1, 1};
  data.terminals = {0, 0, 1};
  data.episode_ends = {3};
  const auto both = with_mirror_images(data, Mirror::parse("-0", "2,1,0"), 3);
  EXPECT_EQ(both.labels, (std::vector<std::int32_t>{0, 1, 1, 2, 1, 1}));
  EXPECT_EQ(both.action_count, 3);
  both.validate_structure();
  EXPECT_THROW(with_mirror_images(data, Mirror::parse("-0", "2,1,0"), 2), Error);
  EXPECT_THROW(with_mirror_images(data, Mirror::parse("-0", "-1,-0"), 2), Error);
}

}  // namespace
}  // namespace mynah::tests
