#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <map>

#include "algorithms/drawing/film.h"
#include "algorithms/drawing/gif_writer.h"
#include "algorithms/drawing/raster_canvas.h"
#include "algorithms/drawing/svg_canvas.h"
#include "algorithms/experts.h"
#include "engine/file_bytes.h"
#include "kernels/dynamics/driving.h"
#include "kernels/error.h"
#include "tests/every_device.h"
#include "tests/temporary_folder.h"

namespace mynah {
namespace {

constexpr Color white{255, 255, 255};
constexpr Color red{255, 0, 0};

/// A GIF, read by the standard's rules and not by the writer's code.
class GifReader {
 public:
  struct Frame {
    int left = 0, top = 0, width = 0, height = 0, hundredths = 0;
    std::vector<Color> shown;  // the whole picture after it
  };

  explicit GifReader(std::string bytes) : bytes_(std::move(bytes)) { read(); }

  int width = 0, height = 0;
  std::vector<Frame> frames;
  bool repeats = false;

 private:
  static std::size_t size_of(int columns, int rows) {
    return static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows);
  }
  int byte() { return static_cast<unsigned char>(bytes_.at(at_++)); }
  int number() {
    const int low = byte();
    return low | byte() << 8;
  }
  std::string blocks() {
    std::string data;
    for (int size = byte(); size > 0; size = byte()) {
      data += bytes_.substr(at_, static_cast<std::size_t>(size));
      at_ += static_cast<std::size_t>(size);
    }
    return data;
  }

  void read() {
    ASSERT_EQ(bytes_.substr(0, 6), "GIF89a");
    at_ = 6;
    width = number(), height = number();
    ASSERT_EQ(byte(), 0xF7) << "a palette of 256 colours";
    at_ += 2;
    for (Color& color : palette_) {
      color.red = static_cast<std::uint8_t>(byte());
      color.green = static_cast<std::uint8_t>(byte());
      color.blue = static_cast<std::uint8_t>(byte());
    }
    shown_.resize(size_of(width, height));
    int hundredths = 0;
    for (int kind = byte(); kind != 0x3B; kind = byte()) {
      if (kind == 0x2C) {
        image(hundredths);
        continue;
      }
      ASSERT_EQ(kind, 0x21);
      const int label = byte();
      const std::string data = blocks();
      if (label == 0xF9)
        hundredths = static_cast<unsigned char>(data.at(1)) | static_cast<unsigned char>(data.at(2)) << 8;
      if (label == 0xFF) repeats = data.substr(0, 11) == "NETSCAPE2.0";
    }
    EXPECT_EQ(at_, bytes_.size());
  }

  void image(int hundredths) {
    Frame frame;
    frame.left = number(), frame.top = number(), frame.width = number(), frame.height = number();
    frame.hundredths = hundredths;
    ASSERT_EQ(byte(), 0);
    const int bits = byte();
    const std::vector<int> indices = decode(blocks(), bits);
    ASSERT_EQ(indices.size(), size_of(frame.width, frame.height));
    std::size_t next = 0;
    for (int row = frame.top; row < frame.top + frame.height; ++row) {
      for (int column = frame.left; column < frame.left + frame.width; ++column, ++next) {
        shown_.at(size_of(width, row) + static_cast<std::size_t>(column)) =
            palette_.at(static_cast<std::size_t>(indices[next]));
      }
    }
    frame.shown = shown_;
    frames.push_back(frame);
  }

  static std::vector<int> decode(const std::string& data, int bits) {
    const int clear = 1 << bits;
    std::vector<std::vector<int>> table;
    std::vector<int> out, before;
    int width_now = 0;
    const auto reset = [&] {
      table.assign(static_cast<std::size_t>(clear) + 2, {});
      for (int i = 0; i < clear; ++i) table[static_cast<std::size_t>(i)] = {i};
      width_now = bits + 1;
      before.clear();
    };
    reset();
    std::size_t position = 0;
    while (true) {
      std::size_t code = 0;
      for (int i = 0; i < width_now; ++i, ++position) {
        const int bit = static_cast<unsigned char>(data.at(position / 8)) >> (position % 8) & 1;
        code |= static_cast<std::size_t>(bit) << i;
      }
      if (code == static_cast<std::size_t>(clear)) {
        reset();
        continue;
      }
      if (code == static_cast<std::size_t>(clear) + 1) return out;
      std::vector<int> text;
      if (code < table.size()) {
        text = table[code];
      } else {
        EXPECT_EQ(code, table.size());
        text = before;
        text.push_back(before.at(0));
      }
      out.insert(out.end(), text.begin(), text.end());
      if (!before.empty() && table.size() < 4096) {
        before.push_back(text.at(0));
        table.push_back(before);
        if (table.size() == std::size_t{1} << width_now && width_now < 12) ++width_now;
      }
      before = text;
    }
  }

