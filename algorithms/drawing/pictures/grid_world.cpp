#include "kernels/dynamics/grid_world.h"

#include <algorithm>
#include <array>

#include "algorithms/drawing/picture.h"
#include "algorithms/tasks/task_parameters.h"

namespace mynah {
namespace {

using Rules = dynamics::GridWorld;

/// The cells, the better the more of the accent they have; walls are dark.
class GridWorldPicture : public Picture {
 public:
  explicit GridWorldPicture(const Rules& rules) : rules_(rules) {}

  View view() const override {
    // A high world gets a narrow picture: a GIF has at most 65,535 rows of pixels.
    const int width = rules_.rows <= 2 * rules_.columns ? 400 : 2 * std::max(1, 400 * rules_.columns / rules_.rows);
    return {0.0, 0.0, static_cast<double>(rules_.columns), static_cast<double>(rules_.rows), width};
  }
  double steps_per_second() const override { return 4.0; }

  void draw_background(Canvas& canvas) const override {
    for (std::int32_t row = 0; row < rules_.rows; ++row) {
      for (std::int32_t column = 0; column < rules_.columns; ++column) {
        const std::uint8_t cell = rules_.cells[row * rules_.columns + column];
        const Point corner{static_cast<double>(column), static_cast<double>(rules_.rows - 1 - row)};
        const std::array<Point, 4> corners{{{corner.x + 0.03, corner.y + 0.03},
                                            {corner.x + 0.97, corner.y + 0.03},
                                            {corner.x + 0.97, corner.y + 0.97},
                                            {corner.x + 0.03, corner.y + 0.97}}};
        const bool wall = Rules::kind_of(cell) == Rules::Kind::wall;
        canvas.polygon(corners, wall ? ink : color_of(rules_.rewards[Rules::reward_of(cell)]));
      }
    }
  }

  void draw(const Moment& moment, Canvas& canvas) const override {
    canvas.circle({moment.state[1] + 0.5, rules_.rows - 0.5 - moment.state[0]}, 0.28, ink);
  }

 private:
  static Color color_of(double reward) {
    const Color plain{226, 224, 214};
    const Color& full = reward > 0.0 ? accent : accent_deep;
    const double share = std::min(1.0, reward > 0.0 ? reward : -reward);
    const auto mixed = [share](std::uint8_t from, std::uint8_t to) {
      return static_cast<std::uint8_t>(from + share * (to - from));
    };
    return {mixed(plain.red, full.red), mixed(plain.green, full.green), mixed(plain.blue, full.blue)};
  }

  Rules rules_;
};

}  // namespace

std::unique_ptr<Picture> make_grid_world_picture(const TaskDescription& task) {
  return std::make_unique<GridWorldPicture>(dynamics_with_parameters<Rules>(task.parameters));
}

}  // namespace mynah
