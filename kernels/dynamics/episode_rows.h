#pragma once

#include "kernels/dynamics/outcome.h"
#include "kernels/episode.h"
#include "kernels/host_device.h"

namespace mynah::dynamics {

/// What the twins of kernels/episode.h do for one row, for a task `Dynamics` (CartPole, Pendulum).

template <class Dynamics>
struct ResetRow {
  RandomKey key;
  Index first_episode;
  kernels::EpisodeBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    double* state = batch.states.data + row * batch.states.stride;
    Dynamics::reset(philox(key, static_cast<std::uint64_t>(first_episode + row), 0), state);
    Dynamics::observe(state, batch.observations.data + row * batch.observations.stride);
    batch.rewards.data[row] = 0.0f;
    batch.returns.data[row] = 0.0;
    batch.elapsed.data[row] = 0;
    batch.status.data[row] = static_cast<std::int32_t>(kernels::EpisodeStatus::running);
  }
};

/// actions: the first action of each row lies at actions[row * stride].
template <class Dynamics>
struct StepRow {
  const typename Dynamics::Action* actions;
  Index stride;
  kernels::EpisodeBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    double* state = batch.states.data + row * batch.states.stride;
    if (batch.status.data[row] == static_cast<std::int32_t>(kernels::EpisodeStatus::running)) {
      advance(row, state);
    } else {
      batch.rewards.data[row] = 0.0f;
    }
    Dynamics::observe(state, batch.observations.data + row * batch.observations.stride);
  }

 private:
  MYNAH_HOST_DEVICE void advance(Index row, double* state) const {
    const StepOutcome outcome = Dynamics::step(state, actions[row * stride]);
    batch.rewards.data[row] = static_cast<float>(outcome.reward);
    batch.returns.data[row] += outcome.reward;
    const std::int32_t steps = ++batch.elapsed.data[row];
    if (outcome.terminated) {
      batch.status.data[row] = static_cast<std::int32_t>(kernels::EpisodeStatus::terminated);
    } else if (steps >= Dynamics::max_steps) {
      batch.status.data[row] = static_cast<std::int32_t>(kernels::EpisodeStatus::timed_out);
    }
  }
};

}  // namespace mynah::dynamics
