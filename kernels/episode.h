#pragma once

#include "kernels/dynamics/traits.h"
#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Episodes of a task, run side by side on the device: one row is one episode.
///
/// The dynamics stand in kernels/dynamics/, one text for the CPU and for CUDA. A row whose status is `terminated` or
/// `timed_out` is frozen: its state, step count, status and return stay, its reward is 0, and its observation is that
/// of its last state.
enum class EpisodeStatus : std::int32_t {
  running = 0,
  terminated = 1,  ///< The task's own rule ended it.
  timed_out = 2,   ///< The limit of steps was reached, and the rule did not end it in that very step.
  absorbed = 3,    ///< With a fixed horizon: the rule ended it; it stays as it is, with reward 0, until the limit.
};

/// Whether the next step counts.
MYNAH_HOST_DEVICE constexpr bool goes_on(std::int32_t status) {
  return status == static_cast<std::int32_t>(EpisodeStatus::running) ||
         status == static_cast<std::int32_t>(EpisodeStatus::absorbed);
}

/// What a run of a task chooses of its rules.
struct EpisodeRules {
  std::int32_t max_steps = 0;  ///< An episode is cut after so many steps; 1 or more.
  /// Every episode is max_steps long, so that its length tells nothing: where the task's rule ends one, its state is
  /// frozen and its rewards are 0 from there on, and it is the limit that ends it (Kostrikov et al.,
  /// "Discriminator-actor-critic", ICLR 2019, section 4.1, says why early ends bias adversarial imitation).
  bool fixed_horizon = false;
};

/// The memory of `rows` episodes. Nothing overlaps.
struct EpisodeBatch {
  MatrixView<double> states;   ///< [rows, stored_state_size]
  Matrix observations;         ///< [rows, observation_size], always written: what the state after the call looks like
  Vector rewards;              ///< [rows], of the last step; 0 after a reset
  VectorView<double> returns;  ///< [rows], the sum of the rewards so far
  Labels elapsed;              ///< [rows], steps taken
  Labels status;               ///< [rows], EpisodeStatus as a number

  Index rows() const { return states.rows; }
};

/// The operations are templates on the task's dynamics, instantiated for those of kernels/dynamics/all_dynamics.h.

/// Row m becomes the start of episode first_episode + m, which depends on (key, episode number) alone: the words of
/// philox(key, episode, ...), as the task's dynamics use them.
template <class Dynamics>
void reset_episodes(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_episode,
                    const EpisodeBatch& batch);

/// One step of every row that goes on. actions: [rows] or [rows, action_size], as the task has them.
template <class Dynamics>
void step_episodes(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules,
                   dynamics::ConstActionsOf<Dynamics> actions, const EpisodeBatch& batch);

/// The built-in expert's action for each observation, as the dynamics state it. observations [rows, observation_size],
/// actions [rows] or [rows, action_size]. For dynamics that have an expert.
template <class Dynamics>
void expert_actions(Stream& stream, const Dynamics& dynamics, ConstMatrix observations,
                    dynamics::ActionsOf<Dynamics> actions);

/// The twins of an operation on dynamics: its parameters follow its name.
#define MYNAH_TWINS_OF_DYNAMICS(operation, ...) \
  namespace cuda {                              \
  template <class Dynamics>                     \
  void operation(Stream&, __VA_ARGS__);         \
  }                                             \
  namespace eigen {                             \
  template <class Dynamics>                     \
  void operation(Stream&, __VA_ARGS__);         \
  }
// `mynah-operations coverage` finds the operations by these lines.
MYNAH_TWINS_OF_DYNAMICS(reset_episodes, const Dynamics&, RandomKey, Index, const EpisodeBatch&)
MYNAH_TWINS_OF_DYNAMICS(step_episodes, const Dynamics&, const EpisodeRules&, dynamics::ConstActionsOf<Dynamics>,
                        const EpisodeBatch&)
MYNAH_TWINS_OF_DYNAMICS(expert_actions, const Dynamics&, ConstMatrix, dynamics::ActionsOf<Dynamics>)
#undef MYNAH_TWINS_OF_DYNAMICS

/// The instantiations that each file of definitions ends with, inside its namespace.
#define MYNAH_INSTANTIATE_EPISODE_OPERATIONS(D)                                                                  \
  template void reset_episodes<dynamics::D>(Stream&, const dynamics::D&, RandomKey, Index, const EpisodeBatch&); \
  template void step_episodes<dynamics::D>(Stream&, const dynamics::D&, const EpisodeRules&,                     \
                                           dynamics::ConstActionsOf<dynamics::D>, const EpisodeBatch&);          \
  template void expert_actions<dynamics::D>(Stream&, const dynamics::D&, ConstMatrix, dynamics::ActionsOf<dynamics::D>);

}  // namespace mynah::kernels
