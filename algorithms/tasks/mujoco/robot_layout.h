#pragma once

#include <string>
#include <vector>

#include "algorithms/tasks/mujoco/robot.h"

struct mjModel_;

namespace mynah {

/// What a row of a robot's states holds, and where in it the description's observations and conditions lie: everything
/// that the next step and the observation depend on, so that any thread may take the row in any of MuJoCo's states.
///
///   episode | time | positions | velocities | activations | warm start | forward | contact forces | sensors
///
/// The warm start is where MuJoCo's solver begins its next step; forward is the body coordinate that a reward is taken
/// of, which lags behind the positions. The last three are there where the description needs them.
struct RobotLayout {
  /// Values of a state, with bounds.
  struct Range {
    Index begin = 0;
    Index count = 0;
    double low = 0.0;
    double high = 0.0;
    bool closed = false;
  };

  /// Errors: input_error naming the description's entry that does not fit the model.
  RobotLayout(const RobotDescription& robot, const mjModel_& model);

  static constexpr Index episode = 0;
  static constexpr Index time = 1;
  static constexpr Index positions = 2;
  Index velocities = 0;
  Index activations = 0;
  Index warm_start = 0;
  Index forward = 0;
  Index contact_forces = 0;
  Index sensors = 0;
  Index size = 0;

  bool has_contact_forces = false;
  bool has_sensors = false;
  int forward_body = -1;  ///< Its number in the model; negative: none.

  std::vector<Range> observed;
  std::vector<Range> healthy;
  Index observation_size = 0;
};

/// Names of the observed columns: "rootz", "rootz_velocity", "torso_torque_x", ...
std::vector<std::string> observation_names(const RobotDescription& robot, const mjModel_& model);
/// Names of the actuators, else of the joints that they move.
std::vector<std::string> actuator_names(const mjModel_& model);

/// The ranges that actions are mapped to.
struct ControlRange {
  double low = -1.0;
  double high = 1.0;
};
/// Of every actuator. Errors: input_error where one has no range, or where they differ and the description has no
/// unit_actions.
std::vector<ControlRange> control_ranges(const RobotDescription& robot, const mjModel_& model);

}  // namespace mynah
