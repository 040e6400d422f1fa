// That behaviour cloning learns: whole trainings with the program's defaults, judged by the clones' returns.

#include <gtest/gtest.h>

#include "tests/program/program.h"
#include "tests/shared_data.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

/// Trains with this seed and evaluates over 100 episodes.
nlohmann::json clone(const TemporaryFolder& folder, const std::string& data, const std::string& task, int seed) {
  const std::string run = (folder.path() / ("run" + std::to_string(seed))).string();
  auto result = run_program(
      {"train", "bc", "--data", data, "--task", task, "--seed", std::to_string(seed), "--device", "cpu", "--out", run});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  result = run_program({"evaluate", run, "--episodes", "100", "--seed", "1000", "--device", "cpu", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  return result.json();
}

// The recorded expert's mean return is 473.
TEST(Learning, CartPoleFromRecordedDemonstrations) {
  MYNAH_SHARED_DATA_OR_SKIP(data, "demonstrations/cartpole.npz");
  const TemporaryFolder folder;
  double sum = 0.0;
  for (int seed = 1; seed <= 5; ++seed) {
    const double mean = clone(folder, data.string(), "cartpole", seed).at("return_mean").get<double>();
    EXPECT_GE(mean, 455.0) << "seed " << seed;
    RecordProperty("return_mean_seed_" + std::to_string(seed), std::to_string(mean));
    sum += mean;
  }
  EXPECT_GE(sum / 5, 465.0);
}

TEST(Learning, PendulumFromFiftyEpisodesOfTheExpert) {
  const TemporaryFolder folder;
  const std::string data = (folder.path() / "expert.npz").string();
  ASSERT_EQ(
      run_program({"record", "--task", "pendulum", "--episodes", "50", "--device", "cpu", "--out", data}).exit_code, 0);
  for (int seed = 1; seed <= 5; ++seed) {
    const double normalized = clone(folder, data, "pendulum", seed).at("normalized_mean").get<double>();
    EXPECT_GE(normalized, 0.95) << "seed " << seed;
    RecordProperty("normalized_mean_seed_" + std::to_string(seed), std::to_string(normalized));
  }
}

}  // namespace
}  // namespace mynah::tests
