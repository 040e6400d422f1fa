#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// Two links that hang from a pivot, with a motor at the joint between them, whose tip is to be swung up.
///
/// Sutton, "Generalization in reinforcement learning: successful examples using sparse coarse coding", NIPS 1995, with
/// the equations of motion of Sutton and Barto's book (2nd edition, section 11.3 of the first), and the constants of
/// Gymnasium's Acrobot-v1: both links 1 m long and of 1 kg, their centres of mass halfway, moments of inertia 1 kg m².
/// One step is one step of the classical fourth-order Runge-Kutta method.
struct Acrobot {
  static constexpr const char* name = "Acrobot-v1";
  static constexpr const char* observation_names[] = {"cos_angle_1", "sin_angle_1",        "cos_angle_2",
                                                      "sin_angle_2", "angular_velocity_1", "angular_velocity_2"};
  static constexpr const char* action_names[] = {"torque_negative", "torque_zero", "torque_positive"};
  static constexpr double random_return = -499.03;
  static constexpr double expert_return = -77.24;

  /// Angle of the first link (0: it hangs), of the second against the first, and their velocities.
  static constexpr Index state_size = 4;
  static constexpr Index observation_size = 6;
  static constexpr std::int32_t action_count = 3;  ///< Torque of action - 1 N m.
  static constexpr std::int32_t max_steps = 500;

  static constexpr double pi = 3.14159265358979323846;
  static constexpr double gravity = 9.8;
  static constexpr double centre = 0.5;  // of mass, along a link
  static constexpr double inertia = 1.0;
  static constexpr double time_step = 0.2;
  static constexpr double max_velocity_1 = 4.0 * pi;
  static constexpr double max_velocity_2 = 9.0 * pi;

  using Action = std::int32_t;

  /// Every variable uniform in ± 0.1, one word each, and as Gymnasium has it in single precision.
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    for (int i = 0; i < 4; ++i) state[i] = static_cast<double>(static_cast<float>(0.1 * words.symmetric()));
  }

  /// The reward is -1 a step, 0 for the one that brings the tip one link's length above the pivot, which ends the
  /// episode.
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    integrate(state, static_cast<double>(*action - 1));
    state[0] = wrapped(state[0]);
    state[1] = wrapped(state[1]);
    state[2] = clipped(state[2], max_velocity_1);
    state[3] = clipped(state[3], max_velocity_2);
    const bool up = -cos(state[0]) - cos(state[1] + state[0]) > 1.0;
    return {up ? 0.0 : -1.0, up};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    observation[0] = static_cast<float>(cos(state[0]));
    observation[1] = static_cast<float>(sin(state[0]));
    observation[2] = static_cast<float>(cos(state[1]));
    observation[3] = static_cast<float>(sin(state[1]));
    observation[4] = static_cast<float>(state[2]);
    observation[5] = static_cast<float>(state[3]);
  }

  /// The built-in expert swings up by energy: the torque does work torque b' on the links, so one along b' raises it;
  /// corrected by a' and by where the links hang, which found by search gets the tip up sooner. Where all of the energy
  /// has gone into an elbow that turns over and over, it is braked. Of 10,000 episodes one in a hundred takes more than
  /// 150 steps, a few meet the limit.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const auto cos_1 = static_cast<double>(observation[0]), sin_1 = static_cast<double>(observation[1]);
    const auto cos_2 = static_cast<double>(observation[2]), sin_2 = static_cast<double>(observation[3]);
    const auto velocity_1 = static_cast<double>(observation[4]), velocity_2 = static_cast<double>(observation[5]);
    const double cos_both = cos_1 * cos_2 - sin_1 * sin_2, sin_both = sin_1 * cos_2 + cos_1 * sin_2;
    // Kinetic with the inertias d1 and d2 of rate(), and potential, 0 where both links lie level.
    const double energy = 0.5 * (3.5 + cos_2) * velocity_1 * velocity_1 +
                          (1.25 + 0.5 * cos_2) * velocity_1 * velocity_2 + 0.625 * velocity_2 * velocity_2 -
                          gravity * (1.5 * cos_1 + 0.5 * cos_both);
    const bool spins = energy > 26.0 && fabs(velocity_2) > 5.0;
    const double swing = velocity_2 - 0.317 * velocity_1 - 0.149 * sin_1 + 0.513 * sin_2 - 1.03 * sin_both;
    *action = (spins ? -velocity_2 : swing) > 0.0 ? 2 : 0;
  }

 private:
  /// The state's rate of change.
  ///
  /// With unit masses and lengths, centres c, inertias I, angles a and b, and s = sin b:
  ///
  ///   d1 = c² + 1 + c² + 2 c cos b + 2 I          d2 = c² + c cos b + I
  ///   f2 = c g sin(a + b)                         f1 = -c b'² s - 2 c a' b' s + (c + 1) g sin a + f2
  ///   b'' = (torque + f1 d2 / d1 - c a'² s - f2) / (c² + I - d2² / d1)
  ///   a'' = -(d2 b'' + f1) / d1
  MYNAH_HOST_DEVICE static void rate(const double* state, double torque, double* change) {
    const double velocity_1 = state[2], velocity_2 = state[3];
    const double s = sin(state[1]);
    const double coupling = centre * cos(state[1]);
    const double d1 = 2.0 * centre * centre + 1.0 + 2.0 * coupling + 2.0 * inertia;
    const double d2 = centre * centre + coupling + inertia;
    const double f2 = centre * gravity * sin(state[0] + state[1]);
    const double f1 =
        -centre * s * velocity_2 * (velocity_2 + 2.0 * velocity_1) + (centre + 1.0) * gravity * sin(state[0]) + f2;
    change[0] = velocity_1;
    change[1] = velocity_2;
    change[3] = (torque + d2 / d1 * f1 - centre * velocity_1 * velocity_1 * s - f2) /
                (centre * centre + inertia - d2 * d2 / d1);
    change[2] = -(d2 * change[3] + f1) / d1;
  }

  MYNAH_HOST_DEVICE static void integrate(double* state, double torque) {
    constexpr double reach[3] = {0.5 * time_step, 0.5 * time_step, time_step};
    constexpr double weight[4] = {1.0, 2.0, 2.0, 1.0};
    double change[4], sum[4] = {}, here[4];
    for (int i = 0; i < 4; ++i) here[i] = state[i];
    for (int stage = 0; stage < 4; ++stage) {
      rate(here, torque, change);
      for (int i = 0; i < 4; ++i) sum[i] += weight[stage] * change[i];
      if (stage == 3) break;
      for (int i = 0; i < 4; ++i) here[i] = state[i] + reach[stage] * change[i];
    }
    for (int i = 0; i < 4; ++i) state[i] += time_step / 6.0 * sum[i];
  }

  /// The angle within ± pi. A step turns a link by a few turns at most.
  MYNAH_HOST_DEVICE static double wrapped(double angle) {
    while (angle > pi) angle -= 2.0 * pi;
    while (angle < -pi) angle += 2.0 * pi;
    return angle;
  }
};

}  // namespace mynah::dynamics
