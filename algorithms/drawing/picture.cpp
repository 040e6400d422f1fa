#include "algorithms/drawing/picture.h"

#include <array>

#include "kernels/error.h"

namespace mynah {
namespace {

struct Entry {
  const char* task;
  std::unique_ptr<Picture> (*make)(const TaskDescription& task);
};

constexpr std::array<Entry, 8> pictures{{
    {"CartPole-v1", [](const TaskDescription&) { return make_cartpole_picture(); }},
    {"Pendulum-v1", [](const TaskDescription&) { return make_pendulum_picture(); }},
    {"MountainCar-v0", [](const TaskDescription&) { return make_mountain_car_picture(0.5); }},
    {"MountainCarContinuous-v0", [](const TaskDescription&) { return make_mountain_car_picture(0.45); }},
    {"Acrobot-v1", [](const TaskDescription&) { return make_acrobot_picture(); }},
    {"Driving-v0", [](const TaskDescription&) { return make_driving_picture(); }},
    {"PointMaze-v0", make_point_maze_picture},
    {"GridWorld-v0", make_grid_world_picture},
}};

}  // namespace

std::unique_ptr<Picture> make_picture(const TaskDescription& task) {
  if (!task.model.empty()) return make_robot_picture(task);
  std::string drawn;
  for (const Entry& one : pictures) {
    if (task.name == one.task) return one.make(task);
    drawn += (drawn.empty() ? "" : ", ") + std::string(one.task);
  }
  throw input_error("--record", "there is no picture of the task '" + task.name + "'",
                    "those with one are: " + drawn + ", and the robots");
}

}  // namespace mynah
