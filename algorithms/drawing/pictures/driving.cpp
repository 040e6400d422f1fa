#include "kernels/dynamics/driving.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "algorithms/drawing/picture.h"

namespace mynah {
namespace {

using dynamics::Driving;
using dynamics::DrivingRoad;

/// The surroundings of the car, which stands still and points up.
class DrivingPicture : public Picture {
 public:
  View view() const override { return {-20.0, -12.0, 20.0, 38.0, 400}; }
  double steps_per_second() const override { return 1.0 / Driving::time_step; }

  void draw_background(Canvas& canvas) const override {
    const std::array<Point, 4> meadow{{{-20.0, -12.0}, {20.0, -12.0}, {20.0, 38.0}, {-20.0, 38.0}}};
    canvas.polygon(meadow, {214, 224, 204});
  }

  void draw(const Moment& moment, Canvas& canvas) const override {
    const Frame frame{moment.state[1], moment.state[2]};
    draw_road(moment, frame, canvas);
    draw_ranges(moment, canvas);
    const std::array<Point, 4> body{{{-Driving::car_half_width, -Driving::car_back},
                                     {Driving::car_half_width, -Driving::car_back},
                                     {Driving::car_half_width, Driving::car_front},
                                     {-Driving::car_half_width, Driving::car_front}}};
    canvas.polygon(body, accent_deep);
    for (const double side : {-0.75, 0.75}) {
      const double x = side * Driving::car_half_width, steering = moment.state[4];
      const double along = 0.45 * std::cos(steering), across = -0.45 * std::sin(steering);
      canvas.line({x - across, Driving::wheelbase - along}, {x + across, Driving::wheelbase + along}, 0.3, ink);
      canvas.line({x, -0.45}, {x, 0.45}, 0.3, ink);
    }
  }

 private:
  /// From the frame of the road at the car's arc length to the picture's.
  struct Frame {
    double offset, heading;

    Point place(double x, double y) const {
      const double ahead = std::cos(heading) * x + std::sin(heading) * (y - offset);
      const double left = std::cos(heading) * (y - offset) - std::sin(heading) * x;
      return {-left, ahead};
    }
  };

  static void draw_road(const Moment& moment, const Frame& frame, Canvas& canvas) {
    const double* state = moment.state.data();
    const DrivingRoad road = Driving::road_of(state);
    const double direction = road.direction(state[0]);
    constexpr double spacing = 2.0;
    constexpr int behind = 12, ahead = 28;
    std::vector<DrivingRoad::Station> line{DrivingRoad::origin(state[0])};
    for (int i = 0; i < behind; ++i) line.push_back(road.after(line.back(), -spacing, direction));
    std::reverse(line.begin(), line.end());
    for (int i = 0; i < ahead; ++i) line.push_back(road.after(line.back(), spacing, direction));
    std::vector<Point> asphalt;
    const auto beside = [&](const DrivingRoad::Station& at, double offset) {
      return frame.place(at.x_beside(offset), at.y_beside(offset));
    };
    for (auto at = line.begin(); at != line.end(); ++at) asphalt.push_back(beside(*at, Driving::half_width));
    for (auto at = line.rbegin(); at != line.rend(); ++at) asphalt.push_back(beside(*at, -Driving::half_width));
    canvas.polygon(asphalt, {176, 178, 182});
    // The middle of the road, dashed; the dashes stay where they are on the road.
    const double phase = std::fmod(state[0], 8.0);
    for (int dash = -2; dash < 7; ++dash) {
      const double s = 8.0 * dash - phase;
      const auto from = road.after(DrivingRoad::origin(state[0]), s, direction);
      canvas.line(beside(from, 0.0), beside(road.after(from, 3.0, direction), 0.0), 0.15, paper);
    }
    for (const DrivingRoad::Station& at : line) {
      for (Index j = 0; j < Driving::obstacles; ++j) {
        const double* obstacle = state + Driving::obstacles_at + 2 * j;
        const double rest = obstacle[0] - at.s;
        if (rest < 0.0 || rest >= spacing) continue;
        canvas.circle(beside(road.after(at, rest, direction), obstacle[1]), Driving::obstacle_radius, accent);
      }
    }
  }

  static void draw_ranges(const Moment& moment, Canvas& canvas) {
    const Point sensor{0.0, Driving::sensor_at};
    for (Index ray = 0; ray < Driving::rays; ++ray) {
      const double angle = Driving::pi / 180.0 * Driving::ray_degrees(ray);
      const auto range = static_cast<double>(moment.observation[static_cast<std::size_t>(4 + Driving::previews + ray)]);
      canvas.line(sensor, {-range * std::sin(angle), sensor.y + range * std::cos(angle)}, 0.06, {206, 208, 214});
    }
  }
};

}  // namespace

std::unique_ptr<Picture> make_driving_picture() {
  return std::make_unique<DrivingPicture>();
}

}  // namespace mynah
