#include "algorithms/tasks/pendulum.h"

#include "kernels/dynamics/pendulum.h"

namespace mynah {
namespace {

TaskDescription describe() {
  using Dynamics = dynamics::Pendulum;
  TaskDescription description;
  description.name = "Pendulum-v1";
  description.state_size = Dynamics::state_size;
  description.observation_size = Dynamics::observation_size;
  description.action_size = Dynamics::action_size;
  description.action_low = static_cast<float>(-Dynamics::max_torque);
  description.action_high = static_cast<float>(Dynamics::max_torque);
  description.max_steps = Dynamics::max_steps;
  description.observation_names = {"cos_angle", "sin_angle", "angular_velocity"};
  description.action_names = {"torque"};
  description.reference_returns = ReferenceReturns{-1229.2, -146.3};
  return description;
}

}  // namespace

PendulumTask::PendulumTask() : Task(describe()) {}

void PendulumTask::reset(Stream& stream, std::uint64_t seed, Index first_episode,
                         const kernels::EpisodeBatch& batch) const {
  kernels::pendulum_reset(stream, random_key(seed, RandomStream::task), first_episode, batch);
}

void PendulumTask::step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const {
  kernels::pendulum_step(stream, actions.values, batch);
}

}  // namespace mynah
