// Pictures of robots that MuJoCo simulates: what is where, and in front of what.

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <numbers>

#include "algorithms/drawing/convex_hull.h"
#include "algorithms/drawing/film.h"
#include "algorithms/drawing/raster_canvas.h"
#include "algorithms/experts.h"
#include "algorithms/rollout.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "engine/file_bytes.h"
#include "kernels/error.h"
#include "temporary_folder.h"
#include "tests/every_device.h"

namespace mynah {
namespace {

using testing::HasSubstr;

constexpr double elevation = 0.2;  // the camera's, in radians
constexpr Color red{255, 0, 0}, blue{0, 0, 255};

TEST(ConvexHull, HasTheOuterCornersInTurn) {
  const std::vector<Point> hull =
      convex_hull({{1.0, 1.0}, {0.0, 0.0}, {2.0, 0.0}, {1.0, 0.0}, {2.0, 2.0}, {0.0, 2.0}, {0.0, 0.0}, {0.5, 1.5}});
  ASSERT_EQ(hull.size(), 4u);
  const std::vector<Point> expected{{0.0, 0.0}, {2.0, 0.0}, {2.0, 2.0}, {0.0, 2.0}};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(hull[i].x, expected[i].x) << i;
    EXPECT_EQ(hull[i].y, expected[i].y) << i;
  }
  EXPECT_EQ(convex_hull({{3.0, 1.0}, {3.0, 1.0}}).size(), 1u);
  EXPECT_LT(convex_hull({{0.0, 0.0}, {1.0, 1.0}, {2.0, 2.0}}).size(), 3u);
  EXPECT_TRUE(convex_hull({}).empty());
}

class RobotPicture : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
  }

  /// The picture of a cart that slides along x and up along z, with these geoms on it. It starts at (0, 0, 1).
  RasterCanvas cart_with(const std::string& geoms, double x = 0.0, double z = 0.0, const std::string& more = "") {
    const std::filesystem::path model = folder_ / "cart.xml";
    std::ofstream(model) << "<mujoco>" << more
                         << "<worldbody><geom type='plane' size='3 3 1'/><body pos='0 0 1'>"
                            "<joint type='slide' axis='1 0 0'/><joint type='slide' axis='0 0 1'/>"
                         << geoms << "</body></worldbody></mujoco>";
    TaskDescription task;
    task.name = "Cart-v0";
    task.model = model.string();
    task.step_seconds = 0.02;
    return drawn(task, {0.0, 0.0, x, z});
  }

  static RasterCanvas drawn(const TaskDescription& task, const std::vector<double>& state) {
    const auto picture = make_picture(task);
    RasterCanvas canvas(picture->view(), paper);
    picture->draw_background(canvas);
    picture->draw({state, {}, 0, 0}, canvas);
    return canvas;
  }

  /// Of the pixels of a colour: their mean, and their area, in the world's units.
  struct Seen {
    Point center;
    double area = 0.0;
  };
  static Seen seen(const RasterCanvas& canvas, Color color) {
    double x = 0.0, y = 0.0, count = 0.0;
    for (int row = 0; row < canvas.height(); ++row) {
      for (int column = 0; column < canvas.width(); ++column) {
        if (!(canvas.at(column, row) == color)) continue;
        x += column + 0.5, y += row + 0.5, count += 1.0;
      }
    }
    const double scale = canvas.view().pixels_per_unit();
    return {{canvas.view().left + x / count / scale, canvas.view().top - y / count / scale}, count / (scale * scale)};
  }

  /// What is seen of one red geom.
  Seen geom(const std::string& attributes, const std::string& more = "") {
    return seen(cart_with("<geom rgba='1 0 0 1' " + attributes + "/>", 0.0, 0.0, more), red);
  }

  TemporaryFolder folder_;
};

