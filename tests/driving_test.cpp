// kernels/dynamics/driving.h: geometry against closed forms and against brute force in the plane.

#include "kernels/dynamics/driving.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "algorithms/experts.h"
#include "algorithms/rollout.h"

namespace mynah {
namespace {

using dynamics::Driving;
using dynamics::RandomWords;

using State = std::array<double, Driving::state_size>;

State start(std::uint64_t episode) {
  RandomWords words(random_key(21, RandomStream::task), episode);
  State state{};
  Driving{}.reset(words, state.data());
  return state;
}

void make_straight(State& state) {
  for (Index i = 0; i < dynamics::DrivingRoad::waves; ++i)
    state[static_cast<std::size_t>(Driving::road_at + 3 * i)] = 0.0;
}

void remove_obstacles(State& state) {
  for (std::size_t i = Driving::obstacles_at; i < state.size(); i += 2) state[i] = 1e6;
}

dynamics::StepOutcome step(State& state, float steering, float throttle) {
  const float action[2] = {steering, throttle};
  return Driving{}.step(state.data(), action);
}

struct Point {
  double x, y;
};
double distance(Point a, Point b) {
  return std::hypot(a.x - b.x, a.y - b.y);
}

/// The road's middle in the plane by steps of 5 cm, from 60 m before `around` to 60 m behind it, with its direction.
class Plane {
 public:
  static constexpr double spacing = 0.05;

  Plane(const State& state, double around) : first_(around - 60.0) {
    const dynamics::DrivingRoad road = Driving::road_of(state.data());
    Point at{0.0, 0.0};
    for (int i = 0; i <= 2400; ++i) {
      const double s = first_ + spacing * i;
      points_.push_back(at);
      directions_.push_back(road.direction(s));
      const double middle = road.direction(s + 0.5 * spacing);
      at = {at.x + spacing * std::cos(middle), at.y + spacing * std::sin(middle)};
    }
  }

  /// The point with road coordinates (s, offset).
  Point place(double s, double offset) const {
    const auto i = static_cast<std::size_t>((s - first_) / spacing);
    const double rest = s - first_ - spacing * static_cast<double>(i);
    const double direction = directions_[i] + (directions_[i + 1] - directions_[i]) * rest / spacing;
    return {points_[i].x + rest * std::cos(directions_[i]) - offset * std::sin(direction),
            points_[i].y + rest * std::sin(directions_[i]) + offset * std::cos(direction)};
  }
  double direction(double s) const { return directions_[static_cast<std::size_t>((s - first_) / spacing)]; }
  /// How far a point is from the road's middle.
  double offset(Point p) const {
    double least = 1e9;
    for (const Point& q : points_) least = std::min(least, distance(p, q));
    return least;
  }

