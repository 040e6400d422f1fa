#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/dynamics/clipped.h"
#include "kernels/dynamics/driving_road.h"
#include "kernels/dynamics/random_words.h"
#include "kernels/dynamics/rolled.h"
#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::dynamics {

/// A car on a winding road with obstacles, to be driven far and fast without leaving the road or hitting anything.
///
/// The car is the kinematic bicycle model (Rajamani, "Vehicle dynamics and control", 2012, section 2.2; Kong, Pfeiffer,
/// Schildbach and Borrelli, "Kinematic and dynamic vehicle models for autonomous driving control design", IV 2015),
/// referred to the middle of the rear axle: with constant steering it goes round on a circle of radius wheelbase /
/// tan(steering). Its sideways acceleration is limited by the tyres' grip, so that a bend taken too fast leads off the
/// road. In the coordinates of the road (arc length s, offset d to the left of the middle, heading error e):
///
///   ds = v cos(e) / (1 - d k(s)) dt     dd = v sin(e) dt     de = v c dt - k(s) ds
///   c = tan(steering) / wheelbase, within ± grip / v²         k: the road's curvature
///
/// Every episode has a road and obstacles of its own. Metres, seconds, radians; left is positive. A step is 0.1 s.
/// Actions: where the steering shall go, as a share of its largest angle, and throttle (below 0: brake); each clipped
/// to ± 1. `terminated` means that the car left the road, turned round or hit an obstacle. Gymnasium has no such task.
struct Driving {
  static constexpr const char* name = "Driving-v0";
  static constexpr const char* observation_names[] = {
      "lateral_offset", "heading_error",  "speed",          "steering_angle",  "curvature_0m",    "curvature_8m",
      "curvature_16m",  "curvature_24m",  "curvature_32m",  "range_right_130", "range_right_100", "range_right_75",
      "range_right_55", "range_right_40", "range_right_30", "range_right_25",  "range_right_20",  "range_right_15",
      "range_right_10", "range_right_5",  "range_ahead",    "range_left_5",    "range_left_10",   "range_left_15",
      "range_left_20",  "range_left_25",  "range_left_30",  "range_left_40",   "range_left_55",   "range_left_75",
      "range_left_100", "range_left_130"};
  static constexpr const char* action_names[] = {"steering", "throttle"};
  static constexpr double random_return = -11.49;
  static constexpr double expert_return = 30.83;

  static constexpr Index obstacles = 12;
  static constexpr Index previews = 5;  ///< Curvatures 0, 8, ... 32 m ahead of the rear axle.
  static constexpr Index rays = 23;

  /// Arc length, lateral offset, heading error, speed, steering angle; then the road's coefficients; then the arc
  /// length and the lateral offset of each obstacle.
  static constexpr Index road_at = 5;
  static constexpr Index obstacles_at = road_at + 3 * DrivingRoad::waves;
  static constexpr Index state_size = obstacles_at + 2 * obstacles;
  static constexpr Index observation_size = 4 + previews + rays;
  static constexpr Index action_size = 2;
  static constexpr float action_low = -1.0f;
  static constexpr float action_high = 1.0f;
  static constexpr std::int32_t max_steps = 300;

  using Action = float;

  static constexpr double pi = 3.14159265358979323846;
  static constexpr double time_step = 0.1;
  static constexpr double wheelbase = 2.7;
  static constexpr double max_steering = 0.5;
  static constexpr double steering_rate = 0.8;  // rad/s
  static constexpr double acceleration = 3.0;   // m/s² at full throttle
  static constexpr double braking = 6.0;
  static constexpr double max_speed = 16.0;
  static constexpr double grip = 7.0;        // m/s²
  static constexpr double half_width = 4.0;  // of the road
  static constexpr double car_half_width = 0.9;
  static constexpr double car_front = 3.7;   // ahead of the rear axle
  static constexpr double car_back = 1.0;    // behind it
  static constexpr double sensor_at = 1.35;  // of the ranges, ahead of the rear axle
  static constexpr double max_range = 40.0;
  static constexpr double obstacle_radius = 0.9;
  static constexpr double preview_spacing = 8.0;

