#include "kernels/episode.h"

#include "kernels/dynamics/cartpole.h"
#include "kernels/dynamics/pendulum.h"

namespace mynah::kernels {
namespace {

using dynamics::CartPole;
using dynamics::Pendulum;

template <class Dynamics>
void require_batch(const EpisodeBatch& batch, const char* operation) {
  const Index rows = batch.rows();
  require(batch.states.columns == Dynamics::state_size, operation, "states [rows, state_size]");
  require(batch.observations.rows == rows && batch.observations.columns == Dynamics::observation_size, operation,
          "observations [rows, observation_size]");
  require(batch.rewards.size == rows && batch.returns.size == rows && batch.elapsed.size == rows &&
              batch.status.size == rows,
          operation, "rewards, returns, elapsed and status [rows]");
}

}  // namespace

void cartpole_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  require_batch<CartPole>(batch, "cartpole_reset");
  if (batch.rows() == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(cartpole_reset, stream, key, first_episode, batch);
  eigen::cartpole_reset(stream, key, first_episode, batch);
}

void pendulum_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch) {
  require_batch<Pendulum>(batch, "pendulum_reset");
  if (batch.rows() == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(pendulum_reset, stream, key, first_episode, batch);
  eigen::pendulum_reset(stream, key, first_episode, batch);
}

void cartpole_step(Stream& stream, ConstLabels actions, const EpisodeBatch& batch) {
  require_batch<CartPole>(batch, "cartpole_step");
  require(actions.size == batch.rows(), "cartpole_step", "actions [rows]");
  if (batch.rows() == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(cartpole_step, stream, actions, batch);
  eigen::cartpole_step(stream, actions, batch);
}

void pendulum_step(Stream& stream, ConstMatrix actions, const EpisodeBatch& batch) {
  require_batch<Pendulum>(batch, "pendulum_step");
  require(actions.rows == batch.rows() && actions.columns == Pendulum::action_size, "pendulum_step",
          "actions [rows, 1]");
  if (batch.rows() == 0) return;
  if (stream.backend() == Backend::cuda) return MYNAH_ON_CUDA(pendulum_step, stream, actions, batch);
  eigen::pendulum_step(stream, actions, batch);
}

}  // namespace mynah::kernels
