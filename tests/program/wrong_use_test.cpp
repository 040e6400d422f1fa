// Wrong use of the command line: exit code 2, where and what is wrong, what to do, and nothing written or lost.

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class WrongUse : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_.path() / name); }

  static void expect_refused(const std::vector<std::string>& arguments, const testing::Matcher<std::string>& message) {
    const ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, message);
    EXPECT_TRUE(result.output.empty()) << result.output;
  }

  void record(const std::string& name, const std::string& task = "pendulum") const {
    const ProgramResult result =
        run_program({"record", "--task", task, "--episodes", "6", "--device", "cpu", "--out", path(name)});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }

  TemporaryFolder folder_;
};

TEST_F(WrongUse, VerbsAndOptionsAreNamedWithTheirHelp) {
  expect_refused({"train"}, HasSubstr("see `mynah train --help`"));
  expect_refused({"train", "dager"},
                 AllOf(HasSubstr("mynah train dager: there is no such verb"), HasSubstr("`mynah train dagger`")));
  expect_refused({"train", "bc"}, AllOf(HasSubstr("--out is required"), HasSubstr("see `mynah train bc --help`")));
  expect_refused({"record", "--task", "pendulum", "--episode", "3", "--out", path("x.npz")},
                 AllOf(HasSubstr("mynah record: there is no option --episode\n"),
                       HasSubstr("did you mean --episodes? see `mynah record --help`")));
  expect_refused({"record", "--task", "pendulum", "--ou", path("x.npz")},
                 AllOf(HasSubstr("there is no option --ou\n"), HasSubstr("did you mean --out?")));
  expect_refused({"devices", "all"}, HasSubstr("mynah devices: 'all' is not expected"));
  expect_refused({"record", "--task", "pendulum", "--task", "cartpole", "--out", path("x.npz")},
                 AllOf(HasSubstr("--task: is given 2 times"), HasSubstr("give it once")));
  expect_refused({"record", "--task", "pendulum", "--out"}, HasSubstr("--out"));
  for (const char* option : {"--episodes", "--seed"}) {
    expect_refused({"record", "--task", "pendulum", option, "1e3", "--out", path("x.npz")},
                   AllOf(HasSubstr(option + std::string(" 1e3: is no value for it")), HasSubstr("a whole number")));
  }
  expect_refused({"record", "--task", "pendulum", "--max-steps", "1e3", "--out", path("x.npz")},
                 AllOf(HasSubstr("--max-steps: '1e3' is no value"), HasSubstr("a whole number")));
  expect_refused({"record", "--task", "pendulum", "--noise", "much", "--out", path("x.npz")},
                 AllOf(HasSubstr("--noise much"), HasSubstr("give a number")));
  EXPECT_FALSE(exists("x.npz"));
}

TEST_F(WrongUse, SeedsAreNotNegative) {
  for (const std::string verb : {"record", "evaluate", "compare"}) {
    std::vector<std::string> arguments{verb, "--task", "pendulum", "--seed", "-1"};
    if (verb == "record") arguments.insert(arguments.end(), {"--out", path("x.npz")});
    if (verb != "record") arguments.emplace_back("expert");
    if (verb == "compare") arguments.insert(arguments.end(), {"--baseline", "random"});
    expect_refused(arguments, HasSubstr("--seed: -1 is below 0"));
  }
  record("demos.npz");
  const std::vector<std::string> train{"train", "bc",       "--data", path("demos.npz"), "--device", "cpu", "--epochs",
                                       "1",     "--hidden", "4",      "--out",           path("run")};
  const auto with = [&](const char* option, const char* value) {
    std::vector<std::string> all = train;
    all.insert(all.end(), {option, value});
    return all;
  };
  expect_refused(with("--split-seed", "-2"), AllOf(HasSubstr("--split-seed -2"), HasSubstr("-1 for --seed")));
  expect_refused(with("--rows", "-1"), AllOf(HasSubstr("--rows -1"), HasSubstr("0 for all")));
  expect_refused(with("--first-row", "-1"), HasSubstr("--first-row -1"));
  expect_refused(with("--first-row", "5000"), HasSubstr("has no row 5000: there are 1200, counted from 0"));
  expect_refused(with("--rows", "9223372036854775807"), HasSubstr("has no rows 0 to 9223372036854775806"));
  expect_refused(with("--checkpoint-seconds", "-1"), HasSubstr("--checkpoint-seconds -1"));
  expect_refused(with("--checkpoint-every", "-1"), HasSubstr("--checkpoint-every -1"));
  EXPECT_FALSE(exists("run"));
}

