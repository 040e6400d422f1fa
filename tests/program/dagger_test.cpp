// DAgger through the program: its errors, what a run keeps, kills, and that it learns.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

using testing::HasSubstr;

/// Answers CartPole's questions: always to the left.
constexpr const char* command_after =
    R"(; while read -r line; do n=$(echo "$line" | tr -cd '[' | wc -c); a=0; i=2; while [ $i -lt $n ]; do a="$a,0"; i=$((i+1)); done; echo "{\"actions\": [$a]}"; done)";

class DaggerProgram : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  ProgramResult dagger(const std::vector<std::string>& options, const std::string& out = "run",
                       int kill_after_ms = -1) {
    std::vector<std::string> call{"train", "dagger", "--out", path(out), "--device", "cpu"};
    call.insert(call.end(), options.begin(), options.end());
    return run_program(call, kill_after_ms);
  }
  void expect_refused(const std::vector<std::string>& options, const std::string& place, const std::string& remedy) {
    const ProgramResult result = dagger(options);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, testing::AllOf(HasSubstr(place), HasSubstr(remedy)));
  }

  TemporaryFolder folder_;
};

TEST_F(DaggerProgram, WhatCannotBeIsRefusedBeforeAnythingIsWritten) {
  expect_refused({}, "--task", "name the task");
  expect_refused({"--task", "pendulun"}, "pendulun", "Pendulum-v1");
  expect_refused({"--task", "pendulum", "--recurrent", "8", "--history", "2"}, "--recurrent 8", "leave out --history");
  expect_refused({"--task", "pendulum", "--recurrent", "8", "--head", "gaussian"}, "--head gaussian",
                 "leave out --head");
  expect_refused({"--task", "pendulum", "--history", "2", "--history-actions"}, "--history-actions", "leave it out");
  expect_refused({"--task", "cartpole", "--head", "gaussian"}, "those of CartPole-v1 are discrete", "leave it out");
  expect_refused({"--task", "pendulum", "--mirror-observations=0,-1", "--mirror-actions=-0"}, "--mirror-observations",
                 "");
  expect_refused({"--task", "cartpole", "--expert", path("none")}, "none", "");
  expect_refused({"--task", "cartpole", "--data", path("none.npz")}, "none.npz", "");
  expect_refused({"--task", "cartpole", "--beta", "cubic"}, "--beta cubic", "indicator, exponential or linear");
  expect_refused({"--task", "cartpole", "--beta-decay", "2"}, "--beta-decay 2", "0 to 1");
  expect_refused({"--task", "cartpole", "--iterations", "0"}, "--iterations 0", "at least 1");
  expect_refused({"--task", "cartpole", "--episodes", "0"}, "--episodes 0", "1");
  expect_refused({"--task", "cartpole", "--queries", "-1"}, "--queries -1", "0 (no limit)");
  expect_refused({"--task", "cartpole", "--expert-command", " "}, "it is empty", "python3");
  expect_refused({"--task", "cartpole", "--expert-command", "x", "--expert-timeout", "0"}, "--expert-timeout 0",
                 "seconds");
  expect_refused({"--task", "cartpole", "--expert-command", "x", "--expert", "random"}, "--expert-command",
                 "one of the two");
  ASSERT_EQ(run_program({"record", "--task", "pendulum", "--episodes", "2", "--out", path("d.npz")}).exit_code, 0);
  expect_refused({"--task", "cartpole", "--data", path("d.npz")}, "does not hold demonstrations of CartPole-v1", "");
  expect_refused({"--task", "pendulum", "--data", path("d.npz"), "--rows", "500"}, "has no rows 0 to 499", "fewer");
  EXPECT_FALSE(std::filesystem::exists(path("run")));
}