  std::string bytes_;
  std::size_t at_ = 0;
  std::array<Color, 256> palette_{};
  std::vector<Color> shown_;
};

TaskDescription task_named(const std::string& name) {
  TaskDescription task;
  task.name = name;
  return task;
}

RasterCanvas drawn(const std::string& task, const std::vector<double>& state) {
  const auto picture = make_picture(task_named(task));
  RasterCanvas canvas(picture->view(), paper);
  picture->draw_background(canvas);
  picture->draw({state, {}, 0, 0}, canvas);
  return canvas;
}

/// Where, in the world, the pixels of a colour lie on average.
Point center_of(const RasterCanvas& canvas, Color color) {
  double x = 0.0, y = 0.0, count = 0.0;
  for (int row = 0; row < canvas.height(); ++row) {
    for (int column = 0; column < canvas.width(); ++column) {
      if (!(canvas.at(column, row) == color)) continue;
      x += column + 0.5, y += row + 0.5, count += 1.0;
    }
  }
  EXPECT_GT(count, 0.0);
  const double scale = canvas.view().pixels_per_unit();
  return {canvas.view().left + x / count / scale, canvas.view().top - y / count / scale};
}

void expect_near(Point point, double x, double y) {
  EXPECT_NEAR(point.x, x, 0.03);
  EXPECT_NEAR(point.y, y, 0.03);
}

TEST(Drawing, ShapesCoverTheirArea) {
  const View view{0.0, 0.0, 10.0, 10.0, 100};  // ten pixels a unit
  const auto area = [&](const auto& draw) {
    RasterCanvas canvas(view, white);
    draw(canvas);
    double sum = 0.0;
    for (const Color& color : canvas.pixels_drawn()) {
      EXPECT_EQ(color.red, 255);
      sum += (255.0 - color.green) / 255.0;
    }
    return sum / 100.0;
  };
  const std::vector<Point> triangle{{1.03, 1.0}, {7.0, 2.0}, {3.0, 8.51}};
  const std::vector<Point> bow{{2.0, 2.0}, {8.0, 8.0}, {8.0, 2.0}, {2.0, 8.0}};
  EXPECT_NEAR(area([&](Canvas& c) { c.polygon(triangle, red); }), 0.5 * std::abs(5.97 * 7.51 - 1.97 * 1.0), 0.05);
  EXPECT_NEAR(area([&](Canvas& c) { c.polygon(bow, red); }), 18.0, 0.15);
  EXPECT_NEAR(area([](Canvas& c) { c.circle({5.0, 5.0}, 2.5, red); }), 3.14159 * 6.25, 0.1);
  EXPECT_NEAR(area([](Canvas& c) { c.line({2.0, 2.0}, {8.0, 5.0}, 1.0, red); }), std::sqrt(45.0) + 3.14159 / 4.0, 0.1);
  EXPECT_NEAR(area([](Canvas& c) { c.circle({10.0, 5.0}, 2.0, red); }), 3.14159 * 2.0, 0.1) << "cut at the edge";
  EXPECT_EQ(area([](Canvas& c) { c.circle({50.0, 5.0}, 2.0, red); }), 0.0) << "outside";
  EXPECT_EQ(area([](Canvas& c) { c.line({-9.0, -9.0}, {-5.0, 20.0}, 1.0, red); }), 0.0) << "outside";
}

TEST(Drawing, PicturesShowTheState) {
  // The pole has length 1 and stands 0.08 above the cart's middle; upright, to the right and to the left.
  for (const double angle : {0.0, 0.2, -0.5}) {
    const double x = angle == 0.0 ? 0.0 : 0.7;
    expect_near(center_of(drawn("CartPole-v1", {x, 0.0, angle, 0.0}), accent), x + 0.52 * std::sin(angle),
                0.1 + 0.5 * std::cos(angle));
  }
  expect_near(center_of(drawn("Pendulum-v1", {0.0, 0.0}), accent), 0.0, 0.52);
  expect_near(center_of(drawn("Pendulum-v1", {1.5708, 0.0}), accent), -0.52, 0.0);
  expect_near(center_of(drawn("Acrobot-v1", {0.0, 0.0, 0.0, 0.0}), accent), 0.0, -1.55);
  expect_near(center_of(drawn("Acrobot-v1", {1.5708, 1.5708, 0.0, 0.0}), accent), 1.0, 0.55);
  const double valley = -0.5236;  // where the road is level, at height 0.1
  expect_near(center_of(drawn("MountainCar-v0", {valley, 0.0}), ink), valley, 0.15);
  const Point first_flag = center_of(drawn("MountainCar-v0", {valley, 0.0}), accent);
  const Point second_flag = center_of(drawn("MountainCarContinuous-v0", {valley, 0.0}), accent);
  EXPECT_NEAR(first_flag.x - second_flag.x, 0.05, 0.01);
  expect_near(center_of(drawn("PointMaze-v0", {0.3, -0.5, 0.0, 0.0}), accent_deep), 0.3, -0.5);
  // Row 2, column 5 of 8 x 8 cells.
  expect_near(center_of(drawn("GridWorld-v0", {2.0, 5.0}), ink), 5.5, 5.5);
  try {
    make_picture(task_named("Other-v0"));
    ADD_FAILURE() << "a task without a picture";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("Other-v0"), testing::HasSubstr("CartPole-v1")));
  }
}