/// A place that cannot be written to is refused before a command is asked for hours.
TEST_F(WrongUse, OutputsAreTriedBeforeTheWork) {
  const std::string asked = path("asked"), expert = "command:read line && touch " + asked + "; exit 1";
  const auto recording = [&](const std::string& out) -> std::vector<std::string> {
    return {"record", "--task", "pendulum", "--policy", expert, "--episodes", "2", "--device", "cpu", "--out", out};
  };
  expect_refused(recording(path("none/x.npz")), AllOf(HasSubstr("none' does not exist"), HasSubstr("mkdir -p")));
  expect_refused(recording(folder_.path().string()), HasSubstr("is a folder"));
  expect_refused(recording(path("x.csv")), AllOf(HasSubstr("x.csv"), HasSubstr("end the name with .npz")));
  const std::vector<std::string> filming{"evaluate", expert, "--task",   "pendulum",
                                         "--device", "cpu",  "--record", path("none/x.gif")};
  expect_refused(filming, HasSubstr("none' does not exist"));
  EXPECT_FALSE(exists("asked"));
  expect_refused(recording(path("x.npz")), HasSubstr("exit status 1"));
  EXPECT_TRUE(exists("asked")) << "the command is asked where nothing is wrong";
  EXPECT_FALSE(exists("x.npz"));
  record("demos.npz");
  expect_refused({"inspect", path("demos.npz"), "--drop-episode", "1", "--out", path("x.jsonl")},
                 HasSubstr("not .jsonl"));
}

TEST_F(WrongUse, EpisodesThatReachedTheReturnAreKeptWhereOthersDoNot) {
  const auto recording = [&](const char* least) -> std::vector<std::string> {
    return {"record", "--task",         "cartpole", "--policy", "random", "--episodes", "10",         "--min-return",
            least,    "--max-attempts", "40",       "--device", "cpu",    "--out",      path("x.npz")};
  };
  expect_refused(recording("nan"), HasSubstr("--min-return: it is no number"));
  EXPECT_FALSE(exists("x.partial.npz"));
  expect_refused(recording("50"), AllOf(HasSubstr(" of 40 episodes reached 50"), HasSubstr("kept in")));
  EXPECT_FALSE(exists("x.npz"));
  const ProgramResult kept = run_program({"inspect", path("x.partial.npz"), "--json"});
  ASSERT_EQ(kept.exit_code, 0) << kept.errors;
  EXPECT_GE(kept.json().at("return").at("min"), 50.0);
}

TEST_F(WrongUse, OptionsOfFilmsNeedAFilm) {
  for (const char* option : {"--fps", "--record-episodes"}) {
    expect_refused({"evaluate", "expert", "--task", "pendulum", option, "2"}, HasSubstr("requires --record"));
  }
  expect_refused({"evaluate", "expert", "--task", "pendulum", "--episodes", "0", "--record", path("a.gif")},
                 HasSubstr("--episodes: it is 0"));
  EXPECT_FALSE(exists("a.gif"));
}

