#pragma once

#include "algorithms/tasks/mujoco/robot_layout.h"
#include "algorithms/tasks/mujoco/simulation.h"
#include "kernels/philox.h"

namespace mynah {

/// The rules of a robot for one row: a state as RobotLayout has it, and one of MuJoCo's states to work in, of which
/// nothing counts before and after. Any number of threads may use it at once, each with its own of those.
class RobotSimulation {
 public:
  /// Errors: input_error where model and description do not fit.
  RobotSimulation(RobotDescription robot, MujocoModel model);

  const RobotLayout& layout() const { return layout_; }
  const mjModel_& model() const { return *model_; }

  /// The start of an episode, by words of philox(key, episode, ...): positions first, velocities from the next whole
  /// block on. Errors: MujocoFailure.
  void reset(RandomKey key, Index episode, mjData_& data, double* state) const;

  struct Outcome {
    double reward = 0.0;
    bool terminated = false;
  };
  /// One step. action: finite. Errors: MujocoFailure; what MuJoCo warns of stands in data.warning.
  Outcome step(mjData_& data, const float* action, double* state) const;

  void observe(const double* state, float* observation) const;

 private:
  void last_step(mjData_& data) const;
  void load(const double* state, mjData_& data) const;
  void save(const mjData_& data, double* state) const;
  double forward_of(const double* state) const;
  double contact_cost(const double* state) const;
  bool is_healthy(const double* state) const;

  RobotDescription robot_;
  MujocoModel model_;
  RobotLayout layout_;
  std::vector<ControlRange> ranges_;
};

}  // namespace mynah
