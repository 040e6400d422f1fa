// Robots in MuJoCo by the program: --model, --threads, and what goes wrong with them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

std::string data_file(const std::string& name) {
  return std::string(MYNAH_SOURCE_DIR) + "/tests/data/" + name;
}

class Robots : public testing::Test {
 protected:
  void SetUp() override {
    if (run_walker({}).errors.find("was built without it") != std::string::npos) {
      GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
    }
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  static ProgramResult run_walker(std::vector<std::string> more, const std::string& model = data_file("walker.xml")) {
    more.insert(more.begin(), {"evaluate", "random", "--task", "walker2d", "--model", model, "--episodes", "9",
                               "--device", "cpu", "--json"});
    return run_program(more);
  }

  static void expect_refused(const ProgramResult& result, const std::string& problem, const std::string& remedy) {
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, testing::StartsWith("mynah: "));
    EXPECT_THAT(result.errors, HasSubstr(problem));
    EXPECT_THAT(result.errors, HasSubstr(remedy));
    EXPECT_TRUE(result.output.empty()) << result.output;
  }

  TemporaryFolder folder_;
};

TEST_F(Robots, AModelIsTakenFromItsFile) {
  const auto result = run_walker({});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("task"), "Walker2d-v2");
  EXPECT_GT(result.json().at("terminated_rate"), 0.0);
  const auto own = run_program({"evaluate", "random", "--task", data_file("swing.toml"), "--episodes", "3", "--json"});
  ASSERT_EQ(own.exit_code, 0) << own.errors;
  EXPECT_EQ(own.json().at("task"), "Swing-v0");
  EXPECT_THAT(own.errors, HasSubstr("swing.xml")) << "which model was found";
}

TEST_F(Robots, WrongModelsAreRefused) {
  expect_refused(run_walker({}, path("none.xml")), "none.xml: there is no such file", "--model FILE");
  expect_refused(run_walker({}, folder_.path().string()), "is no file", "--model FILE");
  write_file(path("broken.xml"), "<mujoco><worldbody>");
  expect_refused(run_walker({}, path("broken.xml")), "MuJoCo cannot read this model", "MJCF");
  write_file(path("text.xml"), "no XML at all");
  expect_refused(run_walker({}, path("text.xml")), "MuJoCo cannot read this model", "MJCF");
  expect_refused(run_walker({}, data_file("swing.xml")), "Walker2d-v2", "give a model that fits");
  expect_refused(run_program({"record", "--task", "walker2d", "--policy", "random", "--model", path("none.xml"),
                              "--out", path("x.npz")}),
                 "there is no such file", "--model FILE");
  expect_refused(run_program({"evaluate", "expert", "--task", "cartpole", "--model", data_file("walker.xml")}),
                 "CartPole-v1 is not simulated by MuJoCo", "leave --model out");
  expect_refused(run_walker({"--task-option", "slip=0.1"}), "Walker2d-v2 has no such options", "TOML");
  EXPECT_FALSE(std::filesystem::exists(path("x.npz")));
}

TEST_F(Robots, ThreadsDoNotChangeResults) {
  const auto record = [&](const std::string& threads) {
    const auto result =
        run_program({"record", "--task", "walker2d", "--model", data_file("walker.xml"), "--policy", "random",
                     "--episodes", "12", "--device", "cpu", "--threads", threads, "--out", path(threads + ".npz")});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return read_file(path(threads + ".npz"));
  };
  const std::string one = record("1");
  EXPECT_GT(one.size(), 1000u);
  EXPECT_EQ(record("2"), one);
  EXPECT_EQ(record("5"), one);
  EXPECT_EQ(run_walker({"--threads", "3"}).output, run_walker({}).output);
  for (const char* wrong : {"0", "-1", "1025", "two"}) {
    expect_refused(run_walker({"--threads", wrong}), "--threads", "--help`");
  }
}

TEST_F(Robots, AreFilmed) {
  for (const char* name : {"a.gif", "a.svg"}) {
    const auto result = run_walker({"--record", path(name)});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_THAT(result.errors, HasSubstr("an episode of Walker2d-v2 by random"));
  }
  EXPECT_THAT(read_file(path("a.gif")), testing::StartsWith("GIF89a"));
  EXPECT_THAT(read_file(path("a.svg")), testing::AllOf(testing::StartsWith("<svg"), testing::EndsWith("</svg>\n")));
  const auto own = run_program(
      {"evaluate", "random", "--task", data_file("swing.toml"), "--episodes", "1", "--record", path("b.svg")});
  ASSERT_EQ(own.exit_code, 0) << own.errors;
  EXPECT_GT(read_file(path("b.svg")).size(), 1000u);
}

TEST_F(Robots, HorizonsAreTheirOwnOrAsAsked) {
  const auto early = run_walker({}), full = run_walker({"--fixed-horizon"});
  EXPECT_EQ(full.json().at("return_mean"), early.json().at("return_mean"));
  EXPECT_EQ(full.json().at("task"), "Walker2d-v2 (fixed horizon)");
  EXPECT_FALSE(full.json().contains("terminated_rate"));
  const auto cut = run_program({"record", "--task", "walker2d", "--model", data_file("walker.xml"), "--policy",
                                "random", "--episodes", "4", "--max-steps", "3", "--out", path("cut.npz"), "--json"});
  ASSERT_EQ(cut.exit_code, 0) << cut.errors;
  EXPECT_EQ(cut.json().at("rows"), 12);
}

}  // namespace
}  // namespace mynah::tests
