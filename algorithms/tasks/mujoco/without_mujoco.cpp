// What stands in for robot_task.cpp and pictures/robot.cpp in a build without MuJoCo.
#include "algorithms/drawing/picture.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "kernels/error.h"

namespace mynah {
namespace {

Error needs_mujoco(const std::string& task) {
  return input_error("task '" + task + "'", "is simulated by MuJoCo, and mynah was built without it",
                     "install libmujoco-dev (tools/setup does), then configure and build again: cmake --preset release "
                     "&& cmake --build --preset release");
}

}  // namespace

bool has_mujoco() {
  return false;
}

std::unique_ptr<Task> make_robot_task(const RobotDescription& robot, const TaskOptions&) {
  throw needs_mujoco(robot.name);
}

std::unique_ptr<Picture> make_robot_picture(const TaskDescription& task) {
  throw needs_mujoco(task.name);
}

}  // namespace mynah
