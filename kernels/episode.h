#pragma once

#include "kernels/operation.h"
#include "kernels/philox.h"

namespace mynah::kernels {

/// Episodes of a task, run side by side on the device: one row is one episode.
///
/// The dynamics stand in kernels/dynamics/, one text for the CPU and for CUDA. A row whose status is not `running` is
/// frozen: its state, step count, status and return stay, its reward is 0, and its observation is that of its last
/// state.
enum class EpisodeStatus : std::int32_t {
  running = 0,
  terminated = 1,  ///< The task's own rule ended it.
  timed_out = 2,   ///< The limit of steps was reached, and the rule did not end it in that very step.
};

/// The memory of `rows` episodes. Nothing overlaps.
struct EpisodeBatch {
  MatrixView<double> states;   ///< [rows, state_size]
  Matrix observations;         ///< [rows, observation_size], always written: what the state after the call looks like
  Vector rewards;              ///< [rows], of the last step; 0 after a reset
  VectorView<double> returns;  ///< [rows], the sum of the rewards so far
  Labels elapsed;              ///< [rows], steps taken
  Labels status;               ///< [rows], EpisodeStatus as a number

  Index rows() const { return states.rows; }
};

/// Row m becomes the start of episode first_episode + m, which depends on (key, episode number) alone: the words of
/// philox(key, episode, 0), as the task's dynamics use them.
void cartpole_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch);
void pendulum_reset(Stream& stream, RandomKey key, Index first_episode, const EpisodeBatch& batch);

/// One step of every running row. CartPole: actions [rows], 0 pushes left and 1 right. Pendulum: actions [rows, 1], the
/// torque, clipped to ± 2.
void cartpole_step(Stream& stream, ConstLabels actions, const EpisodeBatch& batch);
void pendulum_step(Stream& stream, ConstMatrix actions, const EpisodeBatch& batch);

MYNAH_CUDA_TWIN(cartpole_reset)
MYNAH_CUDA_TWIN(pendulum_reset)
MYNAH_CUDA_TWIN(cartpole_step)
MYNAH_CUDA_TWIN(pendulum_step)

namespace eigen {
void cartpole_reset(Stream&, RandomKey key, Index first_episode, const EpisodeBatch& batch);
void pendulum_reset(Stream&, RandomKey key, Index first_episode, const EpisodeBatch& batch);
void cartpole_step(Stream&, ConstLabels actions, const EpisodeBatch& batch);
void pendulum_step(Stream&, ConstMatrix actions, const EpisodeBatch& batch);
}  // namespace eigen

}  // namespace mynah::kernels