TEST(Drawing, TheMazesWallHasItsOpeningWhereTheTaskHasIt) {
  for (const char* side : {"left", "right"}) {
    TaskDescription task = task_named("PointMaze-v0");
    task.parameters["opening"] = side;
    const auto picture = make_picture(task);
    RasterCanvas canvas(picture->view(), paper);
    picture->draw_background(canvas);
    const auto at = [&](double x) { return canvas.at(static_cast<int>((x + 1.05) / 2.1 * 400), 200); };
    EXPECT_TRUE(at(side == std::string("left") ? -0.75 : 0.75) == paper) << side;
    EXPECT_TRUE(at(side == std::string("left") ? 0.75 : -0.75) == ink) << side;
    EXPECT_TRUE(at(0.0) == ink);
  }
}

TEST(Drawing, TheCarPointsUpAndObstaclesLieWhereTheRoadHasThem) {
  using dynamics::Driving;
  std::vector<double> state(Driving::state_size, 0.0);
  dynamics::RandomWords words(random_key(1, RandomStream::task), 0);
  Driving{}.reset(words, state.data());
  for (std::size_t i = 0; i < 2; ++i) state[static_cast<std::size_t>(Driving::road_at) + 3 * i] = 0.0;  // straight
  state[0] = 30.0;
  state[1] = 1.0;
  state[2] = 0.0;
  for (std::size_t j = 0; j < 12; ++j) state[static_cast<std::size_t>(Driving::obstacles_at) + 2 * j] = 1000.0;
  state[Driving::obstacles_at] = 50.0;
  state[Driving::obstacles_at + 1] = -2.0;
  std::vector<float> observation(Driving::observation_size);
  const auto obstacle = [&] {
    Driving{}.observe(state.data(), observation.data());
    const auto picture = make_picture(task_named("Driving-v0"));
    RasterCanvas canvas(picture->view(), paper);
    picture->draw_background(canvas);
    picture->draw({state, observation, 0, 0}, canvas);
    return center_of(canvas, accent);
  };
  const Point ahead = obstacle();  // 20 m ahead, 3 m to the right; a range's line may cross it
  EXPECT_NEAR(ahead.x, 3.0, 0.15);
  EXPECT_NEAR(ahead.y, 20.0, 0.15);
  state[2] = 0.3;  // turned to the left: the obstacle appears further right
  const Point turned = obstacle();
  EXPECT_NEAR(turned.x, 20.0 * std::sin(0.3) + 3.0 * std::cos(0.3), 0.15);
  EXPECT_NEAR(turned.y, 20.0 * std::cos(0.3) - 3.0 * std::sin(0.3), 0.15);
}