TEST_F(DaggerProgram, ACommandThatDiesLeavesWhatItSaidAndTheRunGoesOn) {
  // It dies on the third question, and on the second one where the file says "once".
  const std::string answer = "read -r line && echo q >> " + path("asked") + " && echo '{\"actions\": [0]}'";
  const std::string once = "[ -e " + path("died") + " ] || { touch " + path("died") + "; " + answer + "; " + answer +
                           "; read -r line; echo out of memory >&2; exit 9; }; " + "[ \"$(cat " + path("died") +
                           ")\" != once ] || { " + answer + "; exit 9; }; ";
  const std::vector<std::string> options{
      "--task",   "cartpole", "--expert-command", once + "while " + answer + "; do :; done",
      "--steps",  "30",       "--iterations",     "2",
      "--epochs", "2",        "--hidden",         "8"};
  ProgramResult result = dagger(options);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, testing::AllOf(HasSubstr("exit status 9"), HasSubstr("out of memory"),
                                            HasSubstr("2 states"), HasSubstr("iteration_001.partial.npz")));
  EXPECT_EQ(run_program({"inspect", path("run/data/iteration_001.partial.npz"), "--json"}).json().at("rows"), 2);
  write_file(path("died"), "once");  // now on the second question
  result = run_program({"resume", path("run")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(run_program({"inspect", path("run/data/iteration_001.partial.npz"), "--json"}).json().at("rows"), 3)
      << "it went on from there: " << result.errors;
  write_file(path("died"), "twice");
  result = run_program({"resume", path("run"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("queries"), 2 * 30) << result.output;
  EXPECT_FALSE(std::filesystem::exists(path("run/data/iteration_001.partial.npz")));
  EXPECT_EQ(run_program({"inspect", path("run/data/iteration_002.npz"), "--json"}).json().at("rows"), 30);
  const std::string asked = read_file(path("asked"));
  EXPECT_EQ(std::count(asked.begin(), asked.end(), '\n'), 2 * 30) << "for nothing twice";
  result = run_program({"evaluate", path("run"), "--episodes", "3", "--json"});
  EXPECT_EQ(result.json().at("task"), "CartPole-v1") << result.errors;
  EXPECT_EQ(run_program({"resume", path("run")}).exit_code, 2) << "it is finished";
}

/// What `inspect` says of a file of demonstrations.
nlohmann::json inspected(const std::string& file) {
  const ProgramResult result = run_program({"inspect", file, "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  return result.json();
}

TEST_F(DaggerProgram, AKillLosesNoMoreThanTheLastAnswersOfACommand) {
  // Each process of mynah has its questions counted in a file of its own.
  const std::string log = path("asked.");
  const std::vector<std::string> options{
      "--task",
      "cartpole",
      "--expert-command",
      "while read -r line; do echo q >> " + log + "$PPID; sleep 0.02; echo '{\"actions\": [0]}'; done",
      "--steps",
      "40",
      "--episodes",
      "100",
      "--iterations",
      "1",
      "--epochs",
      "2",
      "--hidden",
      "8",
      "--checkpoint-seconds",
      "0.05"};
  std::string partial;
  int delay = 200;
  for (int attempt = 0; partial.empty(); ++attempt) {  // until a kill has come between the first copy and the end
    std::filesystem::remove_all(path("run"));
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) std::filesystem::remove(entry.path());
    ASSERT_LT(attempt, 200);
    const ProgramResult result = dagger(options, "run", delay);
    ASSERT_TRUE(result.exit_code == 0 || result.exit_code == 128 + 9) << result.errors;
    delay = result.exit_code == 0 ? 200 : delay + 100;
    const std::string file = path("run/data/iteration_001.partial.npz");
    if (std::filesystem::exists(file)) partial = file;
  }
  const auto kept = inspected(partial).at("rows").get<int>();
  EXPECT_GT(kept, 0);
  std::vector<std::filesystem::path> before;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) before.push_back(entry.path());
  const ProgramResult result = run_program({"resume", path("run"), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("queries"), 40);
  int logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (std::find(before.begin(), before.end(), entry.path()) != before.end()) continue;
    const std::string asked = read_file(entry.path());
    EXPECT_EQ(std::count(asked.begin(), asked.end(), '\n'), 40 - kept);
    ++logs;
  }
  EXPECT_EQ(logs, 1);
}

// On a map of three by three, always upwards: the goal is not reached, and episodes end by the limit.
TEST_F(DaggerProgram, RulesOfTheTaskAreThoseOfTheRunAlsoWhenItIsResumed) {
  const std::string map = path("map.txt");
  write_file(map, "..G\n...\nS..\n");
  const std::string relative = std::filesystem::relative(map).string();
  const auto options = [&](const std::string& command) {
    return std::vector<std::string>{"--task",
                                    "gridworld",
                                    "--task-option",
                                    "map=" + relative,
                                    "--task-option",
                                    "slip=0",
                                    "--max-steps",
                                    "7",
                                    "--episodes",
                                    "2",
                                    "--iterations",
                                    "2",
                                    "--epochs",
                                    "2",
                                    "--hidden",
                                    "8",
                                    "--steps",
                                    "14",
                                    "--expert-command",
                                    command,
                                    "--evaluation-episodes",
                                    "3"};
  };
  const std::string once = "[ -e " + path("died") + " ] || { touch " + path("died") +
                           "; for i in 1 2 3; do read -r line; echo '{\"actions\": [0]}'; done; exit 9; }";
  ASSERT_EQ(dagger(options(once + command_after)).exit_code, 2);
  EXPECT_EQ(inspected(path("run/data/iteration_001.partial.npz")).at("rows"), 3);
  ProgramResult result = run_program({"resume", path("run")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("evaluate " + path("run") + " --max-steps 7 --task-option map=" + map +
                                       " --task-option slip=0"));
  ASSERT_EQ(dagger(options(std::string("true") + command_after), "whole").exit_code, 0);
  for (const char* file : {"policy.safetensors", "data/iteration_001.npz", "data/iteration_002.npz"}) {
    EXPECT_EQ(read_file(path("run/" + std::string(file))), read_file(path("whole/" + std::string(file)))) << file;
  }
  const nlohmann::json data = inspected(path("run/data/iteration_001.npz"));
  EXPECT_EQ(data.at("episodes"), 2);
  EXPECT_EQ(data.at("rows"), 14) << "episodes of 7 steps";
}

TEST_F(DaggerProgram, HeadsAndMemoriesAreThoseOfTheCommandLine) {
  const std::vector<std::string> quick{"--task", "pendulum", "--episodes", "2", "--iterations", "1", "--epochs", "2"};
  const auto trained = [&](std::vector<std::string> options, const std::string& out) {
    options.insert(options.end(), quick.begin(), quick.end());
    const ProgramResult result = dagger(options, out);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
  };
  const auto evaluated = [&](const std::string& out, const std::string& option) {
    return run_program({"evaluate", path(out), option, "--episodes", "3", "--device", "cpu", "--json"});
  };
  trained({"--head", "mixture", "--hidden", "8"}, "mixture");
  EXPECT_EQ(evaluated("mixture", "--sampled").exit_code, 0) << "there is a distribution to draw from";
  trained({"--recurrent", "8", "--hidden", "8"}, "recurrent");
  EXPECT_EQ(evaluated("recurrent", "--fixed-horizon").exit_code, 0);
  const ProgramResult exported = run_program({"export", path("recurrent"), "--out", path("weights.npz")});
  EXPECT_THAT(exported.errors, HasSubstr("recurrent")) << "it has a memory";
}

TEST_F(DaggerProgram, NothingIsAskedBehindTheEndOfAFixedHorizon) {
  const ProgramResult result = dagger({"--task", "mountaincar", "--fixed-horizon", "--episodes", "2", "--iterations",
                                       "1", "--epochs", "2", "--hidden", "8", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.json().at("task"), "MountainCar-v0 (fixed horizon)");
  EXPECT_THAT(read_file(path("run/config.toml")), HasSubstr("fixed-horizon = true\n"));
  const nlohmann::json data = inspected(path("run/data/iteration_001.npz"));
  EXPECT_EQ(data.at("episodes"), 2);
  EXPECT_LT(data.at("rows"), 2 * 150) << "the expert needs 105 steps or so of 200";
  expect_refused({"--task", "pointmaze", "--task-option", "opening=up"}, "'up'", "left, right");
  expect_refused({"--task", "pointmaze", "--task-option", "opening"}, "--task-option opening", "KEY=VALUE");
  expect_refused({"--task", "pointmaze", "--max-steps", "-1"}, "--max-steps", "");
}

TEST_F(DaggerProgram, RecordingFromACommandKeepsWhatThereWas) {
  const std::string dies = "for i in 1 2 3 4 5; do read -r line; echo '{\"actions\": [0, 1, 0]}'; done; exit 1";
  ProgramResult result = run_program({"record", "--task", "cartpole", "--policy", "command:" + dies, "--episodes", "3",
                                      "--device", "cpu", "--out", path("d.npz")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, testing::AllOf(HasSubstr("exit status 1"), HasSubstr("kept in " + path("d.partial.npz"))));
  EXPECT_FALSE(std::filesystem::exists(path("d.npz")));
  const auto partial = run_program({"inspect", path("d.partial.npz"), "--json"}).json();
  EXPECT_EQ(partial.at("rows"), 15);
  EXPECT_EQ(partial.at("episodes"), 3);
  result = run_program({"evaluate", std::string("command:true") + command_after, "--task", "cartpole", "--episodes",
                        "2", "--device", "cpu", "--json"});
  EXPECT_LT(result.json().at("return_mean").get<double>(), 20.0) << result.errors;
}

TEST_F(DaggerProgram, KilledRunsGoOnToTheSameBits) {
  ASSERT_EQ(run_program({"record", "--task", "pendulum", "--episodes", "2", "--out", path("d.npz")}).exit_code, 0);
  const std::vector<std::string> options{"--task",       "pendulum",  "--data", path("d.npz"), "--rows",
                                         "50",           "--hidden",  "32,32",  "--epochs",    "10",
                                         "--episodes",   "2",         "--beta", "exponential", "--warm-start",
                                         "--iterations", "4",         "--seed", "7",           "--queries",
                                         "1000",         "--history", "2",      "--chunk",     "2"};
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(dagger(options, "whole").exit_code, 0);
  const auto whole_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  const std::string expected = read_file(path("whole/policy.safetensors"));
  const std::string expected_data = read_file(path("whole/data/iteration_003.npz"));

  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<int> delay(0, static_cast<int>(whole_ms));
  int kills = 0;
  for (int run = 0; kills < 8; ++run) {
    const std::string out = "run" + std::to_string(run);
    std::string delays;
    ProgramResult result;
    for (int attempt = 0; attempt < 40; ++attempt) {
      const bool is_run = std::filesystem::exists(path(out + "/config.toml"));
      if (std::filesystem::exists(path(out + "/policy.safetensors"))) break;
      // Every third goes on to the end, so that runs finish.
      const int ms = attempt % 3 == 2 ? -1 : delay(random);
      delays += std::to_string(ms) + " ";
      result = is_run ? run_program({"resume", path(out)}, ms) : dagger(options, out, ms);
      kills += result.exit_code == 128 + 9 ? 1 : 0;
      ASSERT_TRUE(result.exit_code == 0 || result.exit_code == 128 + 9) << result.errors << " after " << delays;
    }
    EXPECT_EQ(read_file(path(out + "/policy.safetensors")), expected) << "killed after " << delays << "ms";
    EXPECT_EQ(read_file(path(out + "/data/iteration_003.npz")), expected_data) << "killed after " << delays << "ms";
  }
}

/// Of a run, over 100 episodes with other starts than those of training.
double normalized_mean(const std::string& run) {
  const auto result =
      run_program({"evaluate", run, "--episodes", "100", "--seed", "1000", "--device", "cpu", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  return result.json().at("normalized_mean").get<double>();
}

// 400 of the expert's answers: a hundred rows it recorded, and then where the learner came to; or all recorded.
TEST_F(DaggerProgram, AsksWhereACloneOfAsManyRowsIsLost) {
  const std::string data = path("expert.npz");
  ASSERT_EQ(
      run_program({"record", "--task", "pendulum", "--episodes", "2", "--seed", "77", "--device", "cpu", "--out", data})
          .exit_code,
      0);
  double sum = 0.0;
  for (const char* seed : {"1", "2", "3", "4", "5"}) {
    const std::string asked = std::string("asked") + seed, cloned = std::string("cloned") + seed;
    ProgramResult result =
        dagger({"--task", "pendulum", "--data", data, "--rows", "100", "--steps", "50", "--iterations", "6",
                "--updates", "3000", "--hidden", "64,64", "--seed", seed, "--json"},
               asked);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.json().at("rows"), 400);
    result = run_program({"train",
                          "bc",
                          "--task",
                          "pendulum",
                          "--data",
                          data,
                          "--rows",
                          "400",
                          "--epochs",
                          "430",
                          "--patience",
                          "0",
                          "--validation-fraction",
                          "0",
                          "--hidden",
                          "64,64",
                          "--seed",
                          seed,
                          "--device",
                          "cpu",
                          "--out",
                          path(cloned)});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const double by_asking = normalized_mean(path(asked)), by_cloning = normalized_mean(path(cloned));
    EXPECT_GT(by_asking, by_cloning + 0.2) << "seed " << seed;
    RecordProperty("dagger_seed_" + std::string(seed), std::to_string(by_asking));
    RecordProperty("clone_seed_" + std::string(seed), std::to_string(by_cloning));
    sum += by_asking;
  }
  EXPECT_GE(sum / 5, 0.93);
}

}  // namespace
}  // namespace mynah::tests