  // The road's edges, as the ranges see them, are chords of this length: within 4 cm of the edges.
  static constexpr double station_spacing = 2.5;
  static constexpr Index stations_behind = 4;
  static constexpr Index stations = stations_behind + 18;

  MYNAH_HOST_DEVICE static DrivingRoad road_of(const double* state) { return {state + road_at}; }

  /// Direction of a ray from the car's own, in degrees: every 5 degrees ahead, further apart to the sides (40, 55, 75,
  /// 100, 130). ray: 0 (right) ... rays - 1 (left).
  MYNAH_HOST_DEVICE static double ray_degrees(Index ray) {
    constexpr Index ahead = rays / 2;
    const auto step = static_cast<double>(ray - ahead);
    const double size = step < 0.0 ? -step : step;
    const double beyond = size > 6.0 ? size - 6.0 : 0.0;
    const double degrees = size > 6.0 ? 30.0 + beyond * (7.5 + 2.5 * beyond) : 5.0 * size;
    return step < 0.0 ? -degrees : degrees;
  }

  /// Waves of 60 to 120 m and of 120 to 300 m length, with amplitudes of 1/200 to 1/50 m: the tightest bend has a
  /// radius of 25 m. An obstacle every 40 m, give or take 8, from 0.8 to 2.2 m beside the middle of the road. The car
  /// starts within 1 m of the middle and 0.1 rad of the road's direction, at 5 to 10 m/s.
  MYNAH_HOST_DEVICE void reset(RandomWords& words, double* state) const {
    state[0] = 0.0;
    state[1] = words.symmetric();
    state[2] = 0.1 * words.symmetric();
    state[3] = words.between(5.0, 10.0);
    state[4] = 0.0;
    for (Index i = 0; i < DrivingRoad::waves; ++i) {
      double* wave = state + road_at + 3 * i;
      wave[0] = words.between(0.005, 0.02);
      wave[1] = 2.0 * pi / (i == 0 ? words.between(60.0, 120.0) : words.between(120.0, 300.0));
      wave[2] = words.between(0.0, 2.0 * pi);
    }
    for (Index j = 0; j < obstacles; ++j) {
      double* obstacle = state + obstacles_at + 2 * j;
      obstacle[0] = 40.0 * static_cast<double>(j + 1) + 8.0 * words.symmetric();
      const double side = words.symmetric();  // its sign, and how far
      obstacle[1] = side < 0.0 ? -0.8 + 1.4 * side : 0.8 + 1.4 * side;
    }
  }

  /// reward = 0.1 ds - 0.01 d² - 0.02 (steering moved / most it can move)², and -10 where the car leaves the road,
  /// turns round or hits an obstacle. First the steering and the speed change, then the car moves with them (one
  /// Runge-Kutta step of fourth order).
  MYNAH_HOST_DEVICE StepOutcome step(double* state, const Action* action) const {
    const double wanted = max_steering * clipped(static_cast<double>(action[0]), 1.0);
    const double turned = clipped(wanted - state[4], steering_rate * time_step);
    state[4] += turned;
    const double throttle = clipped(static_cast<double>(action[1]), 1.0);
    const double pushed = state[3] + time_step * throttle * (throttle < 0.0 ? braking : acceleration);
    state[3] = pushed < 0.0 ? 0.0 : pushed > max_speed ? max_speed : pushed;
    const double before = state[0];
    move(state);
    const double d = state[1];
    const bool ended =
        d > half_width || d < -half_width || state[2] > 0.5 * pi || state[2] < -0.5 * pi || hits_obstacle(state);
    const double share = turned / (steering_rate * time_step);
    return {0.1 * (state[0] - before) - 0.01 * (d * d) - 0.02 * (share * share) - (ended ? 10.0 : 0.0), ended};
  }

