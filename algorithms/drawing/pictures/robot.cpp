#include <mujoco/mujoco.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "algorithms/drawing/convex_hull.h"
#include "algorithms/drawing/picture.h"
#include "algorithms/tasks/mujoco/robot_layout.h"
#include "algorithms/tasks/mujoco/simulation.h"

namespace mynah {
namespace {

constexpr int last_shown_group = 2;  // MuJoCo's viewer hides groups from 3 on
constexpr Color ground{228, 230, 224};
constexpr Color ground_line{208, 211, 204};

struct Vector {
  double x = 0.0, y = 0.0, z = 0.0;
};

Vector operator+(Vector a, Vector b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
Vector operator*(double s, Vector a) {
  return {s * a.x, s * a.y, s * a.z};
}
double distance(Vector a, Vector b) {
  return std::hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}
Vector vector_at(const mjtNum* values, int index) {
  return {values[3 * index], values[3 * index + 1], values[3 * index + 2]};
}

/// Parallel rays from the side, along y, and from a little above, so that the ground is seen. x points to the right.
struct Camera {
  static constexpr double elevation = 0.2;  // radians

  Vector target;  ///< What is in the picture's origin.

  Point project(Vector p) const {
    return {p.x - target.x, std::cos(elevation) * (p.z - target.z) + std::sin(elevation) * (p.y - target.y)};
  }
  /// Greater is further away.
  static double depth(Vector p) { return std::cos(elevation) * p.y - std::sin(elevation) * p.z; }
};

/// A geom where it stands: x, y, z axes are the columns of its matrix.
struct Shape {
  Vector center;
  std::array<Vector, 3> axes;
  std::array<double, 3> size{};

  Vector at(double x, double y, double z) const { return center + x * axes[0] + y * axes[1] + z * axes[2]; }
};

Color darker(Color color, double factor) {
  const auto scaled = [factor](std::uint8_t value) { return static_cast<std::uint8_t>(std::lround(factor * value)); };
  return {scaled(color.red), scaled(color.green), scaled(color.blue)};
}

/// Points whose convex hull is an ellipsoid (round), a cylinder or a box, with half axes `size`.
void append_points(const Shape& shape, int type, std::vector<Vector>& points) {
  constexpr int around = 24, rings = 8;
  const auto [a, b, c] = shape.size;
  if (type == mjGEOM_BOX) {
    for (const double x : {-a, a}) {
      for (const double y : {-b, b}) {
        for (const double z : {-c, c}) points.push_back(shape.at(x, y, z));
      }
    }
    return;
  }
  const bool cylinder = type == mjGEOM_CYLINDER;
  for (int i = 0; i < around; ++i) {
    const double angle = 2.0 * mjPI * i / around, x = std::cos(angle), y = std::sin(angle);
    if (cylinder) {  // size: radius, half length
      for (const double z : {-b, b}) points.push_back(shape.at(a * x, a * y, z));
      continue;
    }
    for (int ring = 0; ring <= rings; ++ring) {
      const double height = mjPI * ring / rings, radius = std::sin(height);
      points.push_back(shape.at(a * radius * x, b * radius * y, c * std::cos(height)));
    }
  }
}

/// A robot from the side: its geoms, the further ones first, on the ground that moves by. The picture keeps the first
/// body that moves at the same place, except for its height.
///
/// Height fields and tendons are not drawn; meshes are by their convex hulls.
class RobotPicture : public Picture {
 public:
  explicit RobotPicture(const TaskDescription& task)
      : model_(load_mujoco_model(task.model)),
        step_seconds_(task.step_seconds),
        pool_(*model_, task.model),
        lease_(pool_) {
    mj_resetData(model_.get(), &*lease_);
    mj_kinematics(model_.get(), &*lease_);
    for (int body = model_->nbody - 1; body > 0; --body) {
      if (moves(body)) followed_ = body;
    }
    const Vector center = followed();
    height_ = center.z;
    for (int g = 0; g < model_->ngeom; ++g) {
      if (!is_shown(g) || !moves(model_->geom_bodyid[g])) continue;
      reach_ = std::max(reach_, distance(center, shape_of(g).center) + model_->geom_rbound[g]);
    }
  }

  View view() const override { return {-1.6 * reach_, -1.3 * reach_, 1.6 * reach_, 1.1 * reach_, 480}; }
  double steps_per_second() const override { return std::max(1.0, 1.0 / step_seconds_); }

  void draw(const Moment& moment, Canvas& canvas) const override {
    mjData& data = *lease_;
    std::copy_n(moment.state.data() + RobotLayout::positions, model_->nq, data.qpos);
    mj_kinematics(model_.get(), &data);
    const Vector center = followed();
    const Camera camera{{center.x, center.y, height_}};
    std::vector<int> order;
    for (int g = 0; g < model_->ngeom; ++g) {
      if (!is_shown(g)) continue;
      if (model_->geom_type[g] == mjGEOM_PLANE) {
        draw_plane(shape_of(g), camera, canvas);
      } else {
        order.push_back(g);
      }
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return Camera::depth(shape_of(a).center) > Camera::depth(shape_of(b).center);
    });
    for (const int g : order) draw_geom(g, camera, canvas);
  }

 private:
  bool moves(int body) const { return model_->body_weldid[body] != 0; }
  Vector followed() const { return vector_at((*lease_).xpos, followed_); }
  bool is_shown(int geom) const { return model_->geom_group[geom] <= last_shown_group && rgba(geom)[3] > 0.0f; }
  /// A colour of the geom's own goes before its material's. MuJoCo writes gray where a model gives none.
  const float* rgba(int geom) const {
    constexpr std::array<float, 4> none{0.5f, 0.5f, 0.5f, 1.0f};
    const float* own = model_->geom_rgba + 4 * geom;
    const int material = model_->geom_matid[geom];
    return material >= 0 && std::equal(none.begin(), none.end(), own) ? model_->mat_rgba + 4 * material : own;
  }

  Shape shape_of(int geom) const {
    const mjtNum* m = (*lease_).geom_xmat + 9 * geom;
    return {vector_at((*lease_).geom_xpos, geom),
            {{{m[0], m[3], m[6]}, {m[1], m[4], m[7]}, {m[2], m[5], m[8]}}},
            {model_->geom_size[3 * geom], model_->geom_size[3 * geom + 1], model_->geom_size[3 * geom + 2]}};
  }

  /// The part of a plane around the robot, with lines that stay where they are on it. Planes have no end in MuJoCo,
  /// whatever size a model gives.
  void draw_plane(const Shape& plane, const Camera& camera, Canvas& canvas) const {
    const double spacing = std::pow(2.0, std::round(std::log2(0.5 * reach_))), half = 2.0 * reach_;
    const Vector to_target = camera.target + -1.0 * plane.center;
    std::array<double, 2> low{}, high{};
    for (std::size_t i = 0; i < 2; ++i) {
      const Vector& axis = plane.axes[i];
      const double middle = to_target.x * axis.x + to_target.y * axis.y + to_target.z * axis.z;
      low[i] = middle - half;
      high[i] = middle + half;
    }
    const auto at = [&](double x, double y) { return camera.project(plane.at(x, y, 0.0)); };
    const std::array<Point, 4> corners{at(low[0], low[1]), at(high[0], low[1]), at(high[0], high[1]),
                                       at(low[0], high[1])};
    canvas.polygon(corners, ground);
    const double thickness = 1.5 / canvas.view().pixels_per_unit();
    const auto for_each_line = [spacing](double from, double to, const auto& draw) {
      const double first = std::ceil(from / spacing);
      const int count = static_cast<int>((to - from) / spacing) + 1;
      for (int i = 0; i < count; ++i) {
        if (const double value = (first + i) * spacing; value <= to) draw(value);
      }
    };
    for_each_line(low[0], high[0],
                  [&](double x) { canvas.line(at(x, low[1]), at(x, high[1]), thickness, ground_line); });
    for_each_line(low[1], high[1],
                  [&](double y) { canvas.line(at(low[0], y), at(high[0], y), thickness, ground_line); });
  }

  void draw_geom(int geom, const Camera& camera, Canvas& canvas) const {
    const float* values = rgba(geom);
    const auto byte = [](float value) {
      return static_cast<std::uint8_t>(std::lround(255.0f * std::clamp(value, 0.0f, 1.0f)));
    };
    const Color color{byte(values[0]), byte(values[1]), byte(values[2])}, edge = darker(color, 0.6);
    const Shape shape = shape_of(geom);
    const double outline = 1.0 / canvas.view().pixels_per_unit(), radius = shape.size[0];
    const int type = model_->geom_type[geom];
    if (type == mjGEOM_SPHERE) {
      canvas.circle(camera.project(shape.center), radius + outline, edge);
      canvas.circle(camera.project(shape.center), radius, color);
    } else if (type == mjGEOM_CAPSULE) {
      const Point from = camera.project(shape.at(0.0, 0.0, -shape.size[1]));
      const Point to = camera.project(shape.at(0.0, 0.0, shape.size[1]));
      canvas.line(from, to, 2.0 * (radius + outline), edge);
      canvas.line(from, to, 2.0 * radius, color);
    } else if (type != mjGEOM_HFIELD) {
      std::vector<Vector> points;
      if (type == mjGEOM_MESH) {
        append_mesh(model_->geom_dataid[geom], shape, points);
      } else {
        append_points(shape, type, points);
      }
      std::vector<Point> projected;
      projected.reserve(points.size());
      for (const Vector& point : points) projected.push_back(camera.project(point));
      draw_hull(convex_hull(std::move(projected)), outline, color, edge, canvas);
    }
  }

  void append_mesh(int mesh, const Shape& shape, std::vector<Vector>& points) const {
    const float* vertex = model_->mesh_vert + 3 * model_->mesh_vertadr[mesh];
    for (int i = 0; i < model_->mesh_vertnum[mesh]; ++i, vertex += 3) {
      points.push_back(
          shape.at(static_cast<double>(vertex[0]), static_cast<double>(vertex[1]), static_cast<double>(vertex[2])));
    }
  }

  static void draw_hull(const std::vector<Point>& corners, double outline, Color color, Color edge, Canvas& canvas) {
    for (std::size_t i = 0; i < corners.size(); ++i) {
      canvas.line(corners[i], corners[(i + 1) % corners.size()], 2.0 * outline, edge);
    }
    if (corners.size() >= 3) canvas.polygon(corners, color);
  }

  MujocoModel model_;
  double step_seconds_;
  SimulationPool pool_;
  SimulationPool::Lease lease_;
  int followed_ = 0;     ///< The first body that moves.
  double height_ = 0.0;  ///< Its height at the model's own start.
  double reach_ = 0.05;  ///< How far the robot's geoms reach from it there.
};

}  // namespace

std::unique_ptr<Picture> make_robot_picture(const TaskDescription& task) {
  return std::make_unique<RobotPicture>(task);
}

}  // namespace mynah
