// The dynamics of the tasks against Gymnasium itself (tests/gymnasium/make_trajectories.py) and against recorded
// demonstrations.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "engine/demonstrations.h"
#include "engine/npz.h"
#include "kernels/dynamics/all_dynamics.h"
#include "kernels/dynamics/episode_rows.h"
#include "tests/shared_data.h"

namespace mynah {
namespace {

using dynamics::CartPole;
using dynamics::Pendulum;
using dynamics::RandomWords;

/// What tests/gymnasium/make_trajectories.py wrote of a task.
struct Trajectories {
  Index episodes, steps, recorded;  // recorded: states of an episode, every tenth
  std::vector<double> starts, states, observations, rewards, actions;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint8_t> terminated;

  explicit Trajectories(const std::string& task) {
    NpzReader reader(std::string(MYNAH_SOURCE_DIR) + "/tests/data/gymnasium/" + task + ".npz");
    const auto doubles = [&](const char* name) { return npy_to_doubles(reader.read(name), name); };
    starts = doubles("starts");
    states = doubles("states");
    observations = doubles("observations");
    rewards = doubles("rewards");
    actions = doubles("actions");
    lengths = npy_to_integers(reader.read("lengths"), "lengths");
    terminated = npy_to_flags(reader.read("terminated"), "terminated");
    episodes = static_cast<Index>(lengths.size());
    steps = reader.read("rewards").shape.at(1);
    recorded = reader.read("states").shape.at(1);
  }
};

/// Infinite for what is no number, which std::max would pass over.
double distance(double value, double expected) {
  const double difference = std::abs(value - expected) / std::max(1.0, std::abs(expected));
  return std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference;
}

/// The largest of each, relative where a number is larger than 1.
struct Errors {
  double state = 0.0, observation = 0.0, reward = 0.0;
  Index wrong_ends = 0, compared = 0;
};

/// Every episode from its start to its end.
template <class Dynamics>
Errors replay(const Trajectories& of) {
  constexpr Index n = Dynamics::state_size, columns = Dynamics::observation_size;
  Errors worst;
  for (Index episode = 0; episode < of.episodes; ++episode) {
    double state[n];
    std::copy_n(of.starts.begin() + episode * n, n, state);
    const Index length = of.lengths[static_cast<std::size_t>(episode)];
    for (Index t = 0; t < length; ++t) {
      const auto at = static_cast<std::size_t>(episode * of.steps + t);
      const auto action = static_cast<typename Dynamics::Action>(of.actions[at]);
      const dynamics::StepOutcome outcome = Dynamics{}.step(state, &action);
      worst.reward = std::max(worst.reward, distance(outcome.reward, of.rewards[at]));
      const bool ends = t + 1 == length && of.terminated[static_cast<std::size_t>(episode)] != 0;
      worst.wrong_ends += outcome.terminated != ends ? 1 : 0;
      if ((t + 1) % 10 != 0) continue;
      const auto row = static_cast<std::size_t>(episode * of.recorded + t / 10);
      for (std::size_t i = 0; i < n; ++i) {
        worst.state = std::max(worst.state, distance(state[i], of.states[row * n + i]));
      }
      float observation[columns];
      Dynamics{}.observe(state, observation);
      for (std::size_t i = 0; i < columns; ++i) {
        const double expected = of.observations[row * columns + i];
        worst.observation = std::max(worst.observation, distance(static_cast<double>(observation[i]), expected));
      }
      ++worst.compared;
    }
  }
  return worst;
}

/// How far states may be from Gymnasium's at the end: 200 steps (Acrobot 50) of the same double-precision formulas in
/// another order. MountainCarContinuous is kept in single precision, and Gymnasium takes the cosine of a rounded
/// number.
template <class Dynamics>
constexpr double tolerance = 1e-9;
template <>
constexpr double tolerance<dynamics::MountainCarContinuous> = 1e-5;

template <class Dynamics>
class AgainstGymnasium : public testing::Test {};
using ClassicTasks =
    testing::Types<CartPole, Pendulum, dynamics::MountainCar, dynamics::MountainCarContinuous, dynamics::Acrobot>;
TYPED_TEST_SUITE(AgainstGymnasium, ClassicTasks);

TYPED_TEST(AgainstGymnasium, FiftyEpisodesMoveAsGymnasiums) {
  const Trajectories of(TypeParam::name);
  ASSERT_EQ(of.episodes, 50);
  ASSERT_EQ(of.steps, std::string(TypeParam::name) == "Acrobot-v1" ? 50 : 200);
  const Errors worst = replay<TypeParam>(of);
  EXPECT_GE(worst.compared, 150);
  EXPECT_EQ(worst.wrong_ends, 0);
  EXPECT_LT(worst.state, tolerance<TypeParam>);
  EXPECT_LT(worst.observation, std::max(2e-7, tolerance<TypeParam>));
  EXPECT_LT(worst.reward, std::max(2e-7, tolerance<TypeParam>));
  if (std::string(TypeParam::name) != "Pendulum-v1") {  // which never ends by itself
    EXPECT_GE(std::accumulate(of.terminated.begin(), of.terminated.end(), 0), 10);
  }
}

TEST(AgainstGymnasium, TheRecordingsHaveWhatIsSpecial) {
  const auto any = [](const std::vector<double>& values, const auto& holds) {
    return std::any_of(values.begin(), values.end(), holds);
  };
  const Trajectories pendulum("Pendulum-v1");  // speeds at the limit, torques beyond the bounds, several turns
  EXPECT_TRUE(any(pendulum.states, [](double v) { return v == 8.0; }));
  EXPECT_TRUE(any(pendulum.actions, [](double v) { return std::abs(v) > 2.0; }));
  EXPECT_TRUE(any(pendulum.states, [](double v) { return v > 20.0; }));
  for (const char* name : {"MountainCar-v0", "MountainCarContinuous-v0"}) {  // the wall on the left
    EXPECT_TRUE(any(Trajectories(name).states, [](double v) { return std::abs(v + 1.2) < 1e-7; })) << name;
  }
  const Trajectories acrobot("Acrobot-v1");  // angles that were wrapped, speeds that turn a link more than half a step
  EXPECT_TRUE(any(acrobot.states, [](double v) { return std::abs(v) > dynamics::Acrobot::pi / 0.2; }));
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
      worst = std::max(worst, distance(state[i], expected));
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

TEST(RandomWords, AreThePhiloxBlocksInOrder) {
  const RandomKey key = random_key(8, RandomStream::task);
  RandomWords words(key, 41);
  for (std::uint32_t block = 0; block < 3; ++block) {
    const PhiloxBlock expected = philox(key, 41, block);
    for (const std::uint32_t word : {expected.x, expected.y, expected.z, expected.w}) EXPECT_EQ(words.next(), word);
  }
}

TEST(RandomWords, NumbersHaveTheirRangesAndMoments) {
  RandomWords words(random_key(1, RandomStream::test), 0);
  constexpr int draws = 20000;
  double uniform_sum = 0.0, normal_sum = 0.0, normal_squares = 0.0;
  int counts[7] = {};
  for (int i = 0; i < draws; ++i) {
    const double uniform = words.between(-0.6, -0.4);
    ASSERT_TRUE(uniform > -0.6 && uniform < -0.4);
    uniform_sum += uniform;
    const double normal = words.normal();
    normal_sum += normal;
    normal_squares += normal * normal;
    ++counts[words.below(7)];
  }
  // Five standard errors each.
  EXPECT_NEAR(uniform_sum / draws, -0.5, 5.0 * 0.0577 / std::sqrt(draws));
  EXPECT_NEAR(normal_sum / draws, 0.0, 5.0 / std::sqrt(draws));
  EXPECT_NEAR(normal_squares / draws, 1.0, 5.0 * std::sqrt(2.0 / draws));
  for (const int count : counts) EXPECT_NEAR(count, draws / 7.0, 5.0 * std::sqrt(draws / 7.0));
}

/// Dynamics with a parameter, whose steps are random.
struct RandomWalk {
  static constexpr Index state_size = 1, observation_size = 1, action_size = 1;
  using Action = float;
  double size = 1.0;

  void reset(RandomWords& words, double* state) const { state[0] = words.symmetric(); }
  dynamics::StepOutcome step(double* state, const Action*, RandomWords& words) const {
    state[0] += size * words.normal();
    return {state[0], false};
  }
  void observe(const double* state, float* observation) const { observation[0] = static_cast<float>(state[0]); }
};
static_assert(dynamics::has_random_steps<RandomWalk> && !dynamics::has_random_steps<CartPole>);
static_assert(dynamics::stored_state_size<RandomWalk> == 3 && dynamics::stored_state_size<CartPole> == 4);
static_assert(!dynamics::has_expert<RandomWalk> && dynamics::has_expert<CartPole>);

/// Positions of episodes first ... first + rows - 1 after each of 6 steps, [6][rows].
std::vector<std::vector<double>> walk(Index rows, Index first, double size) {
  const auto n = static_cast<std::size_t>(rows);
  std::vector<double> states(3 * n), returns(n);
  std::vector<float> observations(n), rewards(n), actions(n);
  std::vector<std::int32_t> elapsed(n), status(n);
  const kernels::EpisodeBatch batch{{states.data(), rows, 3}, {observations.data(), rows, 1}, {rewards.data(), rows},
                                    {returns.data(), rows},   {elapsed.data(), rows},         {status.data(), rows}};
  const RandomWalk dynamics{size};
  const dynamics::ResetRow<RandomWalk> reset{dynamics, random_key(4, RandomStream::task), first, batch};
  const dynamics::StepRow<RandomWalk> step{dynamics, {100, false}, {actions.data(), rows, 1}, batch};
  std::vector<std::vector<double>> positions;
  for (Index m = 0; m < rows; ++m) reset(m);
  for (int t = 0; t < 6; ++t) {
    for (Index m = 0; m < rows; ++m) step(m);
    auto& now = positions.emplace_back();
    for (std::size_t m = 0; m < n; ++m) now.push_back(states[3 * m]);
  }
  return positions;
}

TEST(RandomSteps, DependOnTheEpisodeAndTheStepAlone) {
  const auto together = walk(9, 20, 1.0), alone = walk(1, 25, 1.0), smaller = walk(1, 25, 0.5);
  for (std::size_t t = 0; t < 6; ++t) EXPECT_EQ(together[t][5], alone[t][0]);
  std::set<double> steps;
  for (std::size_t t = 1; t < 6; ++t) {
    for (std::size_t m = 0; m < 9; ++m) steps.insert(together[t][m] - together[t - 1][m]);
    EXPECT_NEAR(smaller[t][0] - smaller[t - 1][0], 0.5 * (alone[t][0] - alone[t - 1][0]), 1e-15);
  }
  EXPECT_EQ(steps.size(), 5u * 9u);  // no number was drawn twice
}

}  // namespace
}  // namespace mynah
