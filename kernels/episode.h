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

/// Copies of a task that start again by themselves: one row is a copy, and its episodes follow one another. Copy m's
/// episode k is episode k of the seed copy_key(key, m), whatever other copies there are.
struct CopyBatch {
  EpisodeBatch episodes;  ///< Those that run. Their status is `running` or `absorbed` after every call.
  Labels numbers;         ///< [rows], k of the episode that runs
  /// [rows], 1 where the last step met the end that the task's rule sets, else 0; always 0 with a fixed horizon
  Labels terminated;
  Labels truncated;  ///< [rows], 1 where the last step met the limit of steps and not that end, else 0
  /// [rows, observation_size], or empty: what the last step led to, also where a new episode has begun since, whose
  /// start `episodes.observations` shows.
  Matrix next_observations;
  VectorView<double> last_returns;  ///< [rows], of the last episode that ended; 0 before
  Labels last_lengths;              ///< [rows], its steps; 0 before
};

/// The key that copy `copy` takes the place of the task's key with: its seed is 64 random bits of (key, copy).
MYNAH_HOST_DEVICE inline RandomKey copy_key(RandomKey key, Index copy) {
  const PhiloxBlock block = philox(key, static_cast<std::uint64_t>(copy), 0);
  return {block.x | (std::uint64_t{block.y} << 32), static_cast<std::uint32_t>(RandomStream::task)};
}

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

/// Row m becomes episode 0 of copy first_copy + m.
template <class Dynamics>
void start_copies(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_copy, const CopyBatch& batch);

/// One step of every row; rows that it ends become the start of their next episode in the same call. The rewards are
/// the step's.
template <class Dynamics>
void step_copies(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules, RandomKey key, Index first_copy,
                 dynamics::ConstActionsOf<Dynamics> actions, const CopyBatch& batch);

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
MYNAH_TWINS_OF_DYNAMICS(start_copies, const Dynamics&, RandomKey, Index, const CopyBatch&)
MYNAH_TWINS_OF_DYNAMICS(step_copies, const Dynamics&, const EpisodeRules&, RandomKey, Index,
                        dynamics::ConstActionsOf<Dynamics>, const CopyBatch&)
MYNAH_TWINS_OF_DYNAMICS(expert_actions, const Dynamics&, ConstMatrix, dynamics::ActionsOf<Dynamics>)
#undef MYNAH_TWINS_OF_DYNAMICS

/// The instantiations that each file of definitions ends with, inside its namespace.
#define MYNAH_INSTANTIATE_EPISODE_OPERATIONS(D)                                                                  \
  template void reset_episodes<dynamics::D>(Stream&, const dynamics::D&, RandomKey, Index, const EpisodeBatch&); \
  template void step_episodes<dynamics::D>(Stream&, const dynamics::D&, const EpisodeRules&,                     \
                                           dynamics::ConstActionsOf<dynamics::D>, const EpisodeBatch&);          \
  template void start_copies<dynamics::D>(Stream&, const dynamics::D&, RandomKey, Index, const CopyBatch&);      \
  template void step_copies<dynamics::D>(Stream&, const dynamics::D&, const EpisodeRules&, RandomKey, Index,     \
                                         dynamics::ConstActionsOf<dynamics::D>, const CopyBatch&);               \
  template void expert_actions<dynamics::D>(Stream&, const dynamics::D&, ConstMatrix, dynamics::ActionsOf<dynamics::D>);

}  // namespace mynah::kernels