TEST_F(RobotPicture, GeomsHaveTheirOutlines) {
  const double c = std::cos(elevation), s = std::sin(elevation), pi = std::numbers::pi;
  const auto expect_area = [](const Seen& what, double area) { EXPECT_NEAR(what.area, area, 0.04 * area); };
  expect_area(geom("type='sphere' size='0.3'"), pi * 0.09);
  expect_area(geom("type='capsule' size='0.1 0.3'"), 0.2 * 0.6 * c + pi * 0.01);
  expect_area(geom("type='capsule' size='0.1 0.3' euler='90 0 0'"), 0.2 * 0.6 * s + pi * 0.01);
  expect_area(geom("type='box' size='0.3 0.2 0.1'"), 0.6 * (0.2 * c + 0.4 * s));
  expect_area(geom("type='cylinder' size='0.2 0.3'"), 0.4 * 0.6 * c + pi * 0.04 * s);
  expect_area(geom("type='ellipsoid' size='0.3 0.4 0.2'"), pi * 0.3 * std::hypot(0.2 * c, 0.4 * s));
  expect_area(geom("type='mesh' mesh='m'",
                   "<asset><mesh name='m' vertex='-.3 -.2 -.1  .3 -.2 -.1  -.3 .2 -.1  .3 .2 -.1 "
                   "-.3 -.2 .1  .3 -.2 .1  -.3 .2 .1  .3 .2 .1'/></asset>"),
              0.6 * (0.2 * c + 0.4 * s));
  // To the side, away and up.
  const Point center = geom("type='box' size='0.1 0.1 0.1' pos='0.2 0.3 0.1'").center;
  EXPECT_NEAR(center.x, 0.2, 0.005);
  EXPECT_NEAR(center.y, 0.1 * c + 0.3 * s, 0.005);
}

TEST_F(RobotPicture, WhatIsNearerIsInFront) {
  const std::string far = "<geom type='sphere' size='0.2' pos='0 0.3 0' rgba='1 0 0 1'/>";
  const std::string near = "<geom type='sphere' size='0.2' pos='0 -0.3 0.1' rgba='0 0 1 1'/>";
  const double whole = std::numbers::pi * 0.04;
  for (const std::string& both : {far + near, near + far}) {
    const RasterCanvas canvas = cart_with(both);
    EXPECT_NEAR(seen(canvas, blue).area, whole, 0.005);
    EXPECT_LT(seen(canvas, red).area, 0.5 * whole);
  }
}

TEST_F(RobotPicture, FollowsAlongTheGroundAndShowsHeight) {
  const std::string box =
      "<geom type='box' size='0.1 0.1 0.1' rgba='1 0 0 1'/><geom type='sphere' size='0.02' pos='0 0 -0.9'/>";
  const RasterCanvas start = cart_with(box), ahead = cart_with(box, 7.1), jump = cart_with(box, 0.0, 0.3);
  EXPECT_NEAR(seen(start, red).center.x, 0.0, 0.005);
  EXPECT_NEAR(seen(ahead, red).center.x, 0.0, 0.005);
  EXPECT_NEAR(seen(ahead, red).center.y, seen(start, red).center.y, 0.005);
  constexpr Color ground{228, 230, 224};
  EXPECT_GT(seen(start, ground).area, 0.3);
  EXPECT_NEAR(seen(ahead, ground).area, seen(start, ground).area, 0.05) << "planes have no end";
  EXPECT_FALSE(start.pixels_drawn() == ahead.pixels_drawn()) << "the lines of the ground go by";
  EXPECT_NEAR(seen(jump, red).center.y - seen(start, red).center.y, 0.3 * std::cos(elevation), 0.005);
}

