#include "kernels/pooling.h"

#include <numeric>

#include "engine/layers/avg_pool2d.h"
#include "engine/layers/max_pool2d.h"
#include "engine/layers/nearest_upsample.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::PoolingGeometry;
using kernels::UpsamplingGeometry;

struct PoolingCase {
  Index rows = 0;
  PoolingGeometry geometry;
  Layout layout;
};

std::string text_of(const PoolingCase& one) {
  const PoolingGeometry& g = one.geometry;
  const auto pair = [](Index a, Index b) { return std::to_string(a) + "x" + std::to_string(b); };
  return std::to_string(one.rows) + " x " + std::to_string(g.channels) + "x" + pair(g.in_height, g.in_width) +
         " kernel " + pair(g.kernel_height, g.kernel_width) + " stride " + pair(g.stride_height, g.stride_width) +
         " padding " + pair(g.padding_height, g.padding_width) + " dilation " +
         pair(g.dilation_height, g.dilation_width) + text_of(one.layout);
}

/// Windows that overlap, that leave gaps, that end before the image does, that are larger than it with padding alone,
/// that are not square, and images without channels, rows or columns.
std::vector<PoolingCase> pooling_cases(bool dilated) {
  const std::vector<PoolingGeometry> geometries{
      {3, 8, 8, 2, 2, 2, 2, 0, 0, 1, 1},   {2, 7, 9, 2, 2, 2, 2, 0, 0, 1, 1},  {2, 9, 7, 3, 3, 2, 2, 1, 1, 1, 1},
      {1, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1},   {3, 6, 11, 2, 3, 1, 2, 1, 0, 1, 1}, {2, 4, 33, 1, 5, 1, 3, 0, 2, 1, 1},
      {1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1},   {2, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1},  {5, 3, 3, 3, 3, 3, 3, 0, 0, 1, 1},
      {2, 10, 10, 2, 2, 4, 3, 0, 0, 1, 1}, {0, 4, 4, 2, 2, 2, 2, 0, 0, 1, 1},  {2, 0, 4, 2, 2, 2, 2, 1, 1, 1, 1},
      {2, 2, 2, 3, 3, 1, 1, 0, 0, 1, 1},
  };
  const std::vector<PoolingGeometry> with_dilation{
      {2, 9, 8, 2, 2, 1, 1, 0, 0, 2, 3}, {1, 7, 7, 3, 3, 2, 1, 2, 2, 2, 2}, {2, 1, 6, 2, 2, 1, 1, 1, 1, 2, 2}};
  std::vector<PoolingCase> cases;
  std::size_t next = 0;
  for (const Index rows : {1, 2, 5}) {
    for (const PoolingGeometry& geometry : geometries) {
      cases.push_back({rows, geometry, layouts()[next++ % layouts().size()]});
    }
    for (const PoolingGeometry& geometry : with_dilation) {
      if (dilated) cases.push_back({rows, geometry, layouts()[next++ % layouts().size()]});
    }
  }
  cases.push_back({0, geometries[0], {}});
  cases.push_back({33, {4, 6, 6, 2, 2, 2, 2, 0, 0, 1, 1}, {1, 0}});
  cases.push_back({33, {2, 5, 6, 3, 3, 2, 2, 1, 1, 1, 1}, {}});
  return cases;
}

/// What a user has: feature maps behind the first convolutions of a network for images of 32 x 32 and of 84 x 84.
std::vector<PoolingCase> usual_cases() {
  return {{8, {16, 32, 32, 2, 2, 2, 2, 0, 0, 1, 1}, {}}, {1, {32, 84, 84, 3, 3, 2, 2, 1, 1, 1, 1}, {}}};
}

std::vector<PoolingCase> with_usual(std::vector<PoolingCase> cases) {
  for (const PoolingCase& one : usual_cases()) cases.push_back(one);
  return cases;
}

/// Positions as forward leaves them for random images.
std::vector<float> some_positions(const PoolingCase& one) {
  const Index in = one.geometry.in_columns(), out = one.geometry.out_columns();
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<std::size_t>(one.rows * in)), y(static_cast<std::size_t>(one.rows * out));
  for (float& value : x) value = normal(generator);
  std::vector<float> positions(y.size());
  Stream stream{DeviceId{}};
  kernels::max_pooling_forward(stream, one.geometry, {x.data(), one.rows, in}, Matrix{y.data(), one.rows, out},
                               Matrix{positions.data(), one.rows, out});
  return positions;
}

