// mynah-linear-ladder as its users meet it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/linear_ladder/ladder.h"
#include "kernels/device.h"
#include "tests/program/program.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;
using testing::Not;

void expect_refused(const std::vector<std::string>& arguments, const std::string& problem,
                    const std::string& remedy = "") {
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.exit_code, 2) << result.output;
  EXPECT_THAT(result.errors, HasSubstr(problem));
  EXPECT_THAT(result.errors, HasSubstr(remedy));
  EXPECT_TRUE(result.output.empty()) << result.output;
}

TEST(LadderProgram, ListsItsVersions) {
  const ProgramResult result = run_program({"list"});
  EXPECT_EQ(result.exit_code, 0);
  for (const ladder::Version& version : ladder::versions()) {
    EXPECT_THAT(result.output, HasSubstr(version.name));
    EXPECT_THAT(result.output, HasSubstr(version.text));
  }
}

TEST(LadderProgram, RunsOneVersionOrAllAndTimesNothingThatIsEmulated) {
  const ProgramResult one = run_program({"run", "--version", "register-tiles", "--shape", "33,17,65"});
  EXPECT_EQ(one.exit_code, 0) << one.errors;
  EXPECT_THAT(one.output, HasSubstr("register-tiles"));
  EXPECT_THAT(one.output, HasSubstr("emulated: not timed"));
  EXPECT_THAT(one.output, Not(HasSubstr("naive")));
  const ProgramResult all = run_program({"run", "--version", "all", "--shape", "5,6,7", "--repeats", "2"});
  EXPECT_EQ(all.exit_code, 0) << all.errors;
  for (const ladder::Version& version : ladder::versions()) EXPECT_THAT(all.output, HasSubstr(version.name));
  for (const char* unit : {" us", "FLOP/s", "%"}) EXPECT_THAT(all.output, Not(HasSubstr(unit)));
}

TEST(LadderProgram, RefusesWhatThereIsNot) {
  expect_refused({}, "subcommand is required", "--help");
  expect_refused({"run"}, "--version is required", "--help");
  expect_refused({"run", "--version", "naiv"}, "there is no version 'naiv'", "did you mean 'naive'? one of: naive, ");
  expect_refused({"run", "--version", "naive", "--shape", "4,4"}, "'4,4' is no shape", "such as 4096,4096,4096");
  expect_refused({"run", "--version", "naive", "--repeats", "0"}, "--repeats");
}

TEST(LadderProgram, HasASectionForEachVersionInTheReadme) {
  const std::string text = read_file(MYNAH_SOURCE_DIR "/kernels/cuda/README.md");
  for (const ladder::Version& version : ladder::versions()) {
    EXPECT_THAT(text, HasSubstr("\n## " + version.name + "\n"));
    EXPECT_THAT(text, HasSubstr("\nbuild/release/mynah-linear-ladder run --version " + version.name + " "));
  }
}

#ifdef MYNAH_LADDER_OF_GPU
TEST(LadderProgram, OfAGpuNamesTheOtherWhereThereIsNone) {
  const ProgramResult result =
      run_other_program(MYNAH_LADDER_OF_GPU, {"run", "--version", "fused", "--shape", "5,6,7"});
  if (result.exit_code == 0) {  // there is one
    EXPECT_THAT(result.output, HasSubstr("GFLOP/s"));
    return;
  }
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("no GPU"));
  EXPECT_THAT(result.errors, HasSubstr("mynah-linear-ladder-cuda-on-cpu"));
  EXPECT_EQ(run_other_program(MYNAH_LADDER_OF_GPU, {"list"}).exit_code, 0);
}
#endif

}  // namespace
}  // namespace mynah::tests
