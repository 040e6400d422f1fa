// Adam on the CPU against a plain transcription of the algorithm, in long double.

#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/guarded.h"

namespace mynah {
namespace {

using kernels::AdamOptions;
using tests::GuardedMatrix;

struct AdamState {
  long double parameter, first, second;
};

/// Kingma and Ba 2015, algorithm 1, line by line; decay as Loshchilov and Hutter 2019, or added to the gradient.
void transcribed_step(const AdamOptions& options, long double rate, int t, long double gradient, AdamState& state) {
  if (options.decoupled) {
    state.parameter -= rate * options.weight_decay * state.parameter;
  } else {
    gradient += options.weight_decay * state.parameter;
  }
  state.first = options.beta1 * state.first + (1 - options.beta1) * gradient;
  state.second = options.beta2 * state.second + (1 - options.beta2) * gradient * gradient;
  const long double first_unbiased = state.first / (1 - std::pow(static_cast<long double>(options.beta1), t));
  const long double second_unbiased = state.second / (1 - std::pow(static_cast<long double>(options.beta2), t));
  state.parameter -= rate * first_unbiased / (std::sqrt(second_unbiased) + options.epsilon);
}

template <class Scalar>
void expect_adam_like_the_transcription(const AdamOptions& options, Index n, double tolerance) {
  Stream stream{DeviceId{}};
  std::mt19937 generator(11);
  const float rate = 0.01f;
  GuardedMatrix<Scalar> parameters(1, n, 0, 1), gradient(1, n, 0, 2), first(1, n, 0, 3), second(1, n);
  parameters.randomize(generator);
  first.set(0);
  second.set(0);
  std::vector<AdamState> states;
  for (Index i = 0; i < n; ++i) states.push_back({parameters.at(0, i), 0, 0});
  for (Index t = 1; t <= 20; ++t) {
    gradient.randomize(generator);
    const GuardedMatrix<Scalar> before = gradient;
    for (Index i = 0; i < n; ++i) {
      transcribed_step(options, rate, static_cast<int>(t), gradient.at(0, i), states[static_cast<std::size_t>(i)]);
    }
    kernels::eigen::adam_step<Scalar>(stream, options, &rate, &t, parameters.vector(), gradient.constant_vector(),
                                      first.vector(), second.vector());
    for (Index i = 0; i < n; ++i) ASSERT_EQ(gradient.at(0, i), before.at(0, i));
  }
  for (Index i = 0; i < n; ++i) {
    const AdamState& state = states[static_cast<std::size_t>(i)];
    ASSERT_NEAR(parameters.at(0, i), static_cast<double>(state.parameter), tolerance);
    ASSERT_NEAR(first.at(0, i), static_cast<double>(state.first), tolerance);
    ASSERT_NEAR(second.at(0, i), static_cast<double>(state.second), tolerance);
  }
  EXPECT_TRUE(parameters.guards_intact() && gradient.guards_intact() && first.guards_intact() &&
              second.guards_intact());
}

TEST(Adam, FollowsTheAlgorithm) {
  for (const Index n : {1, 5, 16, 17, 100, 257}) {
    for (const double decay : {0.0, 0.1}) {
      for (const bool decoupled : {false, true}) {
        AdamOptions options;
        options.weight_decay = decay;
        options.decoupled = decoupled;
        expect_adam_like_the_transcription<double>(options, n, 1e-12);
        expect_adam_like_the_transcription<float>(options, n, 2e-6);
      }
    }
  }
}

TEST(Adam, LeavesParametersWithoutGradientAlone) {
  Stream stream{DeviceId{}};
  const float rate = 0.1f;
  const Index step = 1;
  GuardedMatrix<float> parameters(1, 40), gradient(1, 40), first(1, 40), second(1, 40);
  parameters.set(0.25f);
  for (auto* zeros : {&gradient, &first, &second}) zeros->set(0);
  kernels::adam_step(stream, {}, &rate, &step, parameters.vector(), gradient.constant_vector(), first.vector(),
                     second.vector());
  for (Index i = 0; i < 40; ++i) EXPECT_EQ(parameters.at(0, i), 0.25f);
}

}  // namespace
}  // namespace mynah
