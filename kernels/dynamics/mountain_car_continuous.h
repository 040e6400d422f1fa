#pragma once

#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/mountain_car.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// The car in the valley (kernels/dynamics/mountain_car.h) with a force to choose, which costs: Gymnasium's
/// MountainCarContinuous-v0. As there, the state is kept in single precision, and the cost is that of the force as it
/// was asked for, also beyond the bounds that what acts is clipped to.
struct MountainCarContinuous {
  static constexpr const char* name = "MountainCarContinuous-v0";
  static constexpr const char* observation_names[] = {"position", "velocity"};
  static constexpr const char* action_names[] = {"force"};
  static constexpr double random_return = -33.08;
  static constexpr double expert_return = 99.26;

  static constexpr Index state_size = 2;  ///< Position, velocity.
  static constexpr Index observation_size = 2;
  static constexpr Index action_size = 1;
  static constexpr float action_low = -1.0f;
  static constexpr float action_high = 1.0f;
  static constexpr std::int32_t max_steps = 999;

  static constexpr double goal_position = 0.45;
  static constexpr double power = 0.0015;
  static constexpr double goal_reward = 100.0;
  static constexpr double force_cost = 0.1;

  using Action = float;

  /// At rest, the position uniform in (-0.6, -0.4).
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const { MountainCar{}.reset(words, state); }

  /// reward = -0.1 force², and 100 for reaching the goal, which ends the episode.
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    const auto asked = static_cast<double>(*action);
    MountainCar::move(clipped(asked, 1.0) * power, state);
    const bool arrived = state[0] >= goal_position && state[1] >= 0.0;
    for (int i = 0; i < 2; ++i) state[i] = static_cast<double>(static_cast<float>(state[i]));
    return {(arrived ? goal_reward : 0.0) - force_cost * (asked * asked), arrived};
  }

  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    observation[0] = static_cast<float>(state[0]);
    observation[1] = static_cast<float>(state[1]);
  }

  /// The built-in expert: a force along the velocity pumps energy, power force velocity a step, at the least cost where
  /// it is proportional to the velocity; a little more starts a car that rests at the bottom. As weak as the limit of
  /// steps allows (the longest of 10,000 episodes has 795); its two constants were found by search over the mean
  /// return.
  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const {
    const auto velocity = static_cast<double>(observation[1]);
    *action = static_cast<Action>(4.0 * velocity + (velocity < 0.0 ? -0.033 : 0.033));
  }
};

}  // namespace mynah::dynamics
