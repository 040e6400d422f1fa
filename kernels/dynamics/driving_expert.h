#pragma once

#include <cmath>

#include "kernels/dynamics/driving.h"

namespace mynah::dynamics {

/// What the driving expert makes of an observation: the middle of the road ahead, and the nearest obstacle beside it.
class DrivingView {
 public:
  MYNAH_HOST_DEVICE explicit DrivingView(const float* observation)
      : offset_(static_cast<double>(observation[0])), heading_(static_cast<double>(observation[1])) {
    see_road(observation + 4);
    see_obstacle(observation + 4 + Driving::previews);
  }

  /// The point of the road `along` metres ahead and `offset` beside the middle, from the rear axle, in its frame.
  MYNAH_HOST_DEVICE void place(double along, double offset, double* x, double* y) const {
    Index k = static_cast<Index>(along / spacing);
    k = k < 0 ? 0 : k > points - 1 ? points - 1 : k;
    const double rest = along - spacing * static_cast<double>(k);
    const double bow = offset + 0.5 * curvature_[k] * rest * rest;
    const double road_x = x_[k] + rest * cosine_[k] - bow * sine_[k];
    const double road_y = y_[k] + rest * sine_[k] + bow * cosine_[k] - offset_;
    *x = cos(heading_) * road_x + sin(heading_) * road_y;
    *y = cos(heading_) * road_y - sin(heading_) * road_x;
  }

  /// The largest curvature of the next `along` metres, without its sign.
  MYNAH_HOST_DEVICE double sharpest(double along) const {
    double most = 0.0;
    for (Index k = 0; k < points && spacing * static_cast<double>(k) <= along; ++k) {
      most = fmax(most, fabs(curvature_[k]));
    }
    return most;
  }

  bool obstacle;           ///< Whether there is one.
  double obstacle_ahead;   ///< Along the road from the rear axle to what is seen of it.
  double obstacle_offset;  ///< The middle of what is seen of it.

 private:
  static constexpr double spacing = 4.0;
  static constexpr Index points = 9;  // 0 ... 32 m

  MYNAH_HOST_DEVICE void see_road(const float* previews) {
    double x = 0.0, y = 0.0, direction = 0.0, last = static_cast<double>(previews[0]);
    for (Index k = 0; k < points; ++k) {
      const auto here = static_cast<double>(previews[k / 2]);
      curvature_[k] = k % 2 == 0 ? here : 0.5 * (here + static_cast<double>(previews[k / 2 + 1]));
      if (k > 0) {
        const double turn = 0.5 * spacing * (last + curvature_[k]);
        x += spacing * cos(direction + 0.5 * turn);
        y += spacing * sin(direction + 0.5 * turn);
        direction += turn;
      }
      last = curvature_[k];
      x_[k] = x;
      y_[k] = y;
      cosine_[k] = cos(direction);
      sine_[k] = sin(direction);
    }
  }

  /// Where a ray ends well inside of the road's edges, an obstacle is: the nearest, and what lies 3 m further.
  MYNAH_HOST_DEVICE void see_obstacle(const float* ranges) {
    double along[Driving::rays], offset[Driving::rays];
    obstacle_ahead = farthest_ahead;
    for (Index ray = 0; ray < Driving::rays; ++ray) {
      if (!hit(static_cast<double>(ranges[ray]), ray, &along[ray], &offset[ray])) along[ray] = farthest_ahead;
      obstacle_ahead = fmin(obstacle_ahead, along[ray]);
    }
    obstacle = obstacle_ahead < farthest_ahead;
    double low = Driving::half_width, high = -Driving::half_width;
    for (Index ray = 0; ray < Driving::rays; ++ray) {
      if (along[ray] >= farthest_ahead || along[ray] > obstacle_ahead + 3.0) continue;
      low = fmin(low, offset[ray]);
      high = fmax(high, offset[ray]);
    }
    obstacle_offset = 0.5 * (low + high);
  }

  /// Whether the ray ends at an obstacle that is still to be passed, and where on the road that is.
  MYNAH_HOST_DEVICE bool hit(double range, Index ray, double* along, double* offset) const {
    if (range > farthest_ahead) return false;
    const double angle = heading_ + Driving::pi / 180.0 * Driving::ray_degrees(ray);
    const double x = Driving::sensor_at * cos(heading_) + range * cos(angle);
    const double y = offset_ + Driving::sensor_at * sin(heading_) + range * sin(angle);
    // The last point of the road that lies behind it.
    Index k = points - 1;
    double forward = ahead_of(k, x, y);
    while (k > 0 && forward < 0.0) forward = ahead_of(--k, x, y);
    *along = spacing * static_cast<double>(k) + forward;
    *offset = (y - y_[k]) * cosine_[k] - (x - x_[k]) * sine_[k] - 0.5 * curvature_[k] * forward * forward;
    return *along > -2.5 && *along < farthest_ahead && fabs(*offset) < Driving::half_width - 0.75;
  }
  MYNAH_HOST_DEVICE double ahead_of(Index k, double x, double y) const {
    return (x - x_[k]) * cosine_[k] + (y - y_[k]) * sine_[k];
  }

  static constexpr double farthest_ahead = 30.0;

  double offset_, heading_;
  double x_[points], y_[points], cosine_[points], sine_[points], curvature_[points];
};

/// The built-in expert: pure pursuit (Coulter, "Implementation of the pure pursuit path tracking algorithm", CMU-RI-TR-
/// 92-01, 1992) of a line beside the middle of the road that goes round the nearest obstacle on its wider side, at a
/// speed that keeps sideways acceleration to half of what the tyres hold, and lower while the way past an obstacle is
/// not yet taken. It sees what the observation shows and remembers nothing.
MYNAH_HOST_DEVICE inline void Driving::expert(const float* observation, Action* action) const {
  constexpr double clearance = obstacle_radius + car_half_width + 0.6;
  constexpr double widest = half_width - car_half_width - 0.2;
  const DrivingView view(observation);
  const auto offset = static_cast<double>(observation[0]);
  const auto speed = static_cast<double>(observation[2]);
  double line = 0.0;
  double target_speed = 13.0;
  if (view.obstacle) {
    const bool beside = view.obstacle_ahead < 7.0;
    const bool pass_right = beside ? offset < view.obstacle_offset : view.obstacle_offset > 0.0;
    line = pass_right ? fmin(0.0, view.obstacle_offset - clearance) : fmax(0.0, view.obstacle_offset + clearance);
    line = clipped(line, widest);
    const double missing = fabs(line - offset);
    target_speed = fmin(target_speed, 7.0 + 0.25 * fmax(0.0, view.obstacle_ahead) + 6.0 * fmax(0.0, 1.0 - missing));
  }
  const double reach = fmax(4.5, fmin(9.0, 0.6 * speed));
  double x, y;
  view.place(reach, line, &x, &y);
  const double steering = atan(2.0 * wheelbase * y / (x * x + y * y));
  action[0] = static_cast<float>(clipped(steering / max_steering, 1.0));
  target_speed = fmin(target_speed, sqrt(0.5 * grip / (view.sharpest(2.0 * speed) + 1e-3)));
  action[1] = static_cast<float>(clipped(0.7 * (target_speed - speed), 1.0));
}

}  // namespace mynah::dynamics
