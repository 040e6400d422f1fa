// A point that has to get round an obstacle, and may go either way: where demonstrations go both ways, their mean goes
// through the middle. A mixture of normal distributions keeps the ways apart.

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "algorithms/behaviour_cloning.h"
#include "kernels/policy_actions.h"
#include "kernels/random_numbers.h"

namespace mynah::tests {
namespace {

/// The point (x, y) goes to the right, 0.1 a step, from x = -0.5 to x = 0.6, and chooses how far it goes up or down:
/// 0.2 times its action in [-1, 1]. The obstacle is |x| < 0.25, |y| < 0.35: who does not turn at once does not get
/// round. It starts at y within 0.05 of the middle.
class TwoWays {
 public:
  static constexpr int steps = 11;

  explicit TwoWays(float start) : y_(start) {}

  std::array<float, 2> observation() const { return {x_, y_}; }
  void step(float action) {
    x_ += 0.1f;
    y_ += 0.2f * std::clamp(action, -1.0f, 1.0f);
    const bool beside = std::fabs(x_) < 0.25f;
    hit_ = hit_ || (beside && std::fabs(y_) < 0.35f);
    above_ = above_ || (beside && y_ > 0.0f);
  }
  bool hit() const { return hit_; }
  /// Whether it went round above.
  bool above() const { return above_; }

  /// Towards `side` (1 or -1) of the obstacle, and behind it back to the middle.
  float expert(float side) const {
    const float wanted = x_ < 0.25f ? 0.6f * side : 0.0f;
    return std::clamp(5.0f * (wanted - y_), -1.0f, 1.0f);
  }

 private:
  float x_ = -0.5f, y_;
  bool hit_ = false, above_ = false;
};

class Numbers {
 public:
  Numbers(std::uint64_t seed, std::uint32_t use) : key_(random_key(seed, RandomStream::test, use)) {}
  float normal() { return random_normal(key_, 0, next_++); }
  float uniform() { return unit_uniform(random_word(key_, 1, next_++)); }

 private:
  RandomKey key_;
  std::uint64_t next_ = 0;
};

constexpr Index episodes = 100;

/// Each episode goes to a side by chance.
Demonstrations demonstrations(std::uint64_t seed) {
  Numbers numbers(seed, 1);
  Demonstrations data;
  data.observation_size = 2;
  data.action_size = 1;
  data.source = "two ways";
  for (Index episode = 0; episode < episodes; ++episode) {
    TwoWays task(0.1f * numbers.uniform() - 0.05f);
    const float side = numbers.uniform() < 0.5f ? -1.0f : 1.0f;
    for (int t = 0; t < TwoWays::steps; ++t) {
      const auto observation = task.observation();
      data.observations.insert(data.observations.end(), observation.begin(), observation.end());
      data.actions.push_back(task.expert(side) + 0.05f * numbers.normal());
      task.step(data.actions.back());
    }
    EXPECT_FALSE(task.hit()) << "the expert gets round";
    data.episode_ends.push_back(TwoWays::steps * (episode + 1));
  }
  data.terminals.assign(data.actions.size(), 0);
  return data;
}

BehaviourCloning clone(std::uint64_t seed, PolicyHead::Kind kind) {
  const Demonstrations data = demonstrations(seed);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(data.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  BehaviourCloningOptions options;
  options.head.kind = kind;
  options.hidden = {32, 32};
  options.epochs = 60;
  options.learning_rate = 3e-3;
  options.patience = 0;
  options.seed = seed;
  return {DeviceId{}, data, rows, {}, options};
}

/// Share of 50 starts from which the policy gets round.
double success(Policy& policy, std::uint64_t seed) {
  constexpr int trials = 50;
  Numbers numbers(seed, 2);
  int passed = 0;
  for (int trial = 0; trial < trials; ++trial) {
    TwoWays task(0.1f * numbers.uniform() - 0.05f);
    for (int t = 0; t < TwoWays::steps; ++t) {
      std::array<float, 1> action{};
      policy.act(task.observation(), action);
      task.step(action[0]);
    }
    passed += task.hit() ? 0 : 1;
  }
  return static_cast<double>(passed) / trials;
}

/// Drawn, a mixture goes both ways: the share of 100 episodes that get round, and of these of the ones that do so
/// above.
std::array<double, 2> drawn_success(Policy& policy) {
  constexpr std::size_t count = 100;
  std::vector<TwoWays> tasks(count, TwoWays(0.0f));
  std::vector<float> observations(2 * count), actions(count);
  std::vector<float> parameters(count * static_cast<std::size_t>(policy.parameter_size()));
  const Matrix place(parameters.data(), count, policy.parameter_size());
  for (int t = 0; t < TwoWays::steps; ++t) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto observation = tasks[i].observation();
      std::copy(observation.begin(), observation.end(), observations.begin() + static_cast<Index>(2 * i));
    }
    policy.parameters({observations.data(), count, 2}, place);
    const std::vector<std::int32_t> elapsed(count, t);
    kernels::mixture_sample(policy.stream(), {random_key(1, RandomStream::policy), 0, {elapsed.data(), count}}, place,
                            policy.mixture(), {actions.data(), count, 1});
    for (std::size_t i = 0; i < count; ++i) tasks[i].step(actions[i]);
  }
  double passed = 0.0, above = 0.0;
  for (const TwoWays& task : tasks) {
    passed += task.hit() ? 0.0 : 1.0;
    above += !task.hit() && task.above() ? 1.0 : 0.0;
  }
  return {passed / count, above / passed};
}

/// Success on each of five seeds, printed.
std::vector<double> successes(PolicyHead::Kind kind) {
  std::vector<double> each;
  std::string text;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    BehaviourCloning cloning = clone(seed, kind);
    cloning.fit();
    each.push_back(success(cloning.policy(), seed));
    text += " " + std::to_string(each.back()).substr(0, 4);
  }
  std::printf("two ways round an obstacle, --head %s, success on seeds 1 to 5:%s\n", policy_head_name(kind).c_str(),
              text.c_str());
  testing::Test::RecordProperty("success_" + policy_head_name(kind), text);
  return each;
}

TEST(Learning, AMixtureKeepsTwoWaysApartAndAMeanDoesNot) {
  for (const double share : successes(PolicyHead::Kind::mixture)) EXPECT_GE(share, 0.95);
  for (const double share : successes(PolicyHead::Kind::action)) EXPECT_LE(share, 0.5);
  for (const double share : successes(PolicyHead::Kind::gaussian)) EXPECT_LE(share, 0.5);
}

TEST(Learning, AMixtureThatIsDrawnGoesBothWays) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    BehaviourCloning cloning = clone(seed, PolicyHead::Kind::mixture);
    cloning.fit();
    const auto [passed, above] = drawn_success(cloning.policy());
    std::printf("two ways round an obstacle, drawn from a mixture, seed %d: %.2f get round, %.2f of them above\n",
                static_cast<int>(seed), passed, above);
    EXPECT_GE(passed, 0.85) << seed;
    EXPECT_NEAR(above, 0.5, 0.3) << seed;
  }
}

}  // namespace
}  // namespace mynah::tests
