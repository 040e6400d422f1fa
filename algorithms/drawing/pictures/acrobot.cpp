#include <cmath>

#include "algorithms/drawing/picture.h"

namespace mynah {
namespace {

/// State: angle of the first link (0: hanging down), angle of the second relative to the first, their velocities. Both
/// links have length 1.
class AcrobotPicture : public Picture {
 public:
  View view() const override { return {-2.2, -2.2, 2.2, 2.2, 400}; }
  double steps_per_second() const override { return 15.0; }

  void draw_background(Canvas& canvas) const override { canvas.line({-2.2, 1.0}, {2.2, 1.0}, 0.02, soft_ink); }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const double first = moment.state[0], second = first + moment.state[1];
    const Point elbow{std::sin(first), -std::cos(first)};
    const Point tip{elbow.x + std::sin(second), elbow.y - std::cos(second)};
    canvas.line({0.0, 0.0}, elbow, 0.2, accent_deep);
    canvas.line(elbow, tip, 0.2, accent);
    canvas.circle({0.0, 0.0}, 0.08, ink);
    canvas.circle(elbow, 0.08, ink);
  }
};

}  // namespace

std::unique_ptr<Picture> make_acrobot_picture() {
  return std::make_unique<AcrobotPicture>();
}

}  // namespace mynah
