#include <array>
#include <cmath>

#include "algorithms/drawing/picture.h"

namespace mynah {
namespace {

/// State: position of the cart, its velocity, angle of the pole (0: upright, above 0: to the right), its velocity.
class CartPolePicture : public Picture {
 public:
  View view() const override { return {-2.6, -0.5, 2.6, 1.6, 600}; }
  double steps_per_second() const override { return 50.0; }

  void draw_background(Canvas& canvas) const override {
    canvas.line({-2.4, 0.0}, {2.4, 0.0}, 0.02, soft_ink);
    for (const double end : {-2.4, 2.4}) canvas.line({end, -0.1}, {end, 0.1}, 0.02, soft_ink);
  }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const double x = moment.state[0], angle = moment.state[2];
    const std::array<Point, 4> cart{{{x - 0.25, -0.13}, {x + 0.25, -0.13}, {x + 0.25, 0.13}, {x - 0.25, 0.13}}};
    canvas.polygon(cart, ink);
    const Point axle{x, 0.08};
    canvas.line(axle, {axle.x + std::sin(angle), axle.y + std::cos(angle)}, 0.09, accent);
    canvas.circle(axle, 0.045, accent_deep);
  }
};

}  // namespace

std::unique_ptr<Picture> make_cartpole_picture() {
  return std::make_unique<CartPolePicture>();
}

}  // namespace mynah