 private:
  double first_;
  std::vector<Point> points_;
  std::vector<double> directions_;
};

/// An obstacle that the plane reaches.
std::vector<Point> obstacles_of(const State& state, const Plane& plane, double around) {
  std::vector<Point> obstacles;
  for (std::size_t j = Driving::obstacles_at; j < state.size(); j += 2) {
    if (std::abs(state[j] - around) < 55.0) obstacles.push_back(plane.place(state[j], state[j + 1]));
  }
  return obstacles;
}

TEST(DrivingPhysics, ConstantSteeringGoesRoundOnACircle) {
  for (const double steering : {0.1, 0.35, -0.25}) {
    State state = start(0);
    make_straight(state);
    remove_obstacles(state);
    state[1] = state[2] = 0.0;
    state[3] = 3.0;
    state[4] = steering;
    const double radius = Driving::wheelbase / std::tan(steering);
    for (int i = 1; i <= 40; ++i) {
      step(state, static_cast<float>(steering / Driving::max_steering), 0.0f);
      const double angle = 3.0 * 0.1 * i / radius;
      // The action is a float, so the steering angle moves by some 1e-8 in the first step.
      EXPECT_NEAR(state[0], radius * std::sin(angle), 2e-6) << "steering " << steering << ", step " << i;
      EXPECT_NEAR(state[1], radius * (1.0 - std::cos(angle)), 2e-6);
      EXPECT_NEAR(state[2], angle, 1e-6);
    }
  }
}

TEST(DrivingPhysics, TheCircleIsOneInThePlaneOfAWindingRoadToo) {
  for (std::uint64_t episode = 0; episode < 5; ++episode) {
    State state = start(episode);
    remove_obstacles(state);
    state[0] = 100.0;
    state[1] = state[2] = 0.0;
    state[3] = 5.0;
    state[4] = 0.1;
    const Plane plane(state, 100.0);
    const double radius = Driving::wheelbase / std::tan(0.1);
    const double first = plane.direction(100.0);
    const Point origin = plane.place(100.0, 0.0);
    const Point center{origin.x - radius * std::sin(first), origin.y + radius * std::cos(first)};
    for (int i = 0; i < 15; ++i) {
      step(state, 0.2f, 0.0f);
      EXPECT_NEAR(distance(plane.place(state[0], state[1]), center), radius, 1e-4);
    }
  }
}

TEST(DrivingPhysics, GripLimitsHowSharplyACarTurns) {
  State state = start(1);
  make_straight(state);
  remove_obstacles(state);
  state[1] = state[2] = 0.0;
  state[3] = 15.0;
  state[4] = 0.4;
  step(state, 0.8f, 0.0f);
  EXPECT_NEAR(state[2], 0.1 * Driving::grip / 15.0, 1e-9);
}

TEST(DrivingPhysics, SpeedAndSteeringKeepToTheirLimits) {
  State state = start(2);
  make_straight(state);
  remove_obstacles(state);
  state[3] = 10.0;
  const double before = state[4];
  step(state, 5.0f, 9.0f);
  EXPECT_NEAR(state[4] - before, 0.08, 1e-12);
  EXPECT_NEAR(state[3], 10.3, 1e-12);
  step(state, 0.0f, -9.0f);
  EXPECT_NEAR(state[3], 9.7, 1e-12);
  for (int i = 0; i < 30; ++i) step(state, 0.0f, -1.0f);
  EXPECT_EQ(state[3], 0.0);
  const double stood = state[0];
  EXPECT_EQ(step(state, 0.0f, 0.0f).reward, -0.01 * state[1] * state[1]);
  EXPECT_EQ(state[0], stood);
  for (int i = 0; i < 100; ++i) step(state, 0.0f, 1.0f);
  EXPECT_EQ(state[3], Driving::max_speed);
}

TEST(DrivingPhysics, RewardIsProgressMinusCosts) {
  State state = start(3);
  make_straight(state);
  remove_obstacles(state);
  state[1] = 0.5;
  state[2] = 0.0;
  state[3] = 10.0;
  EXPECT_NEAR(step(state, 0.0f, 0.0f).reward, 0.1 * 1.0 - 0.01 * 0.25, 1e-12);
  EXPECT_NEAR(step(state, 0.08f, 0.0f).reward, 0.1 - 0.01 * 0.25 - 0.02 * 0.25, 1e-3);
  state[1] = 3.99;
  state[2] = 0.3;
  const dynamics::StepOutcome left = step(state, 0.0f, 0.0f);
  EXPECT_TRUE(left.terminated);
  EXPECT_NEAR(left.reward, 0.1 * std::cos(0.3) - 10.0 - 0.01 * state[1] * state[1] - 0.02 * 0.25, 1e-2);
}

TEST(DrivingPhysics, CollisionsAreThoseOfARectangleAndADisc) {
  const double r = Driving::obstacle_radius;
  // The nearest that does not touch, and what is a little nearer.
  const double edge = std::sqrt(0.5) * r;
  const Point at[] = {{Driving::car_front + r, 0.3},
                      {-Driving::car_back - r, -0.9},
                      {1.0, Driving::car_half_width + r},
                      {3.0, -Driving::car_half_width - r},
                      {Driving::car_front + edge, Driving::car_half_width + edge},
                      {-Driving::car_back - edge, -Driving::car_half_width - edge}};
  for (const Point& p : at) {
    const double length = std::hypot(p.x - 1.35, p.y);
    const double x = (p.x - 1.35) / length * 1e-9, y = p.y / length * 1e-9;
    EXPECT_FALSE(Driving::touches_car(p.x + x, p.y + y)) << p.x << " " << p.y;
    EXPECT_TRUE(Driving::touches_car(p.x - x, p.y - y)) << p.x << " " << p.y;
  }
  EXPECT_TRUE(Driving::touches_car(1.0, 0.0));
}

/// Whether a disc touches the car, from points of the car's outline 1 mm apart.
bool touches_by_brute_force(Point obstacle, Point rear, double heading) {
  const auto inside = [&](double x, double y) {
    const Point p{rear.x + x * std::cos(heading) - y * std::sin(heading),
                  rear.y + x * std::sin(heading) + y * std::cos(heading)};
    return distance(p, obstacle) < Driving::obstacle_radius;
  };
  for (int i = 0; i <= 4700; ++i) {
    const double x = -Driving::car_back + 0.001 * i;
    if (inside(x, Driving::car_half_width) || inside(x, -Driving::car_half_width)) return true;
  }
  for (int i = 0; i <= 1800; ++i) {
    const double y = -Driving::car_half_width + 0.001 * i;
    if (inside(-Driving::car_back, y) || inside(Driving::car_front, y)) return true;
  }
  return false;
}

TEST(DrivingPhysics, CollisionsOnAWindingRoadAreThoseOfThePlane) {
  int hits = 0, misses = 0, unlike = 0;
  for (std::uint64_t episode = 0; episode < 20; ++episode) {
    State state = start(episode);
    RandomWords words(random_key(1, RandomStream::test), episode);
    const auto j = static_cast<std::size_t>(Driving::obstacles_at + 2 * words.below(Driving::obstacles));
    const Plane plane(state, state[j]);
    for (int i = 0; i < 20; ++i) {
      state[0] = state[j] + 6.0 * words.symmetric();
      state[1] = 3.5 * words.symmetric();
      state[2] = 0.7 * words.symmetric();
      const bool hit = Driving::hits_obstacle(state.data());
      (hit ? hits : misses) += 1;
      const double heading = plane.direction(state[0]) + state[2];
      unlike +=
          hit != touches_by_brute_force(plane.place(state[j], state[j + 1]), plane.place(state[0], state[1]), heading);
    }
  }
  EXPECT_GT(hits, 60);
  EXPECT_GT(misses, 60);
  EXPECT_EQ(unlike, 0);
}

TEST(DrivingPhysics, RangesEndAtTheFirstEdgeOrObstacle) {
  int at_edges = 0, at_obstacles = 0, at_none = 0;
  for (std::uint64_t episode = 0; episode < 8; ++episode) {
    State state = start(episode);
    RandomWords words(random_key(2, RandomStream::test), episode);
    state[0] = words.between(10.0, 400.0);
    state[1] = 3.0 * words.symmetric();
    state[2] = 0.5 * words.symmetric();
    if (Driving::hits_obstacle(state.data())) continue;
    float observation[Driving::observation_size];
    Driving{}.observe(state.data(), observation);
    const Plane plane(state, state[0]);
    const std::vector<Point> obstacles = obstacles_of(state, plane, state[0]);
    const Point rear = plane.place(state[0], state[1]);
    const double heading = plane.direction(state[0]) + state[2];
    const Point sensor{rear.x + Driving::sensor_at * std::cos(heading),
                       rear.y + Driving::sensor_at * std::sin(heading)};
    for (Index ray = 0; ray < Driving::rays; ++ray) {
      const double angle = heading + Driving::pi / 180.0 * Driving::ray_degrees(ray);
      const auto range = static_cast<double>(observation[4 + Driving::previews + ray]);
      const auto at = [&](double length) {
        return Point{sensor.x + length * std::cos(angle), sensor.y + length * std::sin(angle)};
      };
      const auto to_obstacle = [&](Point p) {
        double least = 1e9;
        for (const Point& q : obstacles) least = std::min(least, distance(p, q));
        return least;
      };
      // Before its end a ray is on the road and in no obstacle; what lies 10 m behind the car it does not see.
      const double backward = -std::cos(angle - plane.direction(state[0]));
      const double seen = backward > 0.0 ? std::min(range, 9.0 / backward) : range;
      for (int i = 0; 0.25 * i < seen - 0.01; ++i) {
        const double length = 0.25 * i;
        ASSERT_LT(plane.offset(at(length)), Driving::half_width + 0.05) << "ray " << ray << " at " << length;
        ASSERT_GT(to_obstacle(at(length)), Driving::obstacle_radius - 1e-3) << "ray " << ray << " at " << length;
      }
      const Point end = at(range);
      if (range == Driving::max_range) {
        ++at_none;
      } else if (std::abs(to_obstacle(end) - Driving::obstacle_radius) < 2e-3) {
        ++at_obstacles;
      } else {
        ++at_edges;
        ASSERT_NEAR(plane.offset(end), Driving::half_width, 0.05) << "ray " << ray;
      }
    }
  }
  EXPECT_GT(at_edges, 50);
  EXPECT_GT(at_obstacles, 8);
  EXPECT_GT(at_none, 3);
}

TEST(DrivingPhysics, RaysAreDenseAhead) {
  std::vector<double> degrees;
  for (Index ray = 0; ray < Driving::rays; ++ray) degrees.push_back(Driving::ray_degrees(ray));
  EXPECT_EQ(degrees, (std::vector<double>{-130, -100, -75, -55, -40, -30, -25, -20, -15, -10, -5, 0,
                                          5,    10,   15,  20,  25,  30,  40,  55,  75,  100, 130}));
}

TEST(DrivingPhysics, RoadsAndObstaclesKeepToTheirRanges) {
  double sharpest = 0.0;
  int left = 0;
  for (std::uint64_t episode = 0; episode < 500; ++episode) {
    const State state = start(episode);
    for (int i = 0; i < 50; ++i) {
      sharpest = std::max(sharpest, std::abs(Driving::road_of(state.data()).curvature(10.0 * i)));
    }
    double last = 0.0;
    for (std::size_t j = Driving::obstacles_at; j < state.size(); j += 2) {
      EXPECT_GT(state[j] - last, j == Driving::obstacles_at ? 32.0 : 24.0);
      EXPECT_GT(std::abs(state[j + 1]), 0.8);
      EXPECT_LT(std::abs(state[j + 1]), 2.2);
      left += state[j + 1] > 0.0 ? 1 : 0;
      last = state[j];
    }
    EXPECT_GT(last, 470.0);  // not reached in 300 steps by anything that has to take bends
  }
  EXPECT_GT(sharpest, 0.035);
  EXPECT_LT(sharpest, 0.04);
  EXPECT_NEAR(left, 3000, 5 * 39);
}

TEST(DrivingExpert, HardlyEverLeavesTheRoadOrHitsAnything) {
  Stream stream(DeviceId{});
  const auto task = make_task("driving");
  RolloutOptions options;
  options.episodes = 200;
  options.seed = 77;
  const EpisodeOutcomes expert = run_episodes(stream, *task, *make_expert(*task), options);
  EXPECT_LE(std::count(expert.terminated.begin(), expert.terminated.end(), 1), 1);
  EXPECT_GT(*std::min_element(expert.returns.begin(), expert.returns.end()), 10.0);
  const EpisodeOutcomes random = run_episodes(stream, *task, *make_random_policy(*task, 1), options);
  EXPECT_GE(std::count(random.terminated.begin(), random.terminated.end(), 1), 150);
}

}  // namespace
}  // namespace mynah
