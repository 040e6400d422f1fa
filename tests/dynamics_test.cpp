// The dynamics of the tasks against Gymnasium itself (tests/gymnasium/make_trajectories.py) and against recorded
// demonstrations.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "engine/demonstrations.h"
#include "kernels/dynamics/cartpole.h"
#include "kernels/dynamics/pendulum.h"
#include "tests/shared_data.h"

namespace mynah {
namespace {

using dynamics::CartPole;
using dynamics::Pendulum;
using dynamics::RandomWords;

/// Lines of a CSV file as maps from heading to value.
std::vector<std::map<std::string, double>> read_table(const std::string& name) {
  std::ifstream file(std::string(MYNAH_SOURCE_DIR) + "/tests/data/" + name);
  std::vector<std::string> heading;
  std::vector<std::map<std::string, double>> table;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    if (heading.empty()) {
      heading = fields;
      continue;
    }
    auto& row = table.emplace_back();
    for (std::size_t i = 0; i < heading.size(); ++i) row[heading[i]] = std::stod(fields.at(i));
  }
  return table;
}

double relative_error(double value, double expected) {
  return std::abs(value - expected) / std::max(std::abs(expected), 1e-3);
}

struct Errors {
  double step = 0.0;        // of a state after one step from Gymnasium's own state
  double trajectory = 0.0;  // of a state after all steps of the episode so far
  double reward = 0.0;
  double observation = 0.0;
};

template <class Dynamics>
Errors compare(const std::vector<std::map<std::string, double>>& table) {
  Errors worst;
  double running[Dynamics::state_size] = {};
  double episode = -1.0;
  for (const auto& row : table) {
    double state[Dynamics::state_size];
    for (int i = 0; i < Dynamics::state_size; ++i) state[i] = row.at("before_" + std::to_string(i));
    if (row.at("episode") != episode) {
      episode = row.at("episode");
      std::copy(std::begin(state), std::end(state), std::begin(running));
    }
    const auto action = static_cast<typename Dynamics::Action>(row.at("action"));
    const dynamics::StepOutcome outcome = Dynamics{}.step(state, &action);
    Dynamics{}.step(running, &action);
    for (int i = 0; i < Dynamics::state_size; ++i) {
      const double expected = row.at("after_" + std::to_string(i));
      worst.step = std::max(worst.step, relative_error(state[i], expected));
      worst.trajectory = std::max(worst.trajectory, relative_error(running[i], expected));
    }
    worst.reward = std::max(worst.reward, relative_error(outcome.reward, row.at("reward")));
    EXPECT_EQ(outcome.terminated, row.at("terminated") != 0.0);
    float observation[Dynamics::observation_size];
    Dynamics{}.observe(state, observation);
    for (int i = 0; i < Dynamics::observation_size; ++i) {
      const double expected = row.at("observation_" + std::to_string(i));
      worst.observation = std::max(worst.observation, std::abs(static_cast<double>(observation[i]) - expected));
    }
  }
  return worst;
}

TEST(Dynamics, CartPoleMovesAsGymnasiumsCartPole) {
  const auto table = read_table("cartpole_trajectories.csv");
  ASSERT_GT(table.size(), 200u);
  const Errors worst = compare<CartPole>(table);
  EXPECT_LT(worst.step, 1e-12);
  EXPECT_LT(worst.trajectory, 1e-9);
  EXPECT_EQ(worst.reward, 0.0);
  EXPECT_LT(worst.observation, 1e-6);
  const auto ended =
      std::count_if(table.begin(), table.end(), [](const auto& row) { return row.at("terminated") != 0; });
  EXPECT_GE(ended, 5);
}

TEST(Dynamics, PendulumMovesAsGymnasiumsPendulum) {
  const auto table = read_table("pendulum_trajectories.csv");
  ASSERT_EQ(table.size(), 300u);
  const Errors worst = compare<Pendulum>(table);
  EXPECT_LT(worst.step, 1e-12);
  EXPECT_LT(worst.trajectory, 1e-9);
  EXPECT_LT(worst.reward, 1e-12);
  EXPECT_LT(worst.observation, 1e-6);
  // The recording has what is special: speeds at the limit, torques beyond the bounds, and several turns.
  EXPECT_TRUE(std::any_of(table.begin(), table.end(), [](const auto& row) { return row.at("after_1") == 8.0; }));
  EXPECT_TRUE(
      std::any_of(table.begin(), table.end(), [](const auto& row) { return std::abs(row.at("action")) > 2.0; }));
  EXPECT_TRUE(std::any_of(table.begin(), table.end(), [](const auto& row) { return row.at("after_0") > 20.0; }));
}

TEST(Dynamics, CartPolePredictsTheRecordedDemonstrations) {
  MYNAH_SHARED_DATA_OR_SKIP(path, "demonstrations/cartpole.npz");
  const Demonstrations recorded = load_demonstrations(path);
  ASSERT_EQ(recorded.rows(), 26964);
  double worst = 0.0;
  Index wrong_ends = 0;
  for (Index m = 0; m < recorded.rows(); ++m) {
    double state[4];
    for (Index i = 0; i < 4; ++i)
      state[i] = static_cast<double>(recorded.observations[static_cast<std::size_t>(4 * m + i)]);
    const bool terminated = CartPole{}.step(state, &recorded.labels[static_cast<std::size_t>(m)]).terminated;
    wrong_ends += terminated != (recorded.terminals[static_cast<std::size_t>(m)] != 0) ? 1 : 0;
    for (Index i = 0; i < 4; ++i) {
      const auto expected = static_cast<double>(recorded.next_observations[static_cast<std::size_t>(4 * m + i)]);
      worst = std::max(worst, std::abs(state[i] - expected) / std::max(1.0, std::abs(expected)));
    }
  }
  // The recording starts each step from a float32 image of a state in double: half a unit in the last place, twice.
  EXPECT_LT(worst, 2.5e-7);
  EXPECT_EQ(wrong_ends, 0);
}

TEST(Dynamics, WrappedAnglesLieBetweenMinusPiAndPi) {
  EXPECT_DOUBLE_EQ(Pendulum::wrapped(0.5), 0.5);
  EXPECT_DOUBLE_EQ(Pendulum::wrapped(-0.5), -0.5);
  EXPECT_EQ(Pendulum::wrapped(Pendulum::pi), -Pendulum::pi);
  EXPECT_EQ(Pendulum::wrapped(-Pendulum::pi), -Pendulum::pi);
  EXPECT_NEAR(Pendulum::wrapped(7.0), 7.0 - 2.0 * Pendulum::pi, 1e-14);
  EXPECT_NEAR(Pendulum::wrapped(-100.0), -100.0 + 32.0 * Pendulum::pi, 1e-12);
}

TEST(Dynamics, StartsFillTheirRangesEvenly) {
  constexpr int episodes = 20000;
  double cartpole_sum[4] = {}, cartpole_squares[4] = {}, pendulum_sum[2] = {}, pendulum_squares[2] = {};
  for (int episode = 0; episode < episodes; ++episode) {
    const RandomWords words(random_key(3, RandomStream::task), static_cast<std::uint64_t>(episode));
    RandomWords of_cartpole = words, of_pendulum = words;
    double cartpole[4], pendulum[2];
    CartPole{}.reset(of_cartpole, cartpole);
    Pendulum{}.reset(of_pendulum, pendulum);
    for (int i = 0; i < 4; ++i) {
      ASSERT_LT(std::abs(cartpole[i]), 0.05);
      cartpole_sum[i] += cartpole[i] / 0.05;
      cartpole_squares[i] += cartpole[i] * cartpole[i] / 0.0025;
    }
    const double bounds[2] = {Pendulum::pi, 1.0};
    for (int i = 0; i < 2; ++i) {
      ASSERT_LT(std::abs(pendulum[i]), bounds[i]);
      pendulum_sum[i] += pendulum[i] / bounds[i];
      pendulum_squares[i] += pendulum[i] * pendulum[i] / (bounds[i] * bounds[i]);
    }
  }
  // Uniform in ±1: mean 0 (standard error 0.0041), mean square 1/3 (standard error 0.0021).
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(cartpole_sum[i] / episodes, 0.0, 0.02);
    EXPECT_NEAR(cartpole_squares[i] / episodes, 1.0 / 3.0, 0.01);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(pendulum_sum[i] / episodes, 0.0, 0.02);
    EXPECT_NEAR(pendulum_squares[i] / episodes, 1.0 / 3.0, 0.01);
  }
}

}  // namespace
}  // namespace mynah
