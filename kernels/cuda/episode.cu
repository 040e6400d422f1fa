#include "kernels/episode.h"

#include "kernels/cuda/rows.h"
#include "kernels/dynamics/all_dynamics.h"
#include "kernels/dynamics/episode_rows.h"

namespace mynah::kernels::cuda {

// Limited by double-precision arithmetic (a sine, a cosine, a division) where a GPU is slow at it, and by the launch
// where there are few rows: an episode is a row, and a row is a thread.

template <class Dynamics>
void reset_episodes(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_episode,
                    const EpisodeBatch& batch) {
  for_each_row(stream, "reset_episodes", batch.rows(),
               dynamics::ResetRow<Dynamics>{dynamics, key, first_episode, batch});
}

template <class Dynamics>
void step_episodes(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules,
                   dynamics::ConstActionsOf<Dynamics> actions, const EpisodeBatch& batch) {
  for_each_row(stream, "step_episodes", batch.rows(), dynamics::StepRow<Dynamics>{dynamics, rules, actions, batch});
}

template <class Dynamics>
void start_copies(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_copy, const CopyBatch& batch) {
  for_each_row(stream, "start_copies", batch.episodes.rows(),
               dynamics::StartCopyRow<Dynamics>{dynamics, key, first_copy, batch});
}

template <class Dynamics>
void step_copies(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules, RandomKey key, Index first_copy,
                 dynamics::ConstActionsOf<Dynamics> actions, const CopyBatch& batch) {
  for_each_row(stream, "step_copies", batch.episodes.rows(),
               dynamics::StepCopyRow<Dynamics>{dynamics, rules, key, first_copy, actions, batch});
}

template <class Dynamics>
void expert_actions(Stream& stream, const Dynamics& dynamics, ConstMatrix observations,
                    dynamics::ActionsOf<Dynamics> actions) {
  for_each_row(stream, "expert_actions", observations.rows,
               dynamics::ExpertRow<Dynamics>{dynamics, observations, actions});
}

MYNAH_FOR_ALL_DYNAMICS(MYNAH_INSTANTIATE_EPISODE_OPERATIONS)

}  // namespace mynah::kernels::cuda
