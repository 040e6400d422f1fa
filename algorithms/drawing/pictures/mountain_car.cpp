#include <array>
#include <cmath>
#include <vector>

#include "algorithms/drawing/picture.h"

namespace mynah {
namespace {

constexpr double left_end = -1.2;
constexpr double right_end = 0.6;

/// The height of the hill, whose shape is the same in both tasks.
double height_at(double position) {
  return 0.45 * std::sin(3.0 * position) + 0.55;
}

/// State: position of the car along the ground, its velocity.
class MountainCarPicture : public Picture {
 public:
  explicit MountainCarPicture(double goal) : goal_(goal) {}

  View view() const override { return {left_end, 0.0, right_end, 1.2, 600}; }
  double steps_per_second() const override { return 30.0; }

  void draw_background(Canvas& canvas) const override {
    std::vector<Point> hill{{right_end, 0.0}, {left_end, 0.0}};
    constexpr int pieces = 90;
    for (int i = 0; i <= pieces; ++i) {
      const double x = left_end + (right_end - left_end) * i / pieces;
      hill.push_back({x, height_at(x)});
    }
    canvas.polygon(hill, {222, 220, 208});
    const Point foot{goal_, height_at(goal_)};
    canvas.line(foot, {foot.x, foot.y + 0.15}, 0.008, soft_ink);
    const std::array<Point, 3> flag{{{foot.x, foot.y + 0.15}, {foot.x, foot.y + 0.1}, {foot.x + 0.07, foot.y + 0.125}}};
    canvas.polygon(flag, accent);
  }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const double x = moment.state[0];
    const double slope = std::atan(1.35 * std::cos(3.0 * x));
    // Along the ground and away from it.
    const auto at = [&](double along, double above) {
      return Point{x + along * std::cos(slope) - above * std::sin(slope),
                   height_at(x) + along * std::sin(slope) + above * std::cos(slope)};
    };
    const std::array<Point, 4> body{{at(-0.06, 0.02), at(0.06, 0.02), at(0.04, 0.07), at(-0.04, 0.07)}};
    canvas.polygon(body, ink);
    canvas.circle(at(-0.035, 0.018), 0.018, accent_deep);
    canvas.circle(at(0.035, 0.018), 0.018, accent_deep);
  }

 private:
  double goal_;
};

}  // namespace

std::unique_ptr<Picture> make_mountain_car_picture(double goal) {
  return std::make_unique<MountainCarPicture>(goal);
}

}  // namespace mynah
