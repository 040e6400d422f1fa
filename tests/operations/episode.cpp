// Single steps of the tasks; tests/task_parity_test.cpp plays whole episodes.

#include "kernels/episode.h"

#include <cmath>

#include "kernels/episode_actions.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::EpisodeBatch;
using kernels::EpisodeNumbers;

/// States in [-0.3, 0.3), where CartPole's rule does not end an episode.
Tensor<double> states_of(Parity& run, Index rows, Index size) {
  std::vector<double> values(static_cast<std::size_t>(rows * size));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.15 * std::sin(static_cast<double>(3 * i + 1));
  return run.given(values, rows, size, {1, 0}, true);
}

struct Tensors {
  Tensor<double> states, returns;
  Tensor<float> observations, rewards;
  Tensor<std::int32_t> elapsed, status;

  Tensors(Parity& run, Index rows, bool cartpole)
      : states(states_of(run, rows, cartpole ? 4 : 2)),
        returns(run.given(std::vector<double>(static_cast<std::size_t>(rows), 1.5), 1, rows, {}, true)),
        observations(run.output(rows, cartpole ? 4 : 3, {2, 0})),
        rewards(run.output(1, rows)),
        elapsed(run.given(std::vector<std::int32_t>(static_cast<std::size_t>(rows), 6), 1, rows, {}, true)),
        status(run.given(std::vector<std::int32_t>(static_cast<std::size_t>(rows), 0), 1, rows, {}, true)) {}

  EpisodeBatch batch(const Place& at) const {
    return {at.matrix(states),  at.matrix(observations), at.vector(rewards),
            at.vector(returns), at.vector(elapsed),      at.vector(status)};
  }
  EpisodeNumbers numbers(const Place& at) const {
    return {random_key(5, RandomStream::policy), 1000, at.vector(elapsed)};
  }
};

void register_task(Family& family, Index rows, bool cartpole) {
  const std::string name = cartpole ? "cartpole" : "pendulum", text = std::to_string(rows) + " rows";
  const RandomKey key = random_key(9, RandomStream::task);
  family.operation(name + "_reset", text, [=](Parity& run) {
    const Tensors tensors(run, rows, cartpole);
    const auto reset = cartpole ? kernels::cartpole_reset : kernels::pendulum_reset;
    run.expect_same([=](const Place& at) { reset(at.stream, key, 1000, tensors.batch(at)); });
  });
  family.operation(name + "_step", text, [=](Parity& run) {
    const Tensors tensors(run, rows, cartpole);
    const auto labels = run.labels(rows, 2);
    const auto actions = run.input(rows, 1, {3, 0});
    run.expect_same([=](const Place& at) {
      if (cartpole) {
        kernels::cartpole_step(at.stream, at.vector(labels), tensors.batch(at));
      } else {
        kernels::pendulum_step(at.stream, at.matrix(actions), tensors.batch(at));
      }
    });
  });
  family.operation(name + "_expert", text, [=](Parity& run) {
    const auto observations = run.input(rows, cartpole ? 4 : 3, {1, 0});
    const auto labels = cartpole ? run.output<std::int32_t>(1, rows) : Tensor<std::int32_t>{};
    const auto actions = cartpole ? Tensor<float>{} : run.output(rows, 1, {3, 0});
    run.expect_same([=](const Place& at) {
      if (cartpole) {
        kernels::cartpole_expert(at.stream, at.matrix(observations), at.vector(labels));
      } else {
        kernels::pendulum_expert(at.stream, at.matrix(observations), at.matrix(actions));
      }
    });
  });
}

void register_actions(Family& family, Index rows, Index columns) {
  const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
  family.operation("random_actions", text, [=](Parity& run) {
    const Tensors tensors(run, rows, true);
    const auto actions = run.output(rows, columns, {2, 1});
    run.expect_same([=](const Place& at) {
      kernels::random_actions(at.stream, tensors.numbers(at), -1.0f, 3.0f, at.matrix(actions));
    });
  });
  family.operation("perturb_actions", text, [=](Parity& run) {
    const Tensors tensors(run, rows, true);
    const auto actions = run.input(rows, columns, {1, 0});
    const auto out = run.output(rows, columns, {2, 1});
    run.expect_same([=](const Place& at) {
      kernels::perturb_actions(at.stream, tensors.numbers(at), 0.4f, -1.0f, 1.0f, at.matrix(actions), at.matrix(out));
    });
  });
  family.operation("random_labels", text, [=](Parity& run) {
    const Tensors tensors(run, rows, true);
    const auto out = run.output<std::int32_t>(1, rows);
    run.expect_same([=](const Place& at) {
      kernels::random_labels(at.stream, tensors.numbers(at), static_cast<std::int32_t>(columns), at.vector(out));
    });
  });
  family.operation("perturb_labels", text, [=](Parity& run) {
    const Tensors tensors(run, rows, true);
    const auto labels = run.labels(rows, static_cast<std::int32_t>(columns));
    const auto out = run.output<std::int32_t>(1, rows);
    run.expect_same([=](const Place& at) {
      kernels::perturb_labels(at.stream, tensors.numbers(at), 0.4f, static_cast<std::int32_t>(columns),
                              at.vector(labels), at.vector(out));
    });
  });
}

const Family episode("episode", [](Family& family) {
  Index columns = 1;
  for (const Index rows : {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 13, 15,  16,  17,  19,  23,  29,  30,  31, 32,
                           33, 37, 41, 47, 48, 49, 63, 64, 65, 71, 95, 96, 100, 127, 128, 129, 200, 255, 256, 257}) {
    register_task(family, rows, true);
    register_task(family, rows, false);
    register_actions(family, rows, columns++ % 9 + 1);
  }
  const std::vector<std::string> operations{"cartpole_reset",  "cartpole_step",   "cartpole_expert", "pendulum_reset",
                                            "pendulum_step",   "pendulum_expert", "random_actions",  "random_labels",
                                            "perturb_actions", "perturb_labels"};
  family.without(operations, {Aspect::gradient, Aspect::tangent}, "nothing is differentiated through a task");
  family.without(operations, {Aspect::pytorch}, "tasks are compared with Gymnasium: tests/dynamics_test.cpp");
});

}  // namespace
}  // namespace mynah::tests
