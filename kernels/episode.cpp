#include "kernels/episode.h"

#include "kernels/dynamics/all_dynamics.h"
#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Dynamics>
void require_batch(const EpisodeBatch& batch, const char* operation) {
  const Index rows = batch.rows();
  require(batch.states.columns == dynamics::stored_state_size<Dynamics>, operation, "states [rows, stored_state_size]");
  require(batch.observations.rows == rows && batch.observations.columns == Dynamics::observation_size, operation,
          "observations [rows, observation_size]");
  require(batch.rewards.size == rows && batch.returns.size == rows && batch.elapsed.size == rows &&
              batch.status.size == rows,
          operation, "rewards, returns, elapsed and status [rows]");
}

template <class Dynamics>
void require_copies(const CopyBatch& batch, const char* operation) {
  require_batch<Dynamics>(batch.episodes, operation);
  const Index rows = batch.episodes.rows();
  require(batch.numbers.size == rows && batch.terminated.size == rows && batch.truncated.size == rows &&
              batch.last_returns.size == rows && batch.last_lengths.size == rows,
          operation, "numbers, terminated, truncated, last_returns and last_lengths [rows]");
  require(batch.next_observations.data == nullptr || same_shape(batch.next_observations, batch.episodes.observations),
          operation, "next_observations [rows, observation_size], or empty");
}

bool have_shape(ConstLabels actions, Index rows, Index) {
  return actions.size == rows;
}
bool have_shape(ConstMatrix actions, Index rows, Index columns) {
  return actions.rows == rows && actions.columns == columns;
}

template <class Dynamics>
void require_actions(dynamics::ConstActionsOf<Dynamics> actions, Index rows, const char* operation) {
  require(have_shape(actions, rows, dynamics::action_columns<Dynamics>()), operation,
          dynamics::is_discrete<Dynamics> ? "actions [rows]" : "actions [rows, action_size]");
}

}  // namespace

template <class Dynamics>
void reset_episodes(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_episode,
                    const EpisodeBatch& batch) {
  require_batch<Dynamics>(batch, "reset_episodes");
  if (batch.rows() == 0) return;
  if (is_only_counted(stream, batch.states, batch.observations, batch.rewards, batch.returns, batch.elapsed,
                      batch.status)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(reset_episodes, stream, dynamics, key, first_episode, batch);
  }
  eigen::reset_episodes(stream, dynamics, key, first_episode, batch);
}

template <class Dynamics>
void step_episodes(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules,
                   dynamics::ConstActionsOf<Dynamics> actions, const EpisodeBatch& batch) {
  require_batch<Dynamics>(batch, "step_episodes");
  require_actions<Dynamics>(actions, batch.rows(), "step_episodes");
  require(rules.max_steps >= 1, "step_episodes", "a limit of 1 step or more");
  if (batch.rows() == 0) return;
  if (is_only_counted(stream, actions, changed(batch.states), batch.observations, batch.rewards, changed(batch.returns),
                      changed(batch.elapsed), changed(batch.status))) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(step_episodes, stream, dynamics, rules, actions, batch);
  }
  eigen::step_episodes(stream, dynamics, rules, actions, batch);
}

template <class Dynamics>
void start_copies(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_copy, const CopyBatch& batch) {
  require_copies<Dynamics>(batch, "start_copies");
  if (batch.episodes.rows() == 0) return;
  const EpisodeBatch& b = batch.episodes;
  if (is_only_counted(stream, b.states, b.observations, b.rewards, b.returns, b.elapsed, b.status, batch.numbers,
                      batch.terminated, batch.truncated, batch.next_observations, batch.last_returns,
                      batch.last_lengths)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(start_copies, stream, dynamics, key, first_copy, batch);
  }
  eigen::start_copies(stream, dynamics, key, first_copy, batch);
}

template <class Dynamics>
void step_copies(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules, RandomKey key, Index first_copy,
                 dynamics::ConstActionsOf<Dynamics> actions, const CopyBatch& batch) {
  require_copies<Dynamics>(batch, "step_copies");
  require_actions<Dynamics>(actions, batch.episodes.rows(), "step_copies");
  require(rules.max_steps >= 1, "step_copies", "a limit of 1 step or more");
  if (batch.episodes.rows() == 0) return;
  const EpisodeBatch& b = batch.episodes;
  // The numbers and what is kept of an episode change where one ends: seldom.
  if (is_only_counted(stream, actions, changed(b.states), b.observations, b.rewards, changed(b.returns),
                      changed(b.elapsed), changed(b.status), batch.terminated, batch.truncated,
                      batch.next_observations)) {
    return;
  }
  if (stream.backend() == Backend::cuda) {
    return MYNAH_ON_CUDA(step_copies, stream, dynamics, rules, key, first_copy, actions, batch);
  }
  eigen::step_copies(stream, dynamics, rules, key, first_copy, actions, batch);
}

template <class Dynamics>
void expert_actions(Stream& stream, const Dynamics& dynamics, ConstMatrix observations,
                    dynamics::ActionsOf<Dynamics> actions) {
  require(dynamics::has_expert<Dynamics>, "expert_actions", "dynamics that have an expert");
  require(observations.columns == Dynamics::observation_size, "expert_actions",
          "observations [rows, observation_size]");
  require_actions<Dynamics>(actions, observations.rows, "expert_actions");
  if (observations.empty()) return;
  if (is_only_counted(stream, observations, actions)) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(expert_actions, stream, dynamics, observations, actions);
  eigen::expert_actions(stream, dynamics, observations, actions);
}

MYNAH_FOR_ALL_DYNAMICS(MYNAH_INSTANTIATE_EPISODE_OPERATIONS)

}  // namespace mynah::kernels