TEST_F(WrongUse, TaskOptionsStandAnywhere) {
  const ProgramResult result =
      run_program({"evaluate", "--device", "cpu", "--episodes", "2", "--json", "--task", "gridworld", "--task-option",
                   "size=3", "--task-option", "slip=0", "expert"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("task"), "GridWorld-v0 (size=3, slip=0)");
  expect_refused({"evaluate", "expert", "--task", "gridworld", "--task-option", "slip=0", "--task-option", "slip=1"},
                 AllOf(HasSubstr("--task-option slip=1: it is chosen twice"), HasSubstr("once")));
  write_file(path("map.txt"), "..\n\n.Q\n");
  expect_refused({"evaluate", "expert", "--task", "gridworld", "--task-option", "map=" + path("map.txt")},
                 HasSubstr("map.txt, line 3: 'Q' is no kind of cell"));
}

TEST_F(WrongUse, PoliciesAreNamedOnceAndWithTheirErrors) {
  expect_refused({"evaluate", "expert", "expert", "--task", "pendulum", "--json"},
                 HasSubstr("'expert': is named twice"));
  expect_refused({"evaluate", "", "--task", "pendulum"}, HasSubstr("policy: its name is empty"));
  record("poles.npz", "cartpole");
  const ProgramResult trained = run_program({"train", "bc", "--data", path("poles.npz"), "--epochs", "1", "--hidden",
                                             "4", "--device", "cpu", "--out", path("pole")});
  ASSERT_EQ(trained.exit_code, 0) << trained.errors;
  expect_refused({"evaluate", "random", path("pole"), "--task", "pendulum", "--episodes", "2"},
                 HasSubstr(path("pole") + ", --task Pendulum-v1: does not fit the policy"));
  // All policies are found good before one is run: the command answers nonsense.
  expect_refused({"evaluate", "command:cat", path("pole"), "--task", "pendulum", "--device", "cpu"},
                 HasSubstr("does not fit the policy"));
  const std::string pole = path("pole");
  expect_refused({"compare", "a=" + pole + "," + pole, "--baseline", "expert", "--task", "cartpole"},
                 AllOf(HasSubstr("'a': names "), HasSubstr(" twice")));
  expect_refused({"compare", pole, "--baseline", "expert", "--task", "cartpole", "--resample", "seed"},
                 AllOf(HasSubstr("--resample seed"), HasSubstr("auto, seeds or episodes")));
}

/// What `train` says of evaluating a run is what evaluates it.
TEST_F(WrongUse, TheHintToEvaluateARunIsTrue) {
  record("demos.npz");
  const auto hint_of = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--hidden", "4", "--device", "cpu", "--out", path("run"), "--overwrite"});
    const ProgramResult trained = run_program(arguments);
    EXPECT_EQ(trained.exit_code, 0) << trained.errors;
    const std::string start = "evaluate it with: mynah ";
    const std::size_t at = trained.output.find(start);
    EXPECT_NE(at, std::string::npos) << trained.output;
    return at == std::string::npos ? std::string() : trained.output.substr(at + start.size());
  };
  const std::string run = path("run");
  EXPECT_EQ(hint_of({"train", "bc", "--data", path("demos.npz"), "--epochs", "1"}),
            "evaluate " + run + " --task TASK --episodes 100\n");
  EXPECT_EQ(hint_of({"train", "bc", "--data", path("demos.npz"), "--epochs", "1", "--task", "pendulum"}),
            "evaluate " + run + " --episodes 100\n");
  const std::string swing = std::string(MYNAH_SOURCE_DIR) + "/tests/data/swing.toml";
  const std::vector<std::string> evaluate{"evaluate", "random", "--task", swing, "--episodes", "1", "--device", "cpu"};
  const ProgramResult tried = run_program(evaluate);
  if (tried.errors.find("mynah was built without it") != std::string::npos) {
    GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
  }
  ASSERT_EQ(tried.exit_code, 0) << tried.errors;
  const ProgramResult swung = run_program({"record", "--task", swing, "--policy", "random", "--episodes", "3",
                                           "--device", "cpu", "--out", path("swing.npz")});
  ASSERT_EQ(swung.exit_code, 0) << swung.errors;
  EXPECT_EQ(hint_of({"train", "bc", "--data", path("swing.npz"), "--epochs", "1", "--task", swing}),
            "evaluate " + run + " --task " + swing + " --episodes 100\n");
  const ProgramResult evaluated = run_program({"evaluate", run, "--task", swing, "--episodes", "2", "--device", "cpu"});
  EXPECT_EQ(evaluated.exit_code, 0) << evaluated.errors;
}

}  // namespace
}  // namespace mynah::tests
