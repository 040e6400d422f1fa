#include "kernels/layer_norm.h"

#include <cmath>

#include "engine/layers/layer_norm.h"
#include "kernels/error.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

constexpr float epsilon = 1e-5f;

struct NormCase {
  Index rows = 0, groups = 1, size = 1;
  Layout layout;
  Index columns() const { return groups * size; }
  Index sets() const { return rows * groups; }
};

std::string text_of(const NormCase& shape) {
  return std::to_string(shape.rows) + " x " + std::to_string(shape.groups) + " x " + std::to_string(shape.size) +
         tests::text_of(shape.layout);
}

/// Every way to share a set among threads (4, a warp, a block), with and without 128-bit accesses.
std::vector<NormCase> norm_cases() {
  std::vector<NormCase> cases{{0, 1, 5, {}}, {5, 0, 3, {}}, {0, 0, 4, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 3, 33, 70}) {
    for (const Index size : {1, 3, 4, 16, 17, 20, 32, 63, 64, 257}) {
      cases.push_back({rows, 1, size, layouts()[next++ % layouts().size()]});
    }
  }
  for (const Index size : {3, 4, 17, 36}) {
    cases.push_back({5, 3, size, layouts()[next++ % layouts().size()]});
    cases.push_back({2, 7, size, layouts()[next++ % layouts().size()]});
  }
  cases.push_back({3, 1, 1025, {1, 1}});
  cases.push_back({2, 1, 1028, {4, 0}});
  cases.push_back({300, 1, 5, {}});  // sums over rows in parts
  return cases;
}

/// Sizes that a user has, for timing: hidden layers at the batch sizes of training.
std::vector<NormCase> usual_cases() {
  return {{32, 1, 64, {}},  {32, 1, 256, {}},  {32, 1, 1024, {}},
          {256, 1, 64, {}}, {256, 1, 256, {}}, {256, 1, 1024, {}}};
}

/// What forward leaves, as numbers of the right kind: any mean, any positive reciprocal deviation.
struct Given {
  Tensor<float> x, w, mean, reciprocal_deviation;

  Given(Parity& run, const NormCase& shape)
      : x(run.input(shape.rows, shape.columns(), shape.layout)), w(run.input(1, shape.size, shape.layout)) {
    std::vector<float> means, deviations;
    for (Index set = 0; set < shape.sets(); ++set) {
      means.push_back(0.01f * static_cast<float>(set % 7) - 0.03f);
      deviations.push_back(0.8f + 0.1f * static_cast<float>(set % 5));
    }
    mean = run.given(means, 1, shape.sets(), shape.layout);
    reciprocal_deviation = run.given(deviations, 1, shape.sets(), shape.layout);
  }
};

void forward_case(Parity& run, const NormCase& shape, bool in_place) {
  // Around 1 and not around 0: of a mean that is nothing but what is left of a sum, no digit could be compared.
  std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.columns()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0f + 1.5f * std::sin(2.3f * static_cast<float>(i));
  const auto x = run.given(values, shape.rows, shape.columns(), shape.layout, in_place);
  const auto w = run.input(1, shape.size, shape.layout), b = run.input(1, shape.size, shape.layout);
  const auto y = in_place ? x : run.output(shape.rows, shape.columns(), shape.layout);
  const auto mean = run.output(1, shape.sets(), shape.layout);
  const auto deviation = run.output(1, shape.sets(), shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::layer_norm_forward(at.stream, at.matrix(x), at.vector(w), at.vector(b), epsilon, at.matrix(y),
                                at.vector(mean), at.vector(deviation));
  });
}

void backward_case(Parity& run, const NormCase& shape, bool wants_dx, bool wants_dw, bool wants_db) {
  const Given given(run, shape);
  const auto dy = run.input(shape.rows, shape.columns(), shape.layout);
  const auto dx = wants_dx ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto dw = wants_dw ? run.changed(1, shape.size, shape.layout) : Tensor<float>{};
  const auto db = wants_db ? run.changed(1, shape.size, shape.layout) : Tensor<float>{};
  run.expect_same([=](const Place& at) {
    kernels::layer_norm_backward(at.stream, at.matrix(given.x), at.vector(given.w), at.vector(given.mean),
                                 at.vector(given.reciprocal_deviation), at.matrix(dy),
                                 wants_dx ? at.matrix(dx) : Matrix{}, wants_dw ? at.vector(dw) : Vector{},
                                 wants_db ? at.vector(db) : Vector{});
  });
}

/// Which tangents there are.
struct Moving {
  bool x = true, w = true, b = true;
};

void tangent_case(Parity& run, const NormCase& shape, Moving moving) {
  const Given given(run, shape);
  const auto x_tangent = run.input(shape.rows, shape.columns(), shape.layout);
  const auto w_tangent = run.input(1, shape.size, shape.layout), b_tangent = run.input(1, shape.size, shape.layout);
  const auto y_tangent = run.output(shape.rows, shape.columns(), shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::layer_norm_tangent(at.stream, at.matrix(given.x), at.vector(given.w), at.vector(given.mean),
                                at.vector(given.reciprocal_deviation), moving.x ? at.matrix(x_tangent) : Matrix{},
                                moving.w ? at.vector(w_tangent) : Vector{}, moving.b ? at.vector(b_tangent) : Vector{},
                                at.matrix(y_tangent));
  });
}

