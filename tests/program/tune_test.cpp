// `mynah-operations tune` as its users meet it, on the CUDA device that is a CPU; and what the program makes of its
// file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Tune : public testing::Test {
 protected:
  ~Tune() override { ::unsetenv("MYNAH_TUNING"); }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  /// The file is named where none is given.
  ProgramResult tune(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "tune");
    arguments.insert(arguments.end(), {"--file", path("tuning.json")});
    return run_other_program(MYNAH_OPERATIONS_CUDA_ON_CPU, arguments);
  }
  json file() const { return json::parse(read_file(path("tuning.json"))); }

  TemporaryFolder folder_;
};

TEST_F(Tune, MeasuresANetworkAndKeepsTheChoices) {
  auto result = tune({"--network", "5-24-3", "--batch", "33", "--json", path("report.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, AllOf(HasSubstr("CUDA on CPU"), HasSubstr("times say nothing of a GPU"),
                                   HasSubstr("cuBLASLt is not in this build"), HasSubstr("forward 33 x 24 x 5 float32"),
                                   HasSubstr(" wins"), HasSubstr("MYNAH_TUNING=" + path("tuning.json"))));
  const json device = file().at("devices").at(0);
  EXPECT_THAT(device.at("device").get<std::string>(), HasSubstr("CUDA on CPU"));
  ASSERT_EQ(device.at("products").size(), 5U) << "all but the gradient of the network's input";

  const json report = json::parse(read_file(path("report.json")));
  ASSERT_EQ(report.at("products").size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    const json& contest = report.at("products").at(i);
    EXPECT_GE(contest.at("contestants").size(), 1U);
    EXPECT_EQ(contest.at("contestants").at(0).at("name"), contest.at("rule"));
    double chosen = 0.0, of_rule = 0.0;
    for (const json& one : contest.at("contestants")) {
      ASSERT_FALSE(one.contains("problem")) << one;
      const double time = one.at("microseconds");
      if (one.at("name") == contest.at("chosen")) chosen = time;
      if (one.at("name") == contest.at("rule")) of_rule = time;
    }
    EXPECT_EQ(device.at("products").at(i).at("microseconds"), chosen);
    EXPECT_EQ(device.at("products").at(i).at("rule").at("microseconds"), of_rule);
    EXPECT_LE(chosen, of_rule);
  }

  // Once more: other products stay, the same one is replaced.
  result = tune({"--shape", "33,5,24;7,5,3", "--product", "forward", "--precision", "float32,tf32", "--cache", "hot"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(file().at("devices").at(0).at("products").size(), 5U + 3U);
}

TEST_F(Tune, RefusesWhatItCannotMeasureBeforeItMeasures) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "no product was given"},
      {{"--shape", "1,2"}, "a layer has three sizes"},
      {{"--shape", "1,2,3;"}, "not a list of whole numbers above 0"},
      {{"--shape", "1,0,3"}, "not a list of whole numbers above 0"},
      {{"--shape", "1,2,3x"}, "not a list of whole numbers above 0"},
      {{"--shape", "1,2,99999999999999999999"}, "not a list of whole numbers above 0"},
      {{"--network", "17"}, "has no layer"},
      {{"--network", "17-256", "--batch", "0"}, "0 is below 1"},
      {{"--network", "17-256", "--product", "backward"}, "there is no product 'backward'"},
      {{"--network", "17-256", "--precision", "float16"}, "float16"},
      {{"--network", "17-256", "--device", "cpu"}, "is not a CUDA device"},
      {{"--network", "17-256", "--device", "cuda:9"}, "cuda:9"},
      {{"--network", "17-256", "--rounds", "2"}, "--rounds"},
  };
  for (const auto& [arguments, problem] : cases) {
    SCOPED_TRACE(problem);
    const ProgramResult result = tune(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr(problem));
    EXPECT_THAT(result.output, Not(HasSubstr("wins")));
  }
  write_file(path("tuning.json"), "{\n \"format\": ");
  const ProgramResult result = tune({"--network", "5-6"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, AllOf(HasSubstr(path("tuning.json") + ", line 2"), HasSubstr("measure again")));
  EXPECT_THAT(result.output, Not(HasSubstr("wins")));
  EXPECT_EQ(read_file(path("tuning.json")), "{\n \"format\": ");
}

TEST_F(Tune, ItsFileIsUsedWhereAskedFor) {
  ASSERT_EQ(tune({"--shape", "7,5,3", "--product", "forward"}).exit_code, 0);
  const std::string devices = run_program({"devices"}).output;
  const auto expect_refused = [&](const ProgramResult& result) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.errors, HasSubstr(path("missing.json") + ": there is no such file"));
  };
  const auto list_operations = [] {
    return run_other_program(MYNAH_OPERATIONS_CUDA_ON_CPU, {"list", "--name", "dropout"});
  };
  ::setenv("MYNAH_TUNING", path("missing.json").c_str(), 1);
  expect_refused(run_program({"devices"}));
  expect_refused(list_operations());
  EXPECT_EQ(run_program({"devices", "--help"}).exit_code, 0);
  ::setenv("MYNAH_TUNING", "off", 1);
  EXPECT_EQ(run_program({"devices"}).output, devices);
  ::setenv("MYNAH_TUNING", path("tuning.json").c_str(), 1);
  EXPECT_EQ(run_program({"devices"}).output, devices);
  EXPECT_EQ(list_operations().exit_code, 0);
}

