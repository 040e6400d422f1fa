#pragma once

#include <map>
#include <string>

#include "kernels/dynamics/grid_world.h"
#include "kernels/dynamics/point_maze.h"
#include "kernels/error.h"

namespace mynah {

/// What tasks let one choose (`--task-option KEY=VALUE`):
///
///   PointMaze-v0   opening=left | right | X       where the wall can be passed: X from -0.75 (left) to 0.75 (right)
///   GridWorld-v0   size=N | size=ROWSxCOLUMNS     an open grid, the goal in the upper right corner (8)
///                  map=FILE                       a map instead: GridWorld::parse
///                  slip=P, discount=X             0.1, 0.99
using TaskParameters = std::map<std::string, std::string>;

/// Errors: input_error where a name is not among `known` ("opening", or "size, map").
void require_known_parameters(const std::string& task, const TaskParameters& parameters, const std::string& known);

/// The rules that the parameters choose. Errors: input_error for a parameter that the task has not, or a value that
/// makes no sense.
template <class Dynamics>
Dynamics dynamics_with_parameters(const TaskParameters& parameters) {
  require_known_parameters(Dynamics::name, parameters, "");
  return {};
}
template <>
dynamics::PointMaze dynamics_with_parameters<dynamics::PointMaze>(const TaskParameters& parameters);
template <>
dynamics::GridWorld dynamics_with_parameters<dynamics::GridWorld>(const TaskParameters& parameters);

}  // namespace mynah
