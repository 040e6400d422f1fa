// That the augmentations of behaviour cloning help where they should: a mirror where the task is symmetric, noise where
// there are few demonstrations.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <numeric>

#include "algorithms/behaviour_cloning.h"
#include "kernels/random.h"

namespace mynah::tests {
namespace {

constexpr Index columns = 3;
constexpr Index held_out = 1000;

/// `rows` to train on and held_out behind them. The expert steers by (x0, x1): mirrored, they and the action change
/// their signs, and x2 does not. What is recorded of the rows to train on is disturbed by `disturbance`.
Demonstrations symmetric(Index rows, std::uint64_t seed, float disturbance) {
  const Index all = rows + held_out;
  Demonstrations data;
  data.observation_size = columns;
  data.action_size = 1;
  data.source = "symmetric";
  data.observations.resize(static_cast<std::size_t>(all * columns));
  std::vector<float> noise(static_cast<std::size_t>(all));
  Stream cpu({});
  kernels::normal(cpu, random_key(seed, RandomStream::test, 1), nullptr, 0.0f, 1.0f,
                  {data.observations.data(), all * columns});
  kernels::normal(cpu, random_key(seed, RandomStream::test, 2), nullptr, 0.0f, disturbance, {noise.data(), all});
  for (Index row = 0; row < all; ++row) {
    const float* const x = data.observations.data() + row * columns;
    data.actions.push_back(std::sin(x[0] + 0.5f * x[1]) * (1.0f + 0.5f * x[2]) +
                           (row < rows ? noise[static_cast<std::size_t>(row)] : 0.0f));
  }
  data.terminals.assign(static_cast<std::size_t>(all), 0);
  data.episode_ends = {rows, all};
  return data;
}

/// Mean squared error on what was held out, averaged over five seeds and printed with each.
double mean_error(const char* name, Index rows, float disturbance, const BehaviourCloningOptions& given) {
  double sum = 0.0;
  std::string text;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Demonstrations data = symmetric(rows, seed, disturbance);
    std::vector<std::int32_t> all(static_cast<std::size_t>(data.rows()));
    std::iota(all.begin(), all.end(), 0);
    BehaviourCloningOptions options = given;
    options.seed = seed;
    options.keep_best = false;
    options.patience = 0;
    const auto training = std::span(all).first(static_cast<std::size_t>(rows));
    BehaviourCloning cloning({}, data, training, std::span(all).subspan(static_cast<std::size_t>(rows)), options);
    const double loss = cloning.fit().validation->loss;
    char one[32];
    std::snprintf(one, sizeof(one), " %.4f", loss);
    text += one;
    sum += loss / 5;
  }
  std::printf("%s, %d rows, held-out squared error on seeds 1 to 5:%s; mean %.4f\n", name, static_cast<int>(rows),
              text.c_str(), sum);
  return sum;
}

/// A mirror is worth as many demonstrations again.
TEST(Learning, AMirrorIsWorthTwiceTheDemonstrations) {
  BehaviourCloningOptions options;
  options.hidden = {32, 32};
  options.epochs = 100;
  options.batch_size = 32;
  const double plain = mean_error("symmetric task", 100, 0.0f, options);
  options.epochs = 50;  // of twice the rows: as many steps
  const double twice = mean_error("symmetric task", 200, 0.0f, options);
  options.mirror = Mirror::parse("-0,-1,2", "-0");
  const double mirrored = mean_error("symmetric task with its mirror", 100, 0.0f, options);
  EXPECT_LT(mirrored, 0.85 * plain);
  EXPECT_LT(mirrored, 1.05 * twice);
}

/// Noise on the observations keeps a network from learning the errors of few demonstrations by heart.
TEST(Learning, NoiseOnObservationsHelpsWithFewDemonstrations) {
  BehaviourCloningOptions options;
  options.hidden = {64, 64};
  options.epochs = 300;
  options.batch_size = 20;
  const double plain = mean_error("few disturbed demonstrations", 60, 0.3f, options);
  options.observation_noise = 0.3;
  const double noisy = mean_error("few disturbed demonstrations with --observation-noise 0.3", 60, 0.3f, options);
  EXPECT_LT(noisy, 0.85 * plain);
}

}  // namespace
}  // namespace mynah::tests
