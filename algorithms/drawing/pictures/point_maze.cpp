#include "kernels/dynamics/point_maze.h"

#include <array>

#include "algorithms/drawing/picture.h"
#include "algorithms/tasks/task_parameters.h"

namespace mynah {
namespace {

using Maze = dynamics::PointMaze;

/// The room from above.
class PointMazePicture : public Picture {
 public:
  explicit PointMazePicture(double opening) : opening_(opening) {}

  View view() const override { return {-1.05, -1.05, 1.05, 1.05, 400}; }
  double steps_per_second() const override { return 1.0 / Maze::time_step; }

  void draw_background(Canvas& canvas) const override {
    constexpr double side = Maze::half_room;
    block(canvas, -1.05, -side, -1.05, 1.05);
    block(canvas, side, 1.05, -1.05, 1.05);
    block(canvas, -1.05, 1.05, -1.05, -side);
    block(canvas, -1.05, 1.05, side, 1.05);
    if (opening_ - Maze::half_opening > -side) {
      block(canvas, -side, opening_ - Maze::half_opening, -Maze::half_wall, Maze::half_wall);
    }
    if (opening_ + Maze::half_opening < side) {
      block(canvas, opening_ + Maze::half_opening, side, -Maze::half_wall, Maze::half_wall);
    }
    canvas.circle({Maze::goal_x, Maze::goal_y}, 0.06, accent);
    canvas.circle({Maze::goal_x, Maze::goal_y}, 0.04, paper);
  }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const Point at{moment.state[0], moment.state[1]};
    canvas.line(at, {at.x + 0.15 * moment.state[2], at.y + 0.15 * moment.state[3]}, 0.015, soft_ink);
    canvas.circle(at, 0.035, accent_deep);
  }

 private:
  static void block(Canvas& canvas, double left, double right, double bottom, double top) {
    const std::array<Point, 4> corners{{{left, bottom}, {right, bottom}, {right, top}, {left, top}}};
    canvas.polygon(corners, ink);
  }

  double opening_;
};

}  // namespace

std::unique_ptr<Picture> make_point_maze_picture(const TaskDescription& task) {
  return std::make_unique<PointMazePicture>(dynamics_with_parameters<Maze>(task.parameters).opening);
}

}  // namespace mynah
