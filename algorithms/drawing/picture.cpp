#include "algorithms/drawing/picture.h"

#include <array>

#include "kernels/error.h"

namespace mynah {
namespace {

struct Entry {
  const char* task;
  std::unique_ptr<Picture> (*make)();
};

constexpr std::array<Entry, 5> pictures{{
    {"CartPole-v1", make_cartpole_picture},
    {"Pendulum-v1", make_pendulum_picture},
    {"MountainCar-v0", [] { return make_mountain_car_picture(0.5); }},
    {"MountainCarContinuous-v0", [] { return make_mountain_car_picture(0.45); }},
    {"Acrobot-v1", make_acrobot_picture},
}};

}  // namespace

std::unique_ptr<Picture> make_picture(const TaskDescription& task) {
  std::string drawn;
  for (const Entry& one : pictures) {
    if (task.name == one.task) return one.make();
    drawn += (drawn.empty() ? "" : ", ") + std::string(one.task);
  }
  throw input_error("--record", "there is no picture of the task '" + task.name + "'", "those with one are: " + drawn);
}

}  // namespace mynah