TEST(Drawing, GifHoldsEveryPixel) {
  // Noise fills the code table several times over, and stripes make long codes.
  constexpr int width = 97, height = 61;
  std::vector<std::vector<Color>> pictures;
  GifWriter writer(width, height);
  for (int picture = 0; picture < 4; ++picture) {
    std::vector<Color>& pixels = pictures.emplace_back();
    for (std::uint32_t i = 0; i < width * height; ++i) {
      const std::uint32_t word = philox({5, 1}, static_cast<std::uint64_t>(picture), i).x;
      const auto gray = static_cast<std::uint8_t>(picture == 1 ? i % 3 : word % 251);
      pixels.push_back({gray, gray, 7});
    }
    if (picture == 3) {
      pixels = pictures[2];
      for (int column = 10; column < 20; ++column) pixels[5 * width + static_cast<std::size_t>(column)] = {0, 0, 7};
    }
    writer.add(pixels, 3 + picture);
  }
  writer.add(pictures.back(), 9);
  const GifReader gif(writer.bytes());
  EXPECT_EQ(gif.width, width);
  EXPECT_EQ(gif.height, height);
  EXPECT_TRUE(gif.repeats);
  ASSERT_EQ(gif.frames.size(), 5u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(gif.frames[i].shown == pictures[i]) << i;
    EXPECT_EQ(gif.frames[i].hundredths, 3 + static_cast<int>(i));
  }
  EXPECT_EQ(gif.frames[3].top, 5);
  EXPECT_EQ(gif.frames[3].height, 1);
  EXPECT_EQ(gif.frames[4].width, 1) << "nothing changed";
}

TEST(Drawing, GifDataEndsRightAtEveryLength) {
  // The width of a code changes where the last one stands, too.
  std::vector<std::uint8_t> indices;
  for (std::uint32_t i = 0; i < 4500; ++i) {
    indices.push_back(static_cast<std::uint8_t>(philox({6, 1}, 0, i).x % 256));
    const bool near_a_change = i % 256 > 250 || i % 256 < 6;
    if (!near_a_change) continue;
    GifWriter writer(static_cast<int>(indices.size()), 1);
    std::vector<Color> pixels;
    pixels.reserve(indices.size());
    for (const std::uint8_t index : indices) pixels.push_back({index, 0, 0});
    writer.add(pixels, 1);
    const GifReader gif(writer.bytes());
    ASSERT_EQ(gif.frames.size(), 1u);
    ASSERT_TRUE(gif.frames[0].shown == pixels) << indices.size();
  }
}

TEST(Drawing, GifWithTooManyColorsTakesTheNearest) {
  GifWriter writer(300, 1);
  std::vector<Color> pixels;
  pixels.reserve(300);
  for (int i = 0; i < 256; ++i) pixels.push_back({static_cast<std::uint8_t>(i), 0, 0});
  for (int i = 0; i < 44; ++i) pixels.push_back({static_cast<std::uint8_t>(i), 1, 0});
  writer.add(pixels, 1);
  const GifReader gif(writer.bytes());
  EXPECT_EQ(gif.frames.at(0).shown.at(255), (Color{255, 0, 0}));
  EXPECT_EQ(gif.frames.at(0).shown.at(290), (Color{34, 0, 0}));
}

/// Tags open and close in order; returns how often each kind was there. Fails on what is not well formed.
std::map<std::string, int> tags_of(const std::string& xml) {
  std::map<std::string, int> counts;
  std::vector<std::string> open;
  for (std::size_t begin = xml.find('<'); begin != std::string::npos; begin = xml.find('<', begin + 1)) {
    const std::size_t end = xml.find('>', begin);
    EXPECT_NE(end, std::string::npos);
    const std::string tag = xml.substr(begin + 1, end - begin - 1);
    EXPECT_EQ(tag.find('<'), std::string::npos);
    EXPECT_EQ(std::count(tag.begin(), tag.end(), '"') % 2, 0) << tag;
    if (tag.front() == '/') {
      EXPECT_FALSE(open.empty());
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
      continue;
    }
    const std::string name = tag.substr(0, tag.find_first_of(" /"));
    ++counts[name];
    if (tag.back() != '/') open.push_back(name);
  }
  EXPECT_TRUE(open.empty());
  return counts;
}

class FilmOfTask : public testing::Test {
 protected:
  void film(const std::string& name, const FilmOptions& options = {}, const std::string& task_name = "pendulum") {
    const auto task = make_task(task_name);
    const auto expert = make_expert(*task);
    film_episodes(stream_, *task, *expert, folder_ / name, options);
  }
  std::string bytes(const std::string& name) { return read_file_bytes(folder_ / name); }

  Stream stream_{DeviceId{}};
  TemporaryFolder folder_;
};