  MYNAH_HOST_DEVICE static void move(double* state) {
    const double speed = state[3];
    const double reach = speed * speed > 0.0 ? grip / (speed * speed) : 1e9;
    const double turn = clipped(tan(state[4]) / wheelbase, reach);
    const Rates k1 = rates(state, state[0], state[1], state[2], speed, turn);
    const double half = 0.5 * time_step;
    const Rates k2 = rates(state, state[0] + half * k1.s, state[1] + half * k1.d, state[2] + half * k1.e, speed, turn);
    const Rates k3 = rates(state, state[0] + half * k2.s, state[1] + half * k2.d, state[2] + half * k2.e, speed, turn);
    const Rates k4 = rates(state, state[0] + time_step * k3.s, state[1] + time_step * k3.d, state[2] + time_step * k3.e,
                           speed, turn);
    state[0] += time_step / 6.0 * (k1.s + 2.0 * (k2.s + k3.s) + k4.s);
    state[1] += time_step / 6.0 * (k1.d + 2.0 * (k2.d + k3.d) + k4.d);
    state[2] += time_step / 6.0 * (k1.e + 2.0 * (k2.e + k3.e) + k4.e);
  }

  /// Whether the car, a rectangle, touches an obstacle, a disc.
  MYNAH_HOST_DEVICE static bool hits_obstacle(const double* state) {
    constexpr double near = 8.0;
    const DrivingRoad road = road_of(state);
    for (Index j = 0; j < obstacles; ++j) {
      const double* obstacle = state + obstacles_at + 2 * j;
      const double ahead = obstacle[0] - state[0];
      if (!(ahead < near && ahead > -near)) continue;
      const double direction = road.direction(state[0]);
      const auto half_way = road.after(DrivingRoad::origin(state[0]), 0.5 * ahead, direction);
      const auto there = road.after(half_way, 0.5 * ahead, direction);
      const double x = there.x_beside(obstacle[1]);
      const double y = there.y_beside(obstacle[1]) - state[1];
      if (touches_car(cos(state[2]) * x + sin(state[2]) * y, cos(state[2]) * y - sin(state[2]) * x)) return true;
    }
    return false;
  }

  /// An obstacle at (x, y) in the frame of the rear axle.
  MYNAH_HOST_DEVICE static bool touches_car(double x, double y) {
    const double outside_x = x > car_front ? x - car_front : x < -car_back ? -car_back - x : 0.0;
    const double size_y = y < 0.0 ? -y : y;
    const double outside_y = size_y > car_half_width ? size_y - car_half_width : 0.0;
    return outside_x * outside_x + outside_y * outside_y < obstacle_radius * obstacle_radius;
  }

  /// Ranges: distance to the first obstacle or edge of the road along a ray, at most max_range. They do not see what
  /// lies 10 m or more behind the rear axle.
  MYNAH_HOST_DEVICE void observe(const double* state, float* observation) const {
    const DrivingRoad road = road_of(state);
    for (Index i = 0; i < 4; ++i) observation[i] = static_cast<float>(state[i + 1]);
    for (Index i = 0; i < previews; ++i) {
      observation[4 + i] = static_cast<float>(road.curvature(state[0] + preview_spacing * static_cast<double>(i)));
    }
    observe_ranges(state, observation + 4 + previews);
  }