void tangent_backward_case(Parity& run, const NormCase& shape, Moving moving, bool inputs, bool parameters) {
  if (shape.size == 1) run.allow(1e-9, ", a group of one value: all that is left of dx is what does not cancel");
  const Given given(run, shape);
  const auto x_tangent = run.input(shape.rows, shape.columns(), shape.layout);
  const auto w_tangent = run.input(1, shape.size, shape.layout);
  const auto g = run.input(shape.rows, shape.columns(), shape.layout);
  const auto u = run.input(shape.rows, shape.columns(), shape.layout);
  const auto of_x = inputs ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto of_tangent = inputs ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto dw = parameters ? run.changed(1, shape.size, shape.layout) : Tensor<float>{};
  const auto db = parameters ? run.changed(1, shape.size, shape.layout) : Tensor<float>{};
  run.expect_same([=](const Place& at) {
    kernels::layer_norm_tangent_backward(
        at.stream,
        {at.matrix(given.x), at.vector(given.w), at.vector(given.mean), at.vector(given.reciprocal_deviation),
         moving.x ? at.matrix(x_tangent) : Matrix{}, moving.w ? at.vector(w_tangent) : Vector{}, at.matrix(g),
         at.matrix(u), inputs ? at.matrix(of_x) : Matrix{}, inputs ? at.matrix(of_tangent) : Matrix{},
         parameters ? at.vector(dw) : Vector{}, parameters ? at.vector(db) : Vector{}});
  });
}

/// Sets of equal values, large ones, one that holds NaN, one that holds an infinity.
void register_extremes(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> rows;
  for (const float value : {0.0f, 0.1f, -1e7f, 3e30f}) rows.insert(rows.end(), 21, value);
  for (const float value : {std::nanf(""), infinity}) {
    for (int i = 0; i < 21; ++i) rows.push_back(i == 5 ? value : static_cast<float>(i));
  }
  for (int i = 0; i < 21; ++i) rows.push_back(1e6f + static_cast<float>(i));
  family.parity("layer_norm_forward", "equal, large and not finite", [=](Parity& run) {
    const auto x = run.given(rows, 7, 21);
    const auto w = run.input(1, 21), b = run.input(1, 21);
    const auto y = run.output(7, 21), mean = run.output(1, 7), deviation = run.output(1, 7);
    run.expect_same([=](const Place& at) {
      kernels::layer_norm_forward(at.stream, at.matrix(x), at.vector(w), at.vector(b), epsilon, at.matrix(y),
                                  at.vector(mean), at.vector(deviation));
    });
  });
  family.parity("layer_norm_forward", "equal values give the bias", [](Parity& run) {
    // Times 1e30, the least that is left of the values would show.
    std::vector<float> values;
    for (const float value : {0.1f, -1e7f, 3e30f}) values.insert(values.end(), 1001, value);
    const std::vector<float> large(1001, 1e30f), b(1001, 0.3f);
    std::vector<float> y(values.size());
    float moments[6] = {};
    Stream stream{DeviceId{}};
    kernels::layer_norm_forward(stream, {values.data(), 3, 1001}, {large.data(), 1001}, {b.data(), 1001}, epsilon,
                                {y.data(), 3, 1001}, {moments, 3}, {moments + 3, 3});
    for (const float value : y) EXPECT_EQ(value, 0.3f);
    const auto x = run.given(values, 3, 1001), scale = run.given(large, 1, 1001), shift = run.given(b, 1, 1001);
    const auto out = run.output(3, 1001), mean = run.output(1, 3), deviation = run.output(1, 3);
    run.expect_same([=](const Place& at) {
      kernels::layer_norm_forward(at.stream, at.matrix(x), at.vector(scale), at.vector(shift), epsilon, at.matrix(out),
                                  at.vector(mean), at.vector(deviation));
    });
  });
}

LayerCase layer_case(Index rows, Index groups, Index size) {
  LayerCase one;
  one.layer = std::make_shared<LayerNorm>(size);
  one.rows = rows;
  one.input_columns = {groups * size};
  one.padding = rows % 3;
  return one;
}

const std::vector<std::string> shown{"layer norm layer", "layer_norm_forward", "layer_norm_backward",
                                     "layer_norm_tangent", "layer_norm_tangent_backward"};