TEST_F(FilmOfTask, SvgShowsItsFramesInTurn) {
  film("a.svg", {.episodes = 2, .seed = 3});
  const std::string svg = bytes("a.svg");
  const auto tags = tags_of(svg);
  EXPECT_EQ(tags.at("svg"), 1);
  EXPECT_EQ(tags.at("g"), 402) << "200 steps and the start of each episode";
  EXPECT_EQ(tags.at("animate"), 402);
  EXPECT_THAT(svg, testing::HasSubstr("dur=\"21s\"")) << "400 steps of 1/20 s and twice half a second";
  EXPECT_THAT(svg, testing::HasSubstr("values=\"visible;hidden\" keyTimes=\"0;0.00238095\""));
  film("b.svg", {.episodes = 2, .seed = 3});
  EXPECT_EQ(bytes("b.svg"), svg);
}

class FilmOnDevice : public tests::EveryDevice {};
MYNAH_ON_EVERY_DEVICE(FilmOnDevice);

TEST_P(FilmOnDevice, IsThatOfTheEpisode) {
  const TemporaryFolder folder;
  const auto task = make_task("cartpole");
  const auto expert = make_expert(*task);
  Stream stream(device_), host{DeviceId{}};
  film_episodes(stream, *task, *expert, folder / "a.svg", {.seed = 5});
  film_episodes(host, *task, *expert, folder / "b.svg", {.seed = 5});
  const std::string svg = read_file_bytes(folder / "a.svg");
  EXPECT_EQ(svg, read_file_bytes(folder / "b.svg"));
  EXPECT_EQ(tags_of(svg).at("g"), 501);
}

TEST_F(FilmOfTask, GifShowsTheSameEpisodeAsTheStates) {
  film("a.gif", {.seed = 3, .frames_per_second = 30.0});
  const GifReader gif(bytes("a.gif"));
  ASSERT_EQ(gif.frames.size(), 201u);
  int hundredths = 0;
  for (const GifReader::Frame& frame : gif.frames) hundredths += frame.hundredths;
  EXPECT_EQ(hundredths, 717) << "215 frames of 1/30 s";
  // The first frame is the start of episode 0, drawn by itself.
  const auto task = make_task("pendulum");
  double state[2];
  float observation[3], reward = 0.0f;
  double sum = 0.0;
  std::int32_t elapsed = 0, status = 0;
  kernels::EpisodeBatch batch;
  batch.states = {state, 1, 2};
  batch.observations = {observation, 1, 3};
  batch.rewards = {&reward, 1};
  batch.returns = {&sum, 1};
  batch.elapsed = {&elapsed, 1};
  batch.status = {&status, 1};
  task->reset(stream_, 3, 0, batch);
  const RasterCanvas canvas = drawn("Pendulum-v1", {state[0], state[1]});
  EXPECT_TRUE(gif.frames.front().shown == canvas.pixels_drawn());
  EXPECT_FALSE(gif.frames.back().shown == canvas.pixels_drawn());
}

TEST_F(FilmOfTask, ClassicTasksHavePictures) {
  for (const char* name : {"CartPole-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Acrobot-v1"}) {
    film("a.svg", {}, name);
    const auto tags = tags_of(bytes("a.svg"));
    EXPECT_GT(tags.at("g"), 50) << name;
    EXPECT_EQ(tags.at("g"), tags.at("animate")) << name;
  }
}

/// Every grid world that is a task fits a GIF, whose sizes have 16 bits, and a video, whose sizes are even.
TEST(Drawing, PicturesOfGridWorldsHaveSizesThatFilmsCanHave) {
  for (const char* size : {"256x1", "1x256", "64x4", "16", "17x3"}) {
    TaskOptions options;
    options.parameters["size"] = size;
    const View view = make_picture(make_task("gridworld", options)->description())->view();
    for (const int side : {view.width, view.height()}) {
      EXPECT_GE(side, 2) << size;
      EXPECT_LE(side, 1000) << size;
      EXPECT_EQ(side % 2, 0) << size;
    }
  }
}

TEST_F(FilmOfTask, RefusesWhatItCannotDo) {
  const auto refused = [&](const std::string& name, const FilmOptions& options) -> std::string {
    try {
      film(name, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was refused";
  };
  EXPECT_THAT(refused("a.avi", {}), testing::HasSubstr(".gif, .svg or .mp4"));
  EXPECT_THAT(refused("a.gif", {.episodes = 0}), testing::HasSubstr("--record-episodes"));
  EXPECT_THAT(refused("a.gif", {.frames_per_second = 1000.0}), testing::HasSubstr("--fps"));
  EXPECT_THAT(refused("none/a.svg", {}), testing::HasSubstr("none"));
  EXPECT_EQ(folder_.files(), 0u);
}

}  // namespace
}  // namespace mynah
