#include "kernels/episode.h"

#include "kernels/dynamics/cartpole.h"
#include "kernels/dynamics/episode_rows.h"
#include "kernels/dynamics/pendulum.h"
#include "kernels/eigen/rows.h"

namespace mynah::kernels::eigen {

void cartpole_reset(Stream&, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  for_each_row(batch.rows(), dynamics::ResetRow<dynamics::CartPole>{key, first_episode, batch});
}

void pendulum_reset(Stream&, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  for_each_row(batch.rows(), dynamics::ResetRow<dynamics::Pendulum>{key, first_episode, batch});
}

void cartpole_step(Stream&, ConstLabels actions, const EpisodeBatch& batch) {
  for_each_row(batch.rows(), dynamics::StepRow<dynamics::CartPole>{actions.data, 1, batch});
}

void pendulum_step(Stream&, ConstMatrix actions, const EpisodeBatch& batch) {
  for_each_row(batch.rows(), dynamics::StepRow<dynamics::Pendulum>{actions.data, actions.stride, batch});
}

}  // namespace mynah::kernels::eigen
