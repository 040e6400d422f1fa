// What policies keep of an episode: kernels/policy_memory.h by its definition.

#include "kernels/policy_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace mynah::tests {
namespace {

using Execution = kernels::ChunkRule::Execution;

struct HostMatrix {
  std::vector<float> values;
  Matrix view;
  HostMatrix(Index rows, Index columns)
      : values(static_cast<std::size_t>(rows * columns), std::nanf("")), view(values.data(), rows, columns) {}
};

/// Two rows that are two steps apart; what was there before an episode does not count.
TEST(PolicyMemory, HistoryForgetsAtTheStartOfAnEpisode) {
  Stream cpu({});
  HostMatrix history(2, 6), observation(2, 2);
  for (Index t = 0; t < 5; ++t) {
    const std::vector<std::int32_t> elapsed{static_cast<std::int32_t>(t), static_cast<std::int32_t>(t < 2 ? t : t - 2)};
    for (Index i = 0; i < 4; ++i) observation.values[static_cast<std::size_t>(i)] = static_cast<float>(10 * t + i);
    kernels::remember_observations(cpu, observation.view, {elapsed.data(), 2}, history.view);
  }
  EXPECT_EQ(history.values, (std::vector<float>{20, 21, 30, 31, 40, 41, 22, 23, 32, 33, 42, 43}));
}

TEST(PolicyMemory, ActionsAreRememberedWithinTheirBounds) {
  Stream cpu({});
  HostMatrix actions(2, 2), last(2, 2);
  actions.values = {-3.0f, 0.5f, 0.25f, 9.0f};
  kernels::remember_actions(cpu, actions.view, {}, {}, last.view);
  EXPECT_EQ(last.values, actions.values);
  const std::vector<float> low{-1.0f, -2.0f}, high{1.0f, 2.0f};
  kernels::remember_actions(cpu, actions.view, {low.data(), 2}, {high.data(), 2}, last.view);
  EXPECT_EQ(last.values, (std::vector<float>{-1.0f, 0.5f, 0.25f, 2.0f}));
  actions.values[1] = std::nanf("");
  kernels::remember_actions(cpu, actions.view, {low.data(), 2}, {high.data(), 2}, last.view);
  EXPECT_TRUE(std::isnan(last.values[1]));
  HostMatrix classes(3, 2);
  const std::vector<std::int32_t> choices{1, 0, 2};
  kernels::remember_choices(cpu, {choices.data(), 3}, classes.view);
  EXPECT_EQ(classes.values, (std::vector<float>{0, 1, 1, 0, 0, 0}));
}

/// Against the paper's formula, written down once more.
class Chunks : public testing::TestWithParam<Execution> {};

TEST_P(Chunks, AreCombinedByThePapersFormula) {
  const Execution execution = GetParam();
  Stream cpu({});
  constexpr Index steps = 3, length = 8;
  const float decay = std::exp(-0.3f);
  const auto predicted = [](Index begun, Index ahead) {
    return static_cast<float>(100 * begun + 7 * ahead + begun % 2);
  };
  HostMatrix chunk(1, steps), memory(1, steps * steps), action(1, 1);
  for (int episode = 0; episode < 2; ++episode) {
    for (Index t = 0; t < length; ++t) {
      for (Index i = 0; i < steps; ++i) chunk.values[static_cast<std::size_t>(i)] = predicted(t, i);
      const auto elapsed = static_cast<std::int32_t>(t);
      kernels::combine_chunks(cpu, chunk.view, {&elapsed, 1}, {execution, decay}, memory.view, action.view);
      double expected = predicted(t - t % steps, t % steps);
      if (execution == Execution::ensemble) {
        double sum = 0.0, weights = 0.0;
        Index i = 0;
        for (Index begun = std::max<Index>(0, t - steps + 1); begun <= t; ++begun, ++i) {
          sum += std::exp(-0.3 * static_cast<double>(i)) * predicted(begun, t - begun);
          weights += std::exp(-0.3 * static_cast<double>(i));
        }
        expected = sum / weights;
      }
      EXPECT_NEAR(action.values[0], expected, 1e-3) << "step " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Both, Chunks, testing::Values(Execution::ensemble, Execution::open_loop));

}  // namespace
}  // namespace mynah::tests
