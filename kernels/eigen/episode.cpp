#include "kernels/episode.h"

#include "kernels/dynamics/all_dynamics.h"
#include "kernels/dynamics/episode_rows.h"
#include "kernels/eigen/shared_work.h"

namespace mynah::kernels::eigen {
namespace {

/// Rows of a task from which on they are shared: some microseconds of one thread.
constexpr Index least_shared_rows = 256;

template <class Row>
void share_rows(Stream& stream, Index rows, const Row& row) {
  share(stream, rows >= least_shared_rows, [&](const vectorized::Team& team) {
    const SharedPart part(rows, team);
    for (Index m = part.first; m < part.first + part.count; ++m) row(m);
  });
}

}  // namespace

template <class Dynamics>
void reset_episodes(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_episode,
                    const EpisodeBatch& batch) {
  share_rows(stream, batch.rows(), dynamics::ResetRow<Dynamics>{dynamics, key, first_episode, batch});
}

template <class Dynamics>
void step_episodes(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules,
                   dynamics::ConstActionsOf<Dynamics> actions, const EpisodeBatch& batch) {
  share_rows(stream, batch.rows(), dynamics::StepRow<Dynamics>{dynamics, rules, actions, batch});
}

template <class Dynamics>
void start_copies(Stream& stream, const Dynamics& dynamics, RandomKey key, Index first_copy, const CopyBatch& batch) {
  share_rows(stream, batch.episodes.rows(), dynamics::StartCopyRow<Dynamics>{dynamics, key, first_copy, batch});
}

template <class Dynamics>
void step_copies(Stream& stream, const Dynamics& dynamics, const EpisodeRules& rules, RandomKey key, Index first_copy,
                 dynamics::ConstActionsOf<Dynamics> actions, const CopyBatch& batch) {
  share_rows(stream, batch.episodes.rows(),
             dynamics::StepCopyRow<Dynamics>{dynamics, rules, key, first_copy, actions, batch});
}

template <class Dynamics>
void expert_actions(Stream& stream, const Dynamics& dynamics, ConstMatrix observations,
                    dynamics::ActionsOf<Dynamics> actions) {
  share_rows(stream, observations.rows, dynamics::ExpertRow<Dynamics>{dynamics, observations, actions});
}

MYNAH_FOR_ALL_DYNAMICS(MYNAH_INSTANTIATE_EPISODE_OPERATIONS)

}  // namespace mynah::kernels::eigen
