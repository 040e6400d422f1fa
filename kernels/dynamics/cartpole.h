#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A pole that stands on a cart, to be kept upright by pushing the cart left or right.
///
/// Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", IEEE
/// SMC 1983, with the constants and the order of updates of Gymnasium's CartPole-v1 (which has the frictionless
/// equations of Florian, "Correct equations for the dynamics of the cart-pole system", 2007). SI units throughout.
struct CartPole {
  static constexpr const char* name = "CartPole-v1";
  static constexpr const char* observation_names[] = {"cart_position", "cart_velocity", "pole_angle",
                                                      "pole_angular_velocity"};
  static constexpr const char* action_names[] = {"push_left", "push_right"};
  static constexpr double random_return = 22.28;
  static constexpr double expert_return = 500.0;

  static constexpr Index state_size = 4;  ///< Cart position, cart velocity, pole angle (0: upright), angular velocity.
  static constexpr Index observation_size = 4;
  static constexpr std::int32_t action_count = 2;  ///< 0: push left, 1: push right.
  static constexpr std::int32_t max_steps = 500;

  static constexpr double gravity = 9.8;
  static constexpr double pole_mass = 0.1;
  static constexpr double total_mass = 1.0 + pole_mass;
  static constexpr double half_length = 0.5;
  static constexpr double pole_moment = pole_mass * half_length;
  static constexpr double force = 10.0;
  static constexpr double time_step = 0.02;
  static constexpr double position_limit = 2.4;
  static constexpr double angle_limit = 12.0 * 2.0 * 3.14159265358979323846 / 360.0;
  static constexpr double start_bound = 0.05;

  using Action = std::int32_t;

  /// Every variable uniform in ± start_bound, one word each.
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    for (int i = 0; i < 4; ++i) state[i] = start_bound * words.symmetric();
  }

  /// One explicit Euler step. The reward is 1, also for the step that fails.
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    const double velocity = state[1];
    const double angular_velocity = state[3];
    const double push = *action == 1 ? force : -force;
    const double cosine = cos(state[2]);
    const double sine = sin(state[2]);
    const double drive = (push + pole_moment * (angular_velocity * angular_velocity) * sine) / total_mass;
    const double angular_acceleration =
        (gravity * sine - cosine * drive) / (half_length * (4.0 / 3.0 - pole_mass * (cosine * cosine) / total_mass));
    const double acceleration = drive - pole_moment * angular_acceleration * cosine / total_mass;
    state[0] += time_step * velocity;
    state[1] += time_step * acceleration;
    state[2] += time_step * angular_velocity;
    state[3] += time_step * angular_acceleration;
    const bool failed =
        state[0] < -position_limit || state[0] > position_limit || state[2] < -angle_limit || state[2] > angle_limit;
    return {1.0, failed};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    for (int i = 0; i < 4; ++i) observation[i] = static_cast<float>(state[i]);
  }

  /// The built-in expert: pushes to the side that a linear state feedback asks for, with the ratios of gains of a
  /// linear-quadratic regulator. Keeps the pole up for 500 steps from starts three times as far out as the task's own.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const double wish = 1.0 * static_cast<double>(observation[0]) + 1.5 * static_cast<double>(observation[1]) +
                        18.0 * static_cast<double>(observation[2]) + 3.5 * static_cast<double>(observation[3]);
    *action = wish > 0.0 ? 1 : 0;
  }
};

}  // namespace mynah::dynamics