void register_max(Family& family, const PoolingCase& one) {
  const PoolingGeometry geometry = one.geometry;
  const Index rows = one.rows, in = geometry.in_columns(), out = geometry.out_columns();
  const std::string text = text_of(one);
  family.operation("max_pooling_forward", text, [=](Parity& run) {
    const auto x = run.input(rows, in, one.layout);
    const auto y = run.output(rows, out, one.layout), positions = run.output(rows, out, {one.layout.padding, 1});
    run.expect_same([=](const Place& at) {
      kernels::max_pooling_forward(at.stream, geometry, at.matrix(x), at.matrix(y), at.matrix(positions));
    });
  });
  family.parity("max_pooling_forward", text + " without positions", [=](Parity& run) {
    const auto x = run.input(rows, in, one.layout);
    const auto y = run.output(rows, out, one.layout);
    run.expect_same(
        [=](const Place& at) { kernels::max_pooling_forward(at.stream, geometry, at.matrix(x), at.matrix(y)); });
  });
  family.operation("max_pooling_backward", text, [=](Parity& run) {
    const auto positions = run.given(some_positions(one), rows, out, one.layout);
    const auto dy = run.input(rows, out, one.layout);
    const auto dx = run.output(rows, in, one.layout);
    run.expect_same([=](const Place& at) {
      kernels::max_pooling_backward(at.stream, geometry, at.matrix(positions), at.matrix(dy), at.matrix(dx));
    });
  });
  family.operation("max_pooling_tangent", text, [=](Parity& run) {
    const auto positions = run.given(some_positions(one), rows, out, one.layout);
    const auto x_tangent = run.input(rows, in, one.layout);
    const auto y_tangent = run.output(rows, out, one.layout);
    run.expect_same([=](const Place& at) {
      kernels::max_pooling_tangent(at.stream, geometry, at.matrix(positions), at.matrix(x_tangent),
                                   at.matrix(y_tangent));
    });
  });
}

/// Ties, infinities and NaN, with the positions that torch finds for them (tests/pytorch/pooling.py has them as well).
void register_special_values(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  family.parity("max_pooling_forward", "ties, infinities and NaN", [=](Parity& run) {
    const std::vector<float> values{0.0f,     -0.0f, 1.0f,      1.0f, -infinity, -infinity, nan,      2.0f,
                                    infinity, nan,   -infinity, nan,  -infinity, nan,       infinity, infinity};
    const auto x = run.given(values, 1, 16);
    const auto y = run.output(1, 9), positions = run.output(1, 9);
    run.expect_same([=](const Place& at) {
      kernels::max_pooling_forward(at.stream, PoolingGeometry{1, 4, 4, 2, 2, 1, 1, 0, 0, 1, 1}, at.matrix(x),
                                   at.matrix(y), at.matrix(positions));
    });
  });
}

void register_average(Family& family, const PoolingCase& one) {
  const PoolingGeometry geometry = one.geometry;
  const Index rows = one.rows, in = geometry.in_columns(), out = geometry.out_columns();
  family.operation("average_pooling_forward", text_of(one), [=](Parity& run) {
    const auto x = run.input(rows, in, one.layout);
    const auto y = run.output(rows, out, one.layout);
    run.expect_same(
        [=](const Place& at) { kernels::average_pooling_forward(at.stream, geometry, at.matrix(x), at.matrix(y)); });
  });
  family.operation("average_pooling_backward", text_of(one), [=](Parity& run) {
    const auto dy = run.input(rows, out, one.layout);
    const auto dx = run.output(rows, in, one.layout);
    run.expect_same(
        [=](const Place& at) { kernels::average_pooling_backward(at.stream, geometry, at.matrix(dy), at.matrix(dx)); });
  });
}