/// The gradients of Σ ȳ y + Σ u ẏ, with PyTorch's double backward.
void compare_tangents(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix x = dump.matrix("x"), x_tangent = dump.matrix("x_tangent");
  const Vector w = dump.vector("weight"), b = dump.vector("bias"), w_tangent = dump.vector("weight_tangent");
  const Vector b_tangent = dump.vector("bias_tangent");
  const Index sets = x.rows * (x.columns / w.size);
  const Vector mean = dump.output(1, sets).row(0), deviation = dump.output(1, sets).row(0);
  const Matrix y = dump.output(x.rows, x.columns), y_tangent = dump.output(x.rows, x.columns);
  kernels::layer_norm_forward(stream, x, w, b, epsilon, y, mean, deviation);
  kernels::layer_norm_tangent(stream, x, w, mean, deviation, x_tangent, w_tangent, b_tangent, y_tangent);
  dump.expect("y_tangent", y_tangent);
  const Matrix dx = dump.output(x.rows, x.columns), dx_tangent = dump.output(x.rows, x.columns);
  const Matrix dw = dump.output(1, w.size, 0.0f), db = dump.output(1, w.size, 0.0f);
  kernels::layer_norm_tangent_backward(stream, {x, w, mean, deviation, x_tangent, w_tangent, dump.matrix("y_gradient"),
                                                dump.matrix("u"), dx, dx_tangent, dw.row(0), db.row(0)});
  dump.expect("dx", dx);
  dump.expect("dx_tangent", dx_tangent);
  dump.expect("dw", dw);
  dump.expect("db", db);
}

const Family layer_norm("layer_norm", [](Family& family) {
  auto timed = norm_cases();
  const auto usual = usual_cases();
  timed.insert(timed.end(), usual.begin(), usual.end());
  for (const NormCase& shape : timed) {
    const std::string text = text_of(shape);
    family.operation("layer_norm_forward", text, [=](Parity& run) { forward_case(run, shape, false); });
    family.operation("layer_norm_backward", text, [=](Parity& run) { backward_case(run, shape, true, true, true); });
    family.operation("layer_norm_tangent", text, [=](Parity& run) { tangent_case(run, shape, {}); });
    family.operation("layer_norm_tangent_backward", text,
                     [=](Parity& run) { tangent_backward_case(run, shape, {}, true, true); });
  }
  for (const NormCase& shape : {NormCase{7, 3, 5, {}}, {9, 1, 20, {4, 0}}, {3, 1, 1100, {}}}) {
    const std::string text = text_of(shape);
    family.parity("layer_norm_forward", text + " in place", [=](Parity& run) { forward_case(run, shape, true); });
    family.parity("layer_norm_backward", text + " dx alone",
                  [=](Parity& run) { backward_case(run, shape, true, false, false); });
    family.parity("layer_norm_backward", text + " db alone",
                  [=](Parity& run) { backward_case(run, shape, false, false, true); });
    for (const Moving moving : {Moving{true, false, false}, Moving{false, true, false}, Moving{false, false, true},
                                Moving{false, false, false}}) {
      family.parity("layer_norm_tangent", text + " some tangents",
                    [=](Parity& run) { tangent_case(run, shape, moving); });
      family.parity("layer_norm_tangent_backward", text + " some tangents",
                    [=](Parity& run) { tangent_backward_case(run, shape, moving, true, true); });
    }
    family.parity("layer_norm_tangent_backward", text + " inputs alone",
                  [=](Parity& run) { tangent_backward_case(run, shape, {}, true, false); });
    family.parity("layer_norm_tangent_backward", text + " parameters alone",
                  [=](Parity& run) { tangent_backward_case(run, shape, {}, false, true); });
  }
  register_extremes(family);
  for (const NormCase& shape :
       {NormCase{0, 1, 5, {}}, {1, 1, 1, {}}, {1, 1, 33, {}}, {7, 1, 17, {}}, {5, 3, 7, {}}, {130, 1, 2, {}}}) {
    family.gradient(shown, text_of(shape),
                    [=] { return differentiable(layer_case(shape.rows, shape.groups, shape.size)); });
  }
  family.check(Aspect::gradient, {"layer norm layer"}, "misuse is refused", [] {
    const std::vector<Index> columns{10}, none{0}, two{10, 10};
    EXPECT_EQ(LayerNorm().output_columns(columns), 10);
    EXPECT_EQ(LayerNorm(5).saved_size(3, columns), 12);
    EXPECT_THROW(LayerNorm(3).output_columns(columns), Error);
    EXPECT_THROW(LayerNorm().output_columns(none), Error);
    EXPECT_THROW(LayerNorm().output_columns(two), Error);
    EXPECT_THROW(LayerNorm(-1), Error);
    EXPECT_THROW(LayerNorm(5, 0.0f), Error);
  });
  family.check(Aspect::tangent, shown, "null views", [] { expect_null_views(layer_case(4, 2, 5)); });
  for (const char* name : {"hidden", "odd", "groups", "one_row", "offset"}) {
    family.pytorch(shown, name, [=](PyTorchCase& dump) {
      dump.expect_layer(LayerNorm(dump.shape("tensor.weight").at(0)), Mode::train);
    });
  }
  for (const char* name : {"tangents", "tangents_of_groups"}) family.pytorch(shown, name, compare_tangents);
});

}  // namespace
}  // namespace mynah::tests
