#include <cmath>

#include "algorithms/drawing/picture.h"

namespace mynah {
namespace {

/// State: angle (0: upright, above 0: to the left, as Gymnasium draws it), angular velocity.
class PendulumPicture : public Picture {
 public:
  View view() const override { return {-1.3, -1.3, 1.3, 1.3, 400}; }
  double steps_per_second() const override { return 20.0; }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const double angle = moment.state[0];
    canvas.line({0.0, 0.0}, {-std::sin(angle), std::cos(angle)}, 0.2, accent);
    canvas.circle({0.0, 0.0}, 0.05, ink);
  }
};

}  // namespace

std::unique_ptr<Picture> make_pendulum_picture() {
  return std::make_unique<PendulumPicture>();
}

}  // namespace mynah
