#pragma once

#include "kernels/dynamics/traits.h"
#include "kernels/episode.h"
#include "kernels/host_device.h"

namespace mynah::dynamics {

/// What the twins of kernels/episode.h do for one row.

MYNAH_HOST_DEVICE inline const std::int32_t* row_of(VectorView<const std::int32_t> actions, Index row) {
  return actions.data + row;
}
MYNAH_HOST_DEVICE inline const float* row_of(ConstMatrix actions, Index row) {
  return actions.data + row * actions.stride;
}
MYNAH_HOST_DEVICE inline std::int32_t* row_of(VectorView<std::int32_t> actions, Index row) {
  return actions.data + row;
}
MYNAH_HOST_DEVICE inline float* row_of(Matrix actions, Index row) {
  return actions.data + row * actions.stride;
}

/// The episode that `words` start. Of random steps' key, see stored_state_size.
template <class Dynamics>
MYNAH_HOST_DEVICE void start_row(const Dynamics& dynamics, RandomWords words, const kernels::EpisodeBatch& batch,
                                 Index row) {
  double* state = batch.states.data + row * batch.states.stride;
  dynamics.reset(words, state);
  if constexpr (has_random_steps<Dynamics>) {
    state[Dynamics::state_size] = static_cast<double>(words.next());
    state[Dynamics::state_size + 1] = static_cast<double>(words.next());
  }
  dynamics.observe(state, batch.observations.data + row * batch.observations.stride);
  batch.returns.data[row] = 0.0;
  batch.elapsed.data[row] = 0;
  batch.status.data[row] = static_cast<std::int32_t>(kernels::EpisodeStatus::running);
}

template <class Dynamics>
MYNAH_HOST_DEVICE StepOutcome step_state(const Dynamics& dynamics, double* state,
                                         const typename Dynamics::Action* action, std::int32_t elapsed) {
  if constexpr (has_random_steps<Dynamics>) {
    const auto low = static_cast<std::uint64_t>(state[Dynamics::state_size]);
    const auto high = static_cast<std::uint64_t>(state[Dynamics::state_size + 1]);
    const RandomKey key{low | (high << 32), static_cast<std::uint32_t>(RandomStream::task)};
    RandomWords words(key, static_cast<std::uint64_t>(elapsed));
    return dynamics.step(state, action, words);
  } else {
    return dynamics.step(state, action);
  }
}

/// One step of an episode that goes on; returns its status after it.
template <class Dynamics>
MYNAH_HOST_DEVICE kernels::EpisodeStatus advance_row(const Dynamics& dynamics, const kernels::EpisodeRules& rules,
                                                     const typename Dynamics::Action* action,
                                                     const kernels::EpisodeBatch& batch, Index row) {
  using kernels::EpisodeStatus;
  double* state = batch.states.data + row * batch.states.stride;
  const std::int32_t steps = batch.elapsed.data[row] + 1;
  auto status = static_cast<EpisodeStatus>(batch.status.data[row]);
  double reward = 0.0;
  if (status == EpisodeStatus::running) {
    const StepOutcome outcome = step_state(dynamics, state, action, steps - 1);
    reward = outcome.reward;
    if (outcome.terminated) status = rules.fixed_horizon ? EpisodeStatus::absorbed : EpisodeStatus::terminated;
  }
  if (steps >= rules.max_steps && status != EpisodeStatus::terminated) status = EpisodeStatus::timed_out;
  batch.rewards.data[row] = static_cast<float>(reward);
  batch.returns.data[row] += reward;
  batch.elapsed.data[row] = steps;
  batch.status.data[row] = static_cast<std::int32_t>(status);
  return status;
}

template <class Dynamics>
struct ResetRow {
  Dynamics dynamics;
  RandomKey key;
  Index first_episode;
  kernels::EpisodeBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    start_row(dynamics, RandomWords(key, static_cast<std::uint64_t>(first_episode + row)), batch, row);
    batch.rewards.data[row] = 0.0f;
  }
};

template <class Dynamics>
struct StepRow {
  Dynamics dynamics;
  kernels::EpisodeRules rules;
  ConstActionsOf<Dynamics> actions;
  kernels::EpisodeBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    if (kernels::goes_on(batch.status.data[row])) {
      advance_row(dynamics, rules, row_of(actions, row), batch, row);
    } else {
      batch.rewards.data[row] = 0.0f;
    }
    dynamics.observe(batch.states.data + row * batch.states.stride,
                     batch.observations.data + row * batch.observations.stride);
  }
};

/// Row `row` becomes episode `number` of copy `copy`.
template <class Dynamics>
MYNAH_HOST_DEVICE void start_copy(const Dynamics& dynamics, RandomKey key, Index copy, std::int32_t number,
                                  const kernels::EpisodeBatch& batch, Index row) {
  start_row(dynamics, RandomWords(kernels::copy_key(key, copy), static_cast<std::uint64_t>(number)), batch, row);
}

template <class Dynamics>
MYNAH_HOST_DEVICE void keep_next_observation(const kernels::CopyBatch& batch, Index row) {
  if (batch.next_observations.data == nullptr) return;
  const float* from = batch.episodes.observations.data + row * batch.episodes.observations.stride;
  float* to = batch.next_observations.data + row * batch.next_observations.stride;
  for (Index i = 0; i < Dynamics::observation_size; ++i) to[i] = from[i];
}

template <class Dynamics>
struct StartCopyRow {
  Dynamics dynamics;
  RandomKey key;
  Index first_copy;
  kernels::CopyBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    start_copy(dynamics, key, first_copy + row, 0, batch.episodes, row);
    keep_next_observation<Dynamics>(batch, row);
    batch.episodes.rewards.data[row] = 0.0f;
    batch.numbers.data[row] = 0;
    batch.terminated.data[row] = 0;
    batch.truncated.data[row] = 0;
    batch.last_returns.data[row] = 0.0;
    batch.last_lengths.data[row] = 0;
  }
};

template <class Dynamics>
struct StepCopyRow {
  Dynamics dynamics;
  kernels::EpisodeRules rules;
  RandomKey key;
  Index first_copy;
  ConstActionsOf<Dynamics> actions;
  kernels::CopyBatch batch;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    using kernels::EpisodeStatus;
    const kernels::EpisodeBatch& episodes = batch.episodes;
    const EpisodeStatus status = advance_row(dynamics, rules, row_of(actions, row), episodes, row);
    dynamics.observe(episodes.states.data + row * episodes.states.stride,
                     episodes.observations.data + row * episodes.observations.stride);
    keep_next_observation<Dynamics>(batch, row);
    batch.terminated.data[row] = status == EpisodeStatus::terminated ? 1 : 0;
    batch.truncated.data[row] = status == EpisodeStatus::timed_out ? 1 : 0;
    if (kernels::goes_on(static_cast<std::int32_t>(status))) return;
    batch.last_returns.data[row] = episodes.returns.data[row];
    batch.last_lengths.data[row] = episodes.elapsed.data[row];
    start_copy(dynamics, key, first_copy + row, ++batch.numbers.data[row], episodes, row);
  }
};

template <class Dynamics>
struct ExpertRow {
  Dynamics dynamics;
  ConstMatrix observations;
  ActionsOf<Dynamics> actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    if constexpr (has_expert<Dynamics>) {
      dynamics.expert(observations.data + row * observations.stride, row_of(actions, row));
    }
  }
};

}  // namespace mynah::dynamics