TEST_F(RobotPicture, ColoursAreTheGeomsOwnElseOfTheirMaterial) {
  const std::string assets = "<asset><material name='paint' rgba='0 0 1 1'/></asset>";
  const std::string geom = "<geom type='sphere' size='0.2' material='paint' ";
  EXPECT_GT(seen(cart_with(geom + "/>", 0.0, 0.0, assets), blue).area, 0.1);
  EXPECT_GT(seen(cart_with(geom + "rgba='1 0 0 1'/>", 0.0, 0.0, assets), red).area, 0.1);
  EXPECT_EQ(seen(cart_with("<geom type='sphere' size='0.2' rgba='1 0 0 0'/>"), red).area, 0.0) << "transparent";
  EXPECT_EQ(seen(cart_with("<geom type='sphere' size='0.2' rgba='1 0 0 1' group='3'/>"), red).area, 0.0) << "hidden";
}

TEST_F(RobotPicture, ShowsTheTasksState) {
  const auto task = make_task(std::string(MYNAH_SOURCE_DIR) + "/tests/data/swing.toml");
  std::vector<double> state(static_cast<std::size_t>(task->description().state_size), 0.0);
  for (const double angle : {0.0, 0.7, -2.0}) {
    state[2] = angle;
    // The rod hangs from the picture's middle; its colour is MuJoCo's gray.
    const Point center = seen(drawn(task->description(), state), {128, 128, 128}).center;
    EXPECT_NEAR(center.x, -0.25 * std::sin(angle), 0.005);
    EXPECT_NEAR(center.y, -0.25 * std::cos(angle) * std::cos(elevation), 0.005);
  }
}

TEST_F(RobotPicture, AModelThatIsGoneIsAnError) {
  TaskDescription task;
  task.model = (folder_ / "none.xml").string();
  try {
    make_picture(task);
    ADD_FAILURE() << "a picture of nothing";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("none.xml: there is no such file"));
  }
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class RobotFilm : public tests::EveryDevice {};
MYNAH_ON_EVERY_DEVICE(RobotFilm);

TEST_P(RobotFilm, IsInItsOwnTime) {
  if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)";
  const TemporaryFolder folder;
  const std::string model = std::string(MYNAH_SOURCE_DIR) + "/tests/data/walker.xml";
  const auto task = make_task("walker2d", {.fixed_horizon = true, .max_steps = 100, .model = model});
  Stream stream(device_), host{DeviceId{}};
  film_episodes(stream, *task, *make_random_policy(*task, 2), folder / "a.svg", {.episodes = 2, .seed = 2});
  film_episodes(host, *task, *make_random_policy(*task, 2), folder / "b.svg", {.episodes = 2, .seed = 2});
  const std::string svg = read_file_bytes(folder / "a.svg");
  EXPECT_EQ(svg, read_file_bytes(folder / "b.svg"));
  // A film ends where the task's rule would end the episode.
  const auto early = make_task("walker2d", {.max_steps = 100, .model = model});
  const EpisodeOutcomes outcomes =
      run_episodes(host, *early, *make_random_policy(*early, 2), {.episodes = 2, .seed = 2});
  // 125 steps a second, of which every third is shown: 125 / 3 frames a second.
  std::size_t frames = 2;
  double length = 0.0;
  for (const Index steps : outcomes.lengths) {
    const Index shown = (steps + 2) / 3;
    frames += static_cast<std::size_t>(shown);
    length += static_cast<double>(shown + 20) * 3.0 / 125.0;  // the last state for half a second
  }
  EXPECT_EQ(count_of(svg, "<g "), frames);
  EXPECT_THAT(svg, HasSubstr(" dur=\"" + std::to_string(length).substr(0, 4)));
  EXPECT_EQ(count_of(svg, "stroke=\"#6680cc\""), 3 * frames) << "the left leg, 0.4 0.5 0.8";
  film_episodes(host, *task, *make_random_policy(*task, 2), folder / "c.svg", {.seed = 2, .frames_per_second = 100.0});
  EXPECT_EQ(count_of(read_file_bytes(folder / "c.svg"), "<g "), static_cast<std::size_t>(outcomes.lengths[0]) + 1)
      << "every step, where a rate is given";
}

}  // namespace
}  // namespace mynah
