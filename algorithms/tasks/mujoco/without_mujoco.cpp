#include "algorithms/tasks/mujoco/robot.h"
#include "kernels/error.h"

namespace mynah {

bool has_mujoco() {
  return false;
}

std::unique_ptr<Task> make_robot_task(const RobotDescription& robot, const TaskOptions&) {
  throw input_error("task '" + robot.name + "'", "is simulated by MuJoCo, and mynah was built without it",
                    "install libmujoco-dev (tools/setup does), then configure and build again: cmake --preset release "
                    "&& cmake --build --preset release");
}

}  // namespace mynah
