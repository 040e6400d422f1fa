// Walker2d-v2, whose rules nobody's demonstrations check: beside Gymnasium's own, and by hand.

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/tasks/mujoco/find_model.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "engine/npz.h"
#include "episode_rows.h"

namespace mynah {
namespace {

std::string walker_model() {
  return std::string(MYNAH_SOURCE_DIR) + "/tests/data/walker.xml";
}

class Walker2d : public testing::Test {
 protected:
  static constexpr std::size_t joints = 9, positions_at = 2, velocities_at = positions_at + joints;

  void SetUp() override {
    if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
    task_ = make_task("walker2d", {.model = walker_model()});
    row_.emplace(stream_, task_->description(), 1);
  }

  /// One step from a state.
  void step(const double* positions, const double* velocities, std::vector<float> action) {
    task_->reset(stream_, 0, 0, row_->batch);
    std::copy_n(positions, joints, row_->states.data() + positions_at);
    std::copy_n(velocities, joints, row_->states.data() + velocities_at);
    task_->step(stream_, {{action.data(), 1, 6}, {}}, row_->batch);
  }
  bool ended() const { return row_->status.data()[0] == static_cast<std::int32_t>(kernels::EpisodeStatus::terminated); }
  double position(std::size_t i) const { return row_->states.data()[positions_at + i]; }

