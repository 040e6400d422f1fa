#pragma once

#include <memory>

#include "algorithms/actor.h"

namespace mynah {

/// The built-in expert of a task: deterministic, a function of the observation, as kernels/dynamics/ states it.
///
///   CartPole-v1              linear feedback: 500 steps from every start
///   Pendulum-v1              swing-up by energy and linear feedback: mean return -146.3, least of 10,000 episodes
///                            -421; value iteration on a grid of 201 x 201 states reaches -138.4
///   MountainCar-v0           pushes along the velocity, with a correction: mean return -105.2
///   MountainCarContinuous-v0 as weak a force along the velocity as the limit of steps allows: mean return 99.26
///   Acrobot-v1               swing-up by energy: mean return -77.2
///   Driving-v0               pure pursuit round obstacles: leaves the road or hits something on 1 of 10,000 roads
///   PointMaze-v0             feedback to way-points, with the opening that the task has: mean return -33.6
///   GridWorld-v0             value iteration
///
/// Errors: input_error when the task has no built-in expert.
std::unique_ptr<Actor> make_expert(const Task& task);

/// Uniform actions within the bounds, or uniform classes; those of an episode depend on (seed, episode, step) alone.
std::unique_ptr<Actor> make_random_policy(const Task& task, std::uint64_t seed);

}  // namespace mynah