/// A run trains with what it began with, wherever it goes on and whatever becomes of the file.
TEST_F(Tune, ARunKeepsTheKernelsThatItBeganWith) {
  ASSERT_EQ(tune({"--shape", "7,5,3", "--product", "forward"}).exit_code, 0);
  ASSERT_EQ(run_program({"record", "--task", "pendulum", "--episodes", "6", "--device", "cpu", "--out", path("d.npz")})
                .exit_code,
            0);
  const auto train = [&](const std::string& run, std::vector<std::string> more) {
    more.insert(more.begin(), {"train", "bc", "--data", path("d.npz"), "--hidden", "8", "--epochs", "1", "--device",
                               "cpu", "--overwrite", "--out", path(run)});
    return run_program(more);
  };
  EXPECT_EQ(train("plain", {}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("plain/linear_tuning.json")));
  EXPECT_EQ(train("told", {"--tuning", path("tuning.json")}).exit_code, 0);
  EXPECT_EQ(read_file(path("told/linear_tuning.json")), read_file(path("tuning.json")));
  EXPECT_THAT(read_file(path("told/config.toml")), HasSubstr(path("tuning.json")));
  EXPECT_EQ(train("told", {}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("told/linear_tuning.json"))) << "of the earlier run";

  ::setenv("MYNAH_TUNING", path("tuning.json").c_str(), 1);
  EXPECT_EQ(train("environment", {}).exit_code, 0);
  EXPECT_EQ(read_file(path("environment/linear_tuning.json")), read_file(path("tuning.json")));
  EXPECT_EQ(train("told", {"--tuning", "off"}).exit_code, 0) << "the command line wins";
  EXPECT_FALSE(std::filesystem::exists(path("told/linear_tuning.json")));
  ::unsetenv("MYNAH_TUNING");

  const ProgramResult result = train("wrong", {"--tuning", path("d.npz")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("is not JSON"));
  EXPECT_FALSE(std::filesystem::exists(path("wrong")));

  // Interrupted before its only epoch was over, resumed without the file it was told of.
  std::filesystem::remove(path("environment/policy.safetensors"));
  std::filesystem::remove(path("tuning.json"));
  EXPECT_EQ(run_program({"resume", path("environment")}).exit_code, 0);
  std::filesystem::remove(path("environment/policy.safetensors"));
  write_file(path("environment/linear_tuning.json"), "{}");
  EXPECT_EQ(run_program({"resume", path("environment")}).exit_code, 2) << "it is read";
}

}  // namespace
}  // namespace mynah::tests
