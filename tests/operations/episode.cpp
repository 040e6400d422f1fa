// Single steps of the tasks; tests/task_parity_test.cpp plays whole episodes.

#include "kernels/episode.h"

#include "kernels/dynamics/all_dynamics.h"
#include "kernels/episode_actions.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::EpisodeBatch;
using kernels::EpisodeNumbers;

/// The memory of a batch, and of what goes in.
struct Tensors {
  Tensor<double> states, returns;
  Tensor<float> observations, rewards;
  Tensor<std::int32_t> elapsed, status;

  Tensors(Parity& run, Index rows, Index state_size, Index observation_size)
      : states(run.output<double>(rows, state_size, {1, 0})),
        returns(run.output<double>(1, rows)),
        observations(run.output(rows, observation_size, {2, 0})),
        rewards(run.output(1, rows)),
        elapsed(run.output<std::int32_t>(1, rows)),
        status(run.output<std::int32_t>(1, rows)) {}

  EpisodeBatch batch(const Place& at) const {
    return {at.matrix(states),  at.matrix(observations), at.vector(rewards),
            at.vector(returns), at.vector(elapsed),      at.vector(status)};
  }
};

/// Of copies that start again by themselves.
struct CopyTensors {
  Tensors episodes;
  Tensor<std::int32_t> numbers, terminated, truncated, last_lengths;
  Tensor<float> next_observations;
  Tensor<double> last_returns;

  CopyTensors(Parity& run, Index rows, Index state_size, Index observation_size)
      : episodes(run, rows, state_size, observation_size),
        numbers(run.output<std::int32_t>(1, rows)),
        terminated(run.output<std::int32_t>(1, rows)),
        truncated(run.output<std::int32_t>(1, rows)),
        last_lengths(run.output<std::int32_t>(1, rows)),
        next_observations(run.output(rows, observation_size, {3, 0})),
        last_returns(run.output<double>(1, rows)) {}

  kernels::CopyBatch batch(const Place& at) const {
    return {episodes.batch(at),           at.vector(numbers),      at.vector(terminated),  at.vector(truncated),
            at.matrix(next_observations), at.vector(last_returns), at.vector(last_lengths)};
  }
};

/// Actions in device memory, as the dynamics take them.
template <class Dynamics>
struct Actions {
  Tensor<std::int32_t> labels;
  Tensor<float> values;

  static Actions given(Parity& run, Index rows) {
    if constexpr (dynamics::is_discrete<Dynamics>) {
      return {run.labels(rows, Dynamics::action_count), {}};
    } else {
      return {{}, run.input(rows, Dynamics::action_size, {3, 0})};
    }
  }
  static Actions output(Parity& run, Index rows) {
    if constexpr (dynamics::is_discrete<Dynamics>) {
      return {run.output<std::int32_t>(1, rows), {}};
    } else {
      return {{}, run.output(rows, Dynamics::action_size, {3, 0})};
    }
  }
  dynamics::ActionsOf<Dynamics> at(const Place& place) const {
    if constexpr (dynamics::is_discrete<Dynamics>) {
      return place.vector(labels);
    } else {
      return place.matrix(values);
    }
  }
};

template <class Dynamics>
void register_task(Family& family, Index rows) {
  const std::string text = std::string(Dynamics::name) + ", " + std::to_string(rows) + " rows";
  const RandomKey key = random_key(9, RandomStream::task);
  const auto tensors_of = [rows](Parity& run) {
    return Tensors(run, rows, dynamics::stored_state_size<Dynamics>, Dynamics::observation_size);
  };
  family.operation("reset_episodes", text, [=](Parity& run) {
    const Tensors tensors = tensors_of(run);
    run.expect_same(
        [=](const Place& at) { kernels::reset_episodes(at.stream, Dynamics{}, key, 1000, tensors.batch(at)); });
  });
  family.operation("step_episodes", text, [=](Parity& run) {
    const Tensors tensors = tensors_of(run);
    const auto actions = Actions<Dynamics>::given(run, rows);
    // The third step meets the limit; with the fixed horizon as without.
    const kernels::EpisodeRules rules{3, rows % 2 == 0};
    run.expect_same([=](const Place& at) {
      kernels::reset_episodes(at.stream, Dynamics{}, key, 1000, tensors.batch(at));
      for (int step = 0; step < 4; ++step) {
        kernels::step_episodes(at.stream, Dynamics{}, rules, actions.at(at), tensors.batch(at));
      }
    });
  });
  const auto copies_of = [rows](Parity& run) {
    return CopyTensors(run, rows, dynamics::stored_state_size<Dynamics>, Dynamics::observation_size);
  };
  family.operation("start_copies", text, [=](Parity& run) {
    const CopyTensors tensors = copies_of(run);
    run.expect_same([=](const Place& at) { kernels::start_copies(at.stream, Dynamics{}, key, 70, tensors.batch(at)); });
  });
  family.operation("step_copies", text, [=](Parity& run) {
    const CopyTensors tensors = copies_of(run);
    const auto actions = Actions<Dynamics>::given(run, rows);
    // Two episodes end, and the third begins.
    const kernels::EpisodeRules rules{2, rows % 2 == 0};
    run.expect_same([=](const Place& at) {
      kernels::start_copies(at.stream, Dynamics{}, key, 70, tensors.batch(at));
      for (int step = 0; step < 5; ++step) {
        kernels::step_copies(at.stream, Dynamics{}, rules, key, 70, actions.at(at), tensors.batch(at));
      }
    });
  });
  if constexpr (dynamics::has_expert<Dynamics>) {
    family.operation("expert_actions", text, [=](Parity& run) {
      const Tensors tensors = tensors_of(run);
      const auto actions = Actions<Dynamics>::output(run, rows);
      run.expect_same([=](const Place& at) {
        kernels::reset_episodes(at.stream, Dynamics{}, key, 1000, tensors.batch(at));
        kernels::expert_actions(at.stream, Dynamics{}, at.matrix(tensors.observations), actions.at(at));
      });
    });
  }
}