void register_upsampling(Family& family) {
  std::vector<std::pair<Index, UpsamplingGeometry>> cases{{0, {2, 3, 3, 2, 2}}, {8, {16, 16, 16, 2, 2}}};
  for (const Index rows : {1, 3}) {
    for (const Index channels : {0, 1, 3}) {
      for (const UpsamplingGeometry& geometry : {UpsamplingGeometry{channels, 4, 4, 2, 2},
                                                 {channels, 5, 3, 1, 1},
                                                 {channels, 1, 1, 3, 5},
                                                 {channels, 3, 7, 2, 1},
                                                 {channels, 7, 2, 1, 3},
                                                 {channels, 2, 17, 3, 4},
                                                 {channels, 0, 3, 2, 2}}) {
        cases.emplace_back(rows, geometry);
      }
    }
  }
  std::size_t next = 0;
  for (const auto& [rows_of_case, geometry_of_case] : cases) {
    const Index rows = rows_of_case;
    const UpsamplingGeometry geometry = geometry_of_case;
    const Layout layout = layouts()[next++ % layouts().size()];
    const std::string text = std::to_string(rows) + " x " + std::to_string(geometry.channels) + "x" +
                             std::to_string(geometry.in_height) + "x" + std::to_string(geometry.in_width) + " by " +
                             std::to_string(geometry.factor_height) + "x" + std::to_string(geometry.factor_width) +
                             text_of(layout);
    family.operation("nearest_upsampling_forward", text, [=](Parity& run) {
      const auto x = run.input(rows, geometry.in_columns(), layout);
      const auto y = run.output(rows, geometry.out_columns(), layout);
      run.expect_same([=](const Place& at) {
        kernels::nearest_upsampling_forward(at.stream, geometry, at.matrix(x), at.matrix(y));
      });
    });
    family.operation("nearest_upsampling_backward", text, [=](Parity& run) {
      const auto dy = run.input(rows, geometry.out_columns(), layout);
      const auto dx = run.output(rows, geometry.in_columns(), layout);
      run.expect_same([=](const Place& at) {
        kernels::nearest_upsampling_backward(at.stream, geometry, at.matrix(dy), at.matrix(dx));
      });
    });
  }
}

/// Values that are all far from each other, so that a difference's step makes no other one the largest.
void spread(const std::string& name, Doubles& values) {
  if (name != "input0") return;
  std::vector<double> all(static_cast<std::size_t>(values.rows() * values.columns()));
  std::iota(all.begin(), all.end(), 0.0);
  std::shuffle(all.begin(), all.end(), std::mt19937(9));
  for (Index m = 0; m < values.rows(); ++m) {
    for (Index c = 0; c < values.columns(); ++c) {
      values.at(m, c) = 0.1 * all[static_cast<std::size_t>(m * values.columns() + c)];
    }
  }
}

void register_layer(Family& family, const std::vector<std::string>& subjects, const std::string& name,
                    const std::shared_ptr<const Layer>& layer, Index columns) {
  for (const Index rows : {0, 1, 3}) {
    LayerCase one;
    one.layer = layer;
    one.rows = rows;
    one.input_columns = {columns};
    one.prepare = spread;
    one.padding = rows;
    const std::string text = std::to_string(rows) + " rows, " + name;
    family.gradient(subjects, text, [=] { return differentiable(one); });
    family.check(Aspect::tangent, subjects, text + " null views", [=] { expect_null_views(one); });
  }
}

const std::vector<std::string> max_subjects{"max pool 2d layer", "max_pooling_forward", "max_pooling_backward",
                                            "max_pooling_tangent"};
const std::vector<std::string> average_subjects{"avg pool 2d layer", "average_pooling_forward",
                                                "average_pooling_backward"};
const std::vector<std::string> upsampling_subjects{"nearest upsample layer", "nearest_upsampling_forward",
                                                   "nearest_upsampling_backward"};

