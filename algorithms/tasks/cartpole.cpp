#include "algorithms/tasks/cartpole.h"

#include "kernels/dynamics/cartpole.h"

namespace mynah {
namespace {

TaskDescription describe() {
  using Dynamics = dynamics::CartPole;
  TaskDescription description;
  description.name = "CartPole-v1";
  description.state_size = Dynamics::state_size;
  description.observation_size = Dynamics::observation_size;
  description.discrete = true;
  description.action_count = Dynamics::action_count;
  description.max_steps = Dynamics::max_steps;
  description.observation_names = {"cart_position", "cart_velocity", "pole_angle", "pole_angular_velocity"};
  description.action_names = {"push_left", "push_right"};
  description.reference_returns = ReferenceReturns{22.28, 500.0};
  return description;
}

}  // namespace

CartPoleTask::CartPoleTask() : Task(describe()) {}

void CartPoleTask::reset(Stream& stream, std::uint64_t seed, Index first_episode,
                         const kernels::EpisodeBatch& batch) const {
  kernels::cartpole_reset(stream, random_key(seed, RandomStream::task), first_episode, batch);
}

void CartPoleTask::step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const {
  kernels::cartpole_step(stream, actions.labels, batch);
}

}  // namespace mynah
