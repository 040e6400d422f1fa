#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A pendulum to be swung up and held upright with a motor too weak to lift it at once.
///
/// The constants and the order of updates are those of Gymnasium's Pendulum-v1: a rod of mass m and length l on a
/// pivot, whose moment of inertia is m l² / 3, so that angle'' = 3 g / (2 l) sin(angle) + 3 / (m l²) torque. SI units.
/// The torque is taken in double: Gymnasium rounds it to float32 where NumPy's promotion rules say so.
struct Pendulum {
  static constexpr const char* name = "Pendulum-v1";
  static constexpr const char* observation_names[] = {"cos_angle", "sin_angle", "angular_velocity"};
  static constexpr const char* action_names[] = {"torque"};
  static constexpr double random_return = -1229.2;
  static constexpr double expert_return = -146.3;

  static constexpr Index state_size = 2;        ///< Angle (0: upright, not wrapped), angular velocity.
  static constexpr Index observation_size = 3;  ///< cos(angle), sin(angle), angular velocity.
  static constexpr Index action_size = 1;       ///< Torque in N m, clipped to ± max_torque.
  static constexpr std::int32_t max_steps = 200;

  static constexpr double pi = 3.14159265358979323846;
  static constexpr double gravity_factor = 3.0 * 10.0 / 2.0;  // 3 g / (2 l)
  static constexpr double torque_factor = 3.0;                // 3 / (m l²)
  static constexpr double time_step = 0.05;
  static constexpr double max_speed = 8.0;
  static constexpr double max_torque = 2.0;
  static constexpr float action_low = -2.0f;
  static constexpr float action_high = 2.0f;

  using Action = float;

  /// Angle uniform in ± pi, angular velocity uniform in ± 1.
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    state[0] = pi * words.symmetric();
    state[1] = words.symmetric();
  }

  /// The angle in [-pi, pi).
  MYNAH_HOST_DEVICE static double wrapped(double angle) {
    double turned = fmod(angle + pi, 2.0 * pi);
    if (turned < 0.0) turned += 2.0 * pi;
    return turned - pi;
  }

  /// reward = -(angle² + 0.1 velocity² + 0.001 torque²), of the state before the step; then one semi-implicit Euler
  /// step. Never ends by itself.
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    const double torque = clipped(static_cast<double>(*action), max_torque);
    const double angle = wrapped(state[0]);
    const double velocity = state[1];
    const double cost = angle * angle + 0.1 * (velocity * velocity) + 0.001 * (torque * torque);
    const double pushed = velocity + (gravity_factor * sin(state[0]) + torque_factor * torque) * time_step;
    state[1] = clipped(pushed, max_speed);
    state[0] += state[1] * time_step;
    return {-cost, false};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    observation[0] = static_cast<float>(cos(state[0]));
    observation[1] = static_cast<float>(sin(state[0]));
    observation[2] = static_cast<float>(state[1]);
  }

  /// The built-in expert: swing-up by energy (Åström and Furuta, "Swinging up a pendulum by energy control", Automatica
  /// 2000), blended smoothly into a linear feedback near the upright, where the pendulum can be caught.
  ///
  /// With unit inertia the energy above upright rest is E = velocity²/2 + 15 (cos(angle) - 1), and dE/dt = 3 torque
  /// velocity: torque along the velocity raises it. The feedback puts the poles of the upright at s² + 3 kd s +
  /// (3 kp - 15) = 0, a little underdamped: a settling pendulum then visits both sides of the upright, which a network
  /// that imitates it needs to see. The constants of the swing-up were found by random search over the mean return.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const double cosine = static_cast<double>(observation[0]);
    const double sine = static_cast<double>(observation[1]);
    const double velocity = static_cast<double>(observation[2]);
    const double angle = atan2(sine, cosine);
    const double energy = 0.5 * velocity * velocity + 15.0 * (cosine - 1.0);
    const double swing = clipped(swing_gain * (target_energy - energy) * velocity + lift_gain * sine, max_torque);
    const double catching = -(angle_gain * angle + velocity_gain * velocity);
    // 1 where the pendulum can be caught: near the upright, or about to pass it.
    const double distance = fabs(angle + lead_time * velocity);
    const double share = 1.0 / (1.0 + exp(-(catch_distance - distance) * catch_slope));
    *action = static_cast<Action>(clipped(share * catching + (1.0 - share) * swing, max_torque));
  }
  static constexpr double angle_gain = 20.0;
  static constexpr double velocity_gain = 3.2;
  static constexpr double swing_gain = 0.2;
  static constexpr double target_energy = 0.15;
  static constexpr double lift_gain = 6.5;
  static constexpr double lead_time = 0.385;
  static constexpr double catch_distance = 0.45;
  static constexpr double catch_slope = 20.0;
};

}  // namespace mynah::dynamics