  MYNAH_HOST_DEVICE static void observe_ranges(const double* state, float* ranges) {
    const DrivingRoad road = road_of(state);
    const double direction = road.direction(state[0]);
    DrivingRoad::Station line[stations];
    line[stations_behind] = DrivingRoad::origin(state[0]);
    MYNAH_ROLLED
    for (Index k = stations_behind; k > 0; --k) line[k - 1] = road.after(line[k], -station_spacing, direction);
    MYNAH_ROLLED
    for (Index k = stations_behind; k + 1 < stations; ++k)
      line[k + 1] = road.after(line[k], station_spacing, direction);
    // From here on all is seen from the sensor, in the road's frame.
    const double sensor_x = sensor_at * cos(state[2]);
    const double sensor_y = state[1] + sensor_at * sin(state[2]);
    double left_x[stations], left_y[stations], right_x[stations], right_y[stations];
    MYNAH_ROLLED
    for (Index k = 0; k < stations; ++k) {
      left_x[k] = line[k].x_beside(half_width) - sensor_x;
      left_y[k] = line[k].y_beside(half_width) - sensor_y;
      right_x[k] = line[k].x_beside(-half_width) - sensor_x;
      right_y[k] = line[k].y_beside(-half_width) - sensor_y;
    }
    double obstacle_x[2], obstacle_y[2];
    const Index seen = place_obstacles(state, line, direction, obstacle_x, obstacle_y);
    MYNAH_ROLLED
    for (Index ray = 0; ray < rays; ++ray) {
      const double angle = state[2] + pi / 180.0 * ray_degrees(ray);
      const double cosine = cos(angle), sine = sin(angle);
      double range = max_range;
      range = distance_to_line(cosine, sine, left_x, left_y, range);
      range = distance_to_line(cosine, sine, right_x, right_y, range);
      for (Index j = 0; j < seen; ++j) {
        const double distance = distance_to_circle(cosine, sine, obstacle_x[j] - sensor_x, obstacle_y[j] - sensor_y,
                                                   obstacle_radius, range);
        range = distance < range ? distance : range;
      }
      ranges[ray] = static_cast<float>(range);
    }
  }

  /// To the nearest crossing with the chords between points [stations], if it is nearer than `range`.
  MYNAH_HOST_DEVICE static double distance_to_line(double cosine, double sine, const double* x, const double* y,
                                                   double range) {
    double cross = cosine * y[0] - sine * x[0];
    MYNAH_ROLLED
    for (Index k = 1; k < stations; ++k) {
      const double next = cosine * y[k] - sine * x[k];
      if ((cross < 0.0) != (next < 0.0)) {
        const double share = cross / (cross - next);
        const double distance =
            cosine * (x[k - 1] + share * (x[k] - x[k - 1])) + sine * (y[k - 1] + share * (y[k] - y[k - 1]));
        if (distance >= 0.0 && distance < range) range = distance;
      }
      cross = next;
    }
    return range;
  }

  /// The nearest obstacles within the stations, in their frame; at most two are within their 52.5 m, since of three
  /// that follow each other the outer ones are 64 m apart or more.
  MYNAH_HOST_DEVICE static Index place_obstacles(const double* state, const DrivingRoad::Station* line,
                                                 double direction, double* x, double* y) {
    const DrivingRoad road = road_of(state);
    Index seen = 0;
    for (Index j = 0; j < obstacles && seen < 2; ++j) {
      const double* obstacle = state + obstacles_at + 2 * j;
      const double from_first = (obstacle[0] - line[0].s) / station_spacing;
      if (!(from_first >= 0.0 && from_first < static_cast<double>(stations - 1))) continue;
      const DrivingRoad::Station& before = line[static_cast<Index>(from_first)];
      const DrivingRoad::Station there = road.after(before, obstacle[0] - before.s, direction);
      x[seen] = there.x_beside(obstacle[1]);
      y[seen] = there.y_beside(obstacle[1]);
      ++seen;
    }
    return seen;
  }

  MYNAH_HOST_DEVICE void expert(const float* observation, Action* action) const;

 private:
  struct Rates {
    double s, d, e;
  };
  MYNAH_HOST_DEVICE static Rates rates(const double* state, double s, double d, double e, double speed, double turn) {
    const double curvature = road_of(state).curvature(s);
    const double along = speed * cos(e) / (1.0 - d * curvature);
    return {along, speed * sin(e), speed * turn - curvature * along};
  }
};

}  // namespace mynah::dynamics

#include "kernels/dynamics/driving_expert.h"