void register_layers(Family& family) {
  for (const MaxPool2dOptions& options : {MaxPool2dOptions{2, 4, 6},
                                          {1, 5, 7, 3, Extent2d{2, 1}, 1},
                                          {2, 5, 4, {2, 1}, 1, {1, 0}},
                                          {1, 6, 7, 2, 1, 0, {2, 3}},
                                          {1, 3, 4, 2, 1, 1, 2}}) {
    const std::string name = std::to_string(options.in_height) + "x" + std::to_string(options.in_width);
    register_layer(family, max_subjects, name, std::make_shared<MaxPool2d>(options),
                   options.channels * options.in_height * options.in_width);
  }
  for (const AvgPool2dOptions& options :
       {AvgPool2dOptions{2, 4, 6}, {1, 5, 7, 3, Extent2d{2, 1}, 1}, {2, 6, 4, {2, 1}, Extent2d{3, 2}, {1, 0}}}) {
    const std::string name = std::to_string(options.in_height) + "x" + std::to_string(options.in_width);
    register_layer(family, average_subjects, name, std::make_shared<AvgPool2d>(options),
                   options.channels * options.in_height * options.in_width);
  }
  for (const NearestUpsampleOptions& options :
       {NearestUpsampleOptions{2, 2, 3}, {1, 3, 2, {1, 3}}, {1, 1, 1, {3, 2}}}) {
    const std::string name = std::to_string(options.in_height) + "x" + std::to_string(options.in_width);
    register_layer(family, upsampling_subjects, name, std::make_shared<NearestUpsample>(options),
                   options.channels * options.in_height * options.in_width);
  }
  family.check(Aspect::gradient, {"max pool 2d layer", "avg pool 2d layer", "nearest upsample layer"}, "misuse", [] {
    const auto columns = [](const Layer& layer, const std::vector<Index>& inputs) {
      return layer.output_columns(inputs);
    };
    EXPECT_EQ(columns(MaxPool2d({2, 4, 6}), {48}), 12);
    EXPECT_EQ(columns(NearestUpsample({2, 4, 6}), {48}), 192);
    EXPECT_THROW(columns(MaxPool2d({2, 4, 6}), {47}), Error);
    EXPECT_THROW(columns(AvgPool2d({2, 4, 6}), {48, 48}), Error);
    EXPECT_THROW(columns(NearestUpsample({2, 4, 6}), {24}), Error);
    EXPECT_THROW(MaxPool2d({2, 4, 6, 2, 2, 2}), Error);         // more padding than half of the window
    EXPECT_THROW(MaxPool2d({2, 4, 6, 5}), Error);               // larger than the image
    EXPECT_THROW(MaxPool2d({2, 4, 6, 2, Extent2d(0)}), Error);  // no stride
    EXPECT_THROW(MaxPool2d({1, 1, 4, 2, 1, 1, 2}), Error);      // windows around the one row
    EXPECT_THROW(MaxPool2d({1, 4097, 4096}), Error);            // positions beyond 2^24
    EXPECT_THROW(MaxPool2d({1, 4, 6, 2, Extent2d(Index{1} << 32)}), Error);
    EXPECT_THROW(AvgPool2d({0, 4, 6}), Error);
    EXPECT_THROW(AvgPool2d({2, 4, 6, 0}), Error);
    EXPECT_THROW(NearestUpsample({2, 4, 6, 0}), Error);
  });
}

void register_pytorch(Family& family) {
  const std::vector<std::string> max_first{max_subjects.begin(), max_subjects.end() - 1};
  for (const auto& [name, options] : {std::pair<const char*, MaxPool2dOptions>{"max", {3, 6, 8}},
                                      {"max_overlapping", {2, 9, 7, 3, Extent2d(2), 1}},
                                      {"max_dilated", {2, 8, 9, {2, 3}, Extent2d(1, 2), {1, 0}, {2, 1}}},
                                      {"max_ties", {2, 5, 5, 3, Extent2d(1), 1}}}) {
    family.pytorch(max_first, name, [options = options](PyTorchCase& dump) { dump.expect_layer(MaxPool2d(options)); });
  }
  for (const auto& [name, options] : {std::pair<const char*, AvgPool2dOptions>{"average", {3, 6, 8}},
                                      {"average_overlapping", {2, 9, 7, 3, Extent2d(2), 1}},
                                      {"average_skinny", {1, 4, 9, {1, 4}, Extent2d(2, 3), {0, 2}}}}) {
    family.pytorch(average_subjects, name,
                   [options = options](PyTorchCase& dump) { dump.expect_layer(AvgPool2d(options)); });
  }
  for (const auto& [name, options] :
       {std::pair<const char*, NearestUpsampleOptions>{"nearest", {3, 4, 2}}, {"nearest_unequal", {1, 3, 4, {3, 2}}}}) {
    family.pytorch(upsampling_subjects, name,
                   [options = options](PyTorchCase& dump) { dump.expect_layer(NearestUpsample(options)); });
  }
  family.pytorch({"max_pooling_forward", "max_pooling_tangent"}, "max_special", [](PyTorchCase& dump) {
    const PoolingGeometry geometry{1, 4, 4, 2, 2, 1, 1, 0, 0, 1, 1};
    const Matrix x = dump.matrix("x"), y = dump.output(1, 9), positions = dump.output(1, 9);
    kernels::max_pooling_forward(dump.stream(), geometry, x, y, positions);
    dump.expect("y", y);
    dump.expect("positions", positions);
    const Matrix y_tangent = dump.output(1, 9);
    kernels::max_pooling_tangent(dump.stream(), geometry, positions, dump.matrix("tangent"), y_tangent);
    dump.expect("y_tangent", y_tangent);
  });
}

const Family pooling("pooling", [](Family& family) {
  for (const PoolingCase& one : with_usual(pooling_cases(true))) register_max(family, one);
  for (const PoolingCase& one : with_usual(pooling_cases(false))) register_average(family, one);
  register_special_values(family);
  register_upsampling(family);
  register_layers(family);
  register_pytorch(family);
});

}  // namespace
}  // namespace mynah::tests
