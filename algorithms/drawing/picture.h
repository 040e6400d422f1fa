#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "algorithms/drawing/canvas.h"
#include "algorithms/tasks/task.h"

namespace mynah {

/// What is drawn: where an episode stands.
struct Moment {
  std::span<const double> state;       ///< [state_size], as kernels/dynamics/ or RobotLayout states it.
  std::span<const float> observation;  ///< [observation_size]
  std::uint64_t seed = 0;              ///< Of the task, and the number of the episode: what else its world depends on.
  Index episode = 0;
};

/// How the states of a task are drawn. Every task that can be drawn has a file in pictures/.
class Picture {
 public:
  virtual ~Picture() = default;

  virtual View view() const = 0;
  /// Steps of the task in a second of its own time.
  virtual double steps_per_second() const = 0;
  /// What is the same in every moment of every episode, below all else.
  virtual void draw_background(Canvas&) const {}
  virtual void draw(const Moment& moment, Canvas& canvas) const = 0;
};

inline constexpr Color paper{250, 250, 247};
inline constexpr Color ink{40, 44, 52};
inline constexpr Color soft_ink{150, 156, 166};
inline constexpr Color accent{202, 98, 52};
inline constexpr Color accent_deep{66, 110, 180};

std::unique_ptr<Picture> make_cartpole_picture();
std::unique_ptr<Picture> make_pendulum_picture();
/// goal: the position of the flag.
std::unique_ptr<Picture> make_mountain_car_picture(double goal);
std::unique_ptr<Picture> make_acrobot_picture();
std::unique_ptr<Picture> make_driving_picture();
/// Of the task's parameters: where the opening is, which cells there are.
std::unique_ptr<Picture> make_point_maze_picture(const TaskDescription& task);
std::unique_ptr<Picture> make_grid_world_picture(const TaskDescription& task);
/// Of the task's model. Errors: as load_mujoco_model; input_error in a build without MuJoCo.
std::unique_ptr<Picture> make_robot_picture(const TaskDescription& task);

/// The picture of a task. Errors: input_error where there is none, naming the tasks that have one; as
/// make_robot_picture.
std::unique_ptr<Picture> make_picture(const TaskDescription& task);

}  // namespace mynah