  Stream stream_{DeviceId{}};
  std::unique_ptr<Task> task_;
  std::optional<EpisodeRows> row_;
};

TEST_F(Walker2d, StepsAsGymnasiumDoes) {
  NpzReader file(std::string(MYNAH_SOURCE_DIR) + "/tests/data/gymnasium/Walker2d-v4.npz");
  const auto doubles = [&](const char* name) { return npy_to_doubles(file.read(name), name); };
  const std::vector<double> positions = doubles("positions"), velocities = doubles("velocities");
  const std::vector<double> rewards = doubles("rewards"), next = doubles("next_observations");
  const std::vector<double> actions = doubles("actions"), terminated = doubles("terminated");
  ASSERT_GT(rewards.size(), 150u);
  std::array<int, 4> ends{};  // low, high, and tilted to either side
  int clipped = 0;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    step(positions.data() + joints * i, velocities.data() + joints * i,
         {actions.begin() + static_cast<std::ptrdiff_t>(6 * i),
          actions.begin() + static_cast<std::ptrdiff_t>(6 * i + 6)});
    for (std::size_t c = 0; c < 17; ++c) {
      const double expected = next[17 * i + c];
      ASSERT_NEAR(row_->observations.data()[c], expected, 1e-5 * std::max(1.0, std::fabs(expected))) << i << ", " << c;
      clipped += c >= 8 && std::fabs(expected) == 10.0 ? 1 : 0;
    }
    ASSERT_NEAR(row_->rewards.data()[0], rewards[i], 2e-6 * std::max(1.0, std::fabs(rewards[i]))) << i;
    ASSERT_EQ(ended(), terminated[i] != 0.0) << i;
    ends[0] += ended() && position(1) <= 0.8 ? 1 : 0;
    ends[1] += ended() && position(1) >= 2.0 ? 1 : 0;
    ends[2] += ended() && position(2) <= -1.0 ? 1 : 0;
    ends[3] += ended() && position(2) >= 1.0 ? 1 : 0;
  }
  EXPECT_THAT(ends, testing::Each(testing::Gt(0))) << "every rule ended an episode";
  EXPECT_GT(clipped, 10);
}

TEST_F(Walker2d, EpisodesEndAtTheBounds) {
  // High in the air; without velocity a step of 8 ms falls 0.3 mm, since MuJoCo's RK4 is exact here.
  constexpr double fall = 0.5 * 9.81 * 0.008 * 0.008;
  const auto ends_at = [&](double height, double pitch) {
    std::array<double, joints> positions{}, velocities{};
    positions[1] = height + fall;
    positions[2] = pitch;
    step(positions.data(), velocities.data(), std::vector<float>(6, 0.0f));
    EXPECT_NEAR(position(1), height, 1e-9);
    EXPECT_NEAR(position(2), pitch, 1e-3);
    return ended();
  };
  EXPECT_FALSE(ends_at(2.0 - 1e-6, 0.0));
  EXPECT_TRUE(ends_at(2.0 + 1e-6, 0.0));
  EXPECT_FALSE(ends_at(1.9, 0.99));
  EXPECT_TRUE(ends_at(1.9, 1.01));
  EXPECT_FALSE(ends_at(1.9, -0.99));
  EXPECT_TRUE(ends_at(1.9, -1.01));
  EXPECT_FALSE(ends_at(1.9, 0.0));
}

TEST_F(Walker2d, RewardsSpeedAndLifeAndChargesForActionsAsTheyAreGiven) {
  std::array<double, joints> positions{}, velocities{};
  positions[0] = 5.0;
  positions[1] = 1.8;
  velocities[0] = 1.5;
  step(positions.data(), velocities.data(), std::vector<float>(6, 0.0f));
  EXPECT_NEAR(row_->rewards.data()[0], 1.5 + 1.0, 1e-6) << "in free flight the speed stays";
  step(positions.data(), velocities.data(), std::vector<float>{3.0f, -2.0f, 1.0f, 0.0f, 0.0f, -1.0f});
  const double gain = (position(0) - 5.0) / 0.008;
  EXPECT_NEAR(row_->rewards.data()[0], gain + 1.0 - 1e-3 * 15.0, 1e-6);
  const std::vector<double> beyond = row_->states.download(stream_);
  step(positions.data(), velocities.data(), std::vector<float>{1.0f, -1.0f, 1.0f, 0.0f, 0.0f, -1.0f});
  EXPECT_EQ(row_->states.download(stream_), beyond) << "the motors clamp to their range";
  EXPECT_EQ(task_->description().max_steps, 1000);
  EXPECT_EQ(task_->description().step_seconds, 0.008);
}

TEST_F(Walker2d, StartsAreSpreadEvenlyAroundTheModels) {
  constexpr Index episodes = 500;
  EpisodeRows rows(stream_, task_->description(), episodes);
  task_->reset(stream_, 3, 0, rows.batch);
  std::array<double, joints> first{};
  first[1] = 1.2;
  for (std::size_t i = 0; i < 2 * joints; ++i) {
    std::vector<double> noise;
    for (Index m = 0; m < episodes; ++m) {
      noise.push_back(rows.batch.states.row(m).data[positions_at + i] - (i < joints ? first[i] : 0.0));
    }
    std::sort(noise.begin(), noise.end());
    EXPECT_GE(noise.front(), -0.005) << i;
    EXPECT_LE(noise.back(), 0.005) << i;
    // Of 500 uniform numbers the quantiles have deviations of at most 0.005 / sqrt(500).
    EXPECT_LT(noise.front(), -0.0048) << i;
    EXPECT_GT(noise.back(), 0.0048) << i;
    EXPECT_NEAR(noise[episodes / 4], -0.0025, 0.001) << i;
    EXPECT_NEAR(noise[episodes / 2], 0.0, 0.001) << i;
    EXPECT_NEAR(noise[3 * episodes / 4], 0.0025, 0.001) << i;
  }
  const std::vector<double> states = rows.states.download(stream_);
  EXPECT_NE(states[positions_at], states[velocities_at]) << "velocities have numbers of their own";
}

TEST_F(Walker2d, GymnasiumsOwnModelFitsTheRules) {
  const auto model = find_gymnasium_model("walker2d.xml");
  if (!model) GTEST_SKIP() << "skipped: no Gymnasium is installed that has walker2d.xml";
  const auto task = make_task("walker2d", {.model = model->string()});
  EXPECT_EQ(task->description().observation_size, 17);
  EXPECT_EQ(task->description().action_size, 6);
  EXPECT_EQ(task->description().step_seconds, 0.008);
  EXPECT_THAT(task->description().observation_names,
              testing::IsSupersetOf({"rootz", "rooty", "rootx_velocity", "foot_left_joint_velocity"}));
}

}  // namespace
}  // namespace mynah