/// The numbers of episodes 1000, 1001, ... at their sixth step.
struct Numbers {
  Tensor<std::int32_t> elapsed;

  Numbers(Parity& run, Index rows)
      : elapsed(run.given(std::vector<std::int32_t>(static_cast<std::size_t>(rows), 6), 1, rows)) {}
  EpisodeNumbers at(const Place& place) const {
    return {random_key(5, RandomStream::policy), 1000, place.vector(elapsed)};
  }
};

void register_actions(Family& family, Index rows, Index columns) {
  const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
  family.operation("random_actions", text, [=](Parity& run) {
    const Numbers numbers(run, rows);
    const auto actions = run.output(rows, columns, {2, 1});
    run.expect_same(
        [=](const Place& at) { kernels::random_actions(at.stream, numbers.at(at), -1.0f, 3.0f, at.matrix(actions)); });
  });
  family.operation("perturb_actions", text, [=](Parity& run) {
    const Numbers numbers(run, rows);
    const auto actions = run.input(rows, columns, {1, 0});
    const auto out = run.output(rows, columns, {2, 1});
    run.expect_same([=](const Place& at) {
      kernels::perturb_actions(at.stream, numbers.at(at), 0.4f, -1.0f, 1.0f, at.matrix(actions), at.matrix(out));
    });
  });
  family.operation("random_labels", text, [=](Parity& run) {
    const Numbers numbers(run, rows);
    const auto out = run.output<std::int32_t>(1, rows);
    run.expect_same([=](const Place& at) {
      kernels::random_labels(at.stream, numbers.at(at), static_cast<std::int32_t>(columns), at.vector(out));
    });
  });
  family.operation("perturb_labels", text, [=](Parity& run) {
    const Numbers numbers(run, rows);
    const auto labels = run.labels(rows, static_cast<std::int32_t>(columns));
    const auto out = run.output<std::int32_t>(1, rows);
    run.expect_same([=](const Place& at) {
      kernels::perturb_labels(at.stream, numbers.at(at), 0.4f, static_cast<std::int32_t>(columns), at.vector(labels),
                              at.vector(out));
    });
  });
}

const Family episode("episode", [](Family& family) {
  Index columns = 1;
  for (const Index rows : {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 13, 15,  16,  17,  19,  23,  29,  30,  31, 32,
                           33, 37, 41, 47, 48, 49, 63, 64, 65, 71, 95, 96, 100, 127, 128, 129, 200, 255, 256, 257}) {
#define MYNAH_REGISTER(D) register_task<dynamics::D>(family, rows);
    MYNAH_FOR_ALL_DYNAMICS(MYNAH_REGISTER)
#undef MYNAH_REGISTER
    register_actions(family, rows, columns++ % 9 + 1);
  }
  const std::vector<std::string> operations{"reset_episodes", "step_episodes",   "start_copies",
                                            "step_copies",    "expert_actions",  "random_actions",
                                            "random_labels",  "perturb_actions", "perturb_labels"};
  family.without(operations, {Aspect::gradient, Aspect::tangent}, "nothing is differentiated through a task");
  family.without(operations, {Aspect::pytorch}, "tasks are compared with Gymnasium: tests/dynamics_test.cpp");
});

}  // namespace
}  // namespace mynah::tests
