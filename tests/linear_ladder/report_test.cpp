// What the ladder's program says of its versions: names, shapes, counts, and which are wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/linear_ladder/climb.h"
#include "bench/linear_ladder/measure.h"
#include "kernels/error.h"
#include "kernels/linear.h"

namespace mynah::ladder {
namespace {

using testing::Each;
using testing::Gt;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr DeviceId device{Backend::cuda, 0};

/// With rounded factors.
void nearly_right(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  kernels::linear_forward(stream, x, w, b, kernels::Activation::none, y, {}, {kernels::Precision::tf32});
}

/// Without its last row.
void unfinished(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y) {
  naive(stream, x.middle_rows(0, x.rows - 1), w, b, y.middle_rows(0, y.rows - 1));
}

Version planted(Linear* run) {
  Version version = versions().front();
  version.name = "planted";
  version.run = run;
  return version;
}

TEST(LadderReport, SaysWhichVersionIsWrong) {
  for (Linear* const run : {nearly_right, unfinished}) {
    Climb options;
    options.versions = {versions().front(), planted(run)};
    options.shape = {3, 4, 2};
    options.timed = false;
    const Report report = climb(device, options);
    EXPECT_FALSE(report.right) << report.text;
    EXPECT_THAT(report.text, HasSubstr("WRONG"));
    EXPECT_THAT(report.text, HasSubstr("naive "));
    options.versions.pop_back();
    EXPECT_TRUE(climb(device, options).right);
  }
}

TEST(LadderReport, TimesEveryVersionInEveryRound) {
  Stream stream(device);
  const Problem problem(stream, 5, 6, 7);
  const auto times = time_versions(stream, problem, versions(), 2, 1e-6);
  ASSERT_THAT(times, SizeIs(versions().size()));
  for (const std::vector<double>& of_version : times) {
    EXPECT_THAT(of_version, SizeIs(2));
    EXPECT_THAT(of_version, Each(Gt(0.0)));
  }
}

TEST(LadderReport, OfAGpuHasATimeForEachVersionAndTheLibraryIsAllOfItself) {
  Climb options;
  options.versions = find_versions("all");
  options.shape = {3, 4, 2};
  options.rounds = 1;
  const std::string text = climb(device, options).text;
  EXPECT_THAT(text, HasSubstr("GFLOP/s"));
  EXPECT_THAT(text, HasSubstr("100.0 %"));
  EXPECT_THAT(text, Not(HasSubstr("WRONG")));
}

TEST(LadderReport, CountsLaunches) {
  Stream stream(device);
  const Problem wide(stream, 128, 32, 8), deep(stream, 64, 33, 2048);
  const auto launches = [&](const Problem& problem, const char* name) {
    return launches_of(stream, problem, find_versions(name).front());
  };
  EXPECT_EQ(launches(wide, "naive"), 1);
  EXPECT_EQ(launches(wide, "library"), 1);
  EXPECT_EQ(launches(wide, "fused"), 1);
  EXPECT_EQ(launches(wide, "separate"), 2);
  EXPECT_EQ(launches(deep, "library"), 2);  // parts of k, and their sum
}

TEST(LadderReport, CountsLoads) {
  const auto loads = [](const char* name, Index m, Index n, Index k) {
    return loads_per_multiply_add(find_versions(name).front(), m, n, k);
  };
  EXPECT_DOUBLE_EQ(loads("naive", 100, 7, 9), 2.0);
  EXPECT_DOUBLE_EQ(loads("shared-tiles", 64, 64, 9), 2.0 / 32);
  EXPECT_DOUBLE_EQ(loads("register-tiles", 64, 128, 9), 2.0 / 64);
  EXPECT_DOUBLE_EQ(loads("register-tiles", 65, 128, 9), 1.0 / 64 + 2.0 / 65);
  EXPECT_DOUBLE_EQ(loads("library", 4096, 4096, 4096), 2.0 / 128);
  EXPECT_DOUBLE_EQ(loads("library", 1, 4096, 4096), 2.0);
}

TEST(LadderNames, AreFoundOrRefused) {
  EXPECT_THAT(find_versions("all"), SizeIs(versions().size()));
  EXPECT_THAT(find_versions("fused"), SizeIs(1));
  try {
    find_versions("shared-tile");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'shared-tiles'?"));
    for (const Version& version : versions()) EXPECT_THAT(error.what(), HasSubstr(version.name));
  }
}

TEST(LadderShapes, AreThreeSizes) {
  EXPECT_EQ(parse_shape("4096,1,33"), (std::array<Index, 3>{4096, 1, 33}));
  EXPECT_EQ(parse_shape("1048576,1,1")[0], 1048576);
  for (const char* text : {"", "4", "4,5", "4,5,", "4,5,6,", "4,5,6,7", "4 5 6", "a,5,6", "4,5,6x", "0,5,6", "4,-5,6",
                           "4,5,1048577", "99999999999999999999,1,1"}) {
    EXPECT_THROW(parse_shape(text), Error) << text;
  }
}

}  // namespace
}  // namespace mynah::ladder
