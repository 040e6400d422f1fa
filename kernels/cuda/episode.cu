#include "kernels/episode.h"

#include "kernels/cuda/rows.h"
#include "kernels/dynamics/cartpole.h"
#include "kernels/dynamics/episode_rows.h"
#include "kernels/dynamics/pendulum.h"

namespace mynah::kernels::cuda {

// Limited by double-precision arithmetic (a sine, a cosine, a division) where a GPU is slow at it, and by the launch
// where there are few rows: an episode is a row, and a row is a thread.

void cartpole_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  for_each_row(stream, "cartpole_reset", batch.rows(),
               dynamics::ResetRow<dynamics::CartPole>{key, first_episode, batch});
}

void pendulum_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  for_each_row(stream, "pendulum_reset", batch.rows(),
               dynamics::ResetRow<dynamics::Pendulum>{key, first_episode, batch});
}

void cartpole_step(Stream& stream, ConstLabels actions, const EpisodeBatch& batch) {
  for_each_row(stream, "cartpole_step", batch.rows(), dynamics::StepRow<dynamics::CartPole>{actions.data, 1, batch});
}

void pendulum_step(Stream& stream, ConstMatrix actions, const EpisodeBatch& batch) {
  for_each_row(stream, "pendulum_step", batch.rows(),
               dynamics::StepRow<dynamics::Pendulum>{actions.data, actions.stride, batch});
}

}  // namespace mynah::kernels::cuda
