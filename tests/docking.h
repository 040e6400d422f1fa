#pragma once

#include <cmath>
#include <memory>

#include "algorithms/tasks/custom_task.h"

namespace mynah::tests {

/// A task of a user's own, for tests: a body on a line, x'' = 4 a, that has to come to rest at 0. Observation: position
/// and velocity; action: a in ± 1; ends at the goal with a reward of 1, out of bounds with -1.
class Docking : public Environment {
 public:
  void reset(EpisodeRandom random) override {
    position_ = random.uniform(-1.0, 1.0);
    velocity_ = 0.1 * random.normal();
  }
  StepOutcome step(const EpisodeAction& action) override {
    velocity_ += 0.05 * 4.0 * static_cast<double>(action.values[0]);
    position_ += 0.05 * velocity_;
    if (std::abs(position_) < 0.05 && std::abs(velocity_) < 0.2) return {1.0, true};
    if (std::abs(position_) > 2.0) return {-1.0, true};
    return {-0.01, false};
  }
  void observe(std::span<float> observation) const override {
    observation[0] = static_cast<float>(position_);
    observation[1] = static_cast<float>(velocity_);
  }

 private:
  double position_ = 0.0, velocity_ = 0.0;
};

inline TaskDescription describe_docking() {
  TaskDescription description;
  description.name = "Docking-v0";
  description.observation_size = 2;
  description.action_size = 1;
  description.action_low = -1.0f;
  description.action_high = 1.0f;
  description.max_steps = 200;
  description.observation_names = {"position", "velocity"};
  return description;
}

inline CustomTask docking_task() {
  return CustomTask(describe_docking(), [] { return std::make_unique<Docking>(); });
}

/// Critically damped: a = (-4 x - 4 v) / 4.
inline void docking_expert(std::span<const float> observation, std::span<float> action) {
  action[0] = -observation[0] - observation[1];
}

}  // namespace mynah::tests
