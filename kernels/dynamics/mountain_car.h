#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A car in a valley whose engine is too weak for the hill: it has to swing.
///
/// Moore, "Efficient memory-based learning for robot control", PhD thesis, Cambridge 1990, with the constants and the
/// order of updates of Gymnasium's MountainCar-v0. The road's height is sin(3 position); a step is one unit of time.
struct MountainCar {
  static constexpr const char* name = "MountainCar-v0";
  static constexpr const char* observation_names[] = {"position", "velocity"};
  static constexpr const char* action_names[] = {"push_left", "coast", "push_right"};
  static constexpr double random_return = -200.0;
  static constexpr double expert_return = -105.15;

  static constexpr Index state_size = 2;  ///< Position, velocity.
  static constexpr Index observation_size = 2;
  static constexpr std::int32_t action_count = 3;  ///< 0: push left, 1: coast, 2: push right.
  static constexpr std::int32_t max_steps = 200;

  static constexpr double least_position = -1.2;
  static constexpr double most_position = 0.6;
  static constexpr double goal_position = 0.5;
  static constexpr double max_speed = 0.07;
  static constexpr double push = 0.001;
  static constexpr double gravity = 0.0025;

  using Action = std::int32_t;

  /// At rest, the position uniform in (-0.6, -0.4).
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    state[0] = words.between(-0.6, -0.4);
    state[1] = 0.0;
  }

  /// The reward is -1 a step. Ends at the goal.
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    move(static_cast<double>(*action - 1) * push, state);
    return {-1.0, state[0] >= goal_position && state[1] >= 0.0};
  }

  /// What the engine's acceleration and gravity make of position and velocity, within their limits; the wall on the
  /// left stops the car.
  MYNAH_HOST_DEVICE static void move(double acceleration, double* state) {
    const double velocity = clipped(state[1] + acceleration - gravity * cos(3.0 * state[0]), max_speed);
    const double moved = state[0] + velocity;
    state[0] = moved < least_position ? least_position : moved > most_position ? most_position : moved;
    state[1] = state[0] == least_position && velocity < 0.0 ? 0.0 : velocity;
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    observation[0] = static_cast<float>(state[0]);
    observation[1] = static_cast<float>(state[1]);
  }

  /// The built-in expert: pushes along the velocity, so that the car gains energy, but turns a little earlier or later
  /// than it does: a cubic in the position, found by search over the mean return. It never coasts.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const double x = static_cast<double>(observation[0]) + 0.5;
    const double least_velocity = -0.000279 + x * (0.01463 + x * (-0.002757 + x * -0.007962));
    *action = static_cast<double>(observation[1]) > least_velocity ? 2 : 0;
  }
};

}  // namespace mynah::dynamics
