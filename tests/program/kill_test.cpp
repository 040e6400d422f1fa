// A run that is killed at any moment and resumed ends with the same bits as one that was not, and its folder can always
// be read.

#include <gtest/gtest.h>

#include <random>

#include "tests/program/program.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

/// So many kills of runs with these options besides.
void expect_bit_identical(int wanted_kills, const char* epochs, const std::vector<std::string>& more) {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return (folder.path() / name).string(); };
  ASSERT_EQ(run_program({"record", "--task", "pendulum", "--episodes", "20", "--device", "cpu", "--out", path("d.npz")})
                .exit_code,
            0);
  std::vector<std::string> options{
      "--data",   path("d.npz"), "--hidden",           "32,32", "--epochs", epochs, "--patience", "0",
      "--device", "cpu",         "--checkpoint-every", "1",     "--seed",   "7"};
  options.insert(options.end(), more.begin(), more.end());
  const auto train = [&](const std::string& out) {
    std::vector<std::string> call{"train", "bc", "--out", path(out)};
    call.insert(call.end(), options.begin(), options.end());
    return call;
  };
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run_program(train("whole")).exit_code, 0);
  const auto whole_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  const std::string expected = read_file(path("whole/policy.safetensors"));

  std::mt19937 random(std::random_device{}());
  // Each delay ends somewhere in what would be a whole run, also before its folder is there and near its end.
  std::uniform_int_distribution<int> delay(0, static_cast<int>(whole_ms));
  int kills = 0;
  for (int run = 0; kills < wanted_kills; ++run) {
    const std::string out = "run" + std::to_string(run);
    std::string delays;
    const auto again = [&](const std::vector<std::string>& call) {
      const int ms = delay(random);
      delays += std::to_string(ms) + " ";
      auto result = run_program(call, ms);
      kills += result.exit_code == 128 + 9 ? 1 : 0;
      return result;
    };
    ProgramResult result = again(train(out));
    for (int attempt = 0; result.exit_code == 128 + 9 && attempt < 40; ++attempt) {
      const bool is_run = std::filesystem::exists(folder.path() / out / "config.toml");
      if (is_run && std::filesystem::exists(folder.path() / out / "policy.safetensors")) break;
      const std::vector<std::string> resume{"resume", path(out)};
      // Every third goes on to the end, so that runs finish.
      if (attempt % 3 == 2) {
        result = run_program(is_run ? resume : train(out));
      } else {
        result = again(is_run ? resume : train(out));
      }
      ASSERT_TRUE(result.exit_code == 0 || result.exit_code == 128 + 9) << result.errors << " after " << delays;
    }
    EXPECT_EQ(read_file(path(out + "/policy.safetensors")), expected) << "killed after " << delays << "ms";
  }
}

TEST(Kill, ResumedRunsAreBitIdentical) {
  expect_bit_identical(20, "60", {});
}

TEST(Kill, ResumedRunsWithAHeadAndAugmentationsAreBitIdentical) {
  expect_bit_identical(10, "20",
                       {"--head", "mixture", "--normalize-actions", "--observation-noise", "0.05",
                        "--mirror-observations", "0,-1,-2", "--mirror-actions", "-0"});
}

TEST(Kill, ChangedDataAreNotResumedOn) {
  const TemporaryFolder folder;
  const auto path = [&](const std::string& name) { return (folder.path() / name).string(); };
  const auto record = [&](const std::string& seed) {
    return run_program({"record", "--task", "pendulum", "--episodes", "20", "--seed", seed, "--out", path("d.npz")});
  };
  ASSERT_EQ(record("1").exit_code, 0);
  ProgramResult result;
  for (int ms = 50; ms < 5000; ms *= 2) {
    result = run_program({"train", "bc", "--data", path("d.npz"), "--epochs", "100000", "--patience", "0", "--device",
                          "cpu", "--checkpoint-every", "1", "--overwrite", "--out", path("run")},
                         ms);
    ASSERT_EQ(result.exit_code, 128 + 9) << result.errors;
    if (std::filesystem::exists(folder.path() / "run/checkpoints/latest.safetensors")) break;
  }
  ASSERT_TRUE(std::filesystem::exists(folder.path() / "run/checkpoints/latest.safetensors"));
  ASSERT_EQ(record("2").exit_code, 0);
  result = run_program({"resume", path("run")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.errors.find("has changed"), std::string::npos) << result.errors;
}

}  // namespace
}  // namespace mynah::tests
