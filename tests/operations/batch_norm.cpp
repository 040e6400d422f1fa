#include "kernels/batch_norm.h"

#include <cmath>

#include "engine/layers/batch_norm.h"
#include "kernels/error.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::BatchMoments;

constexpr float epsilon = 1e-5f;

struct NormCase {
  Index rows = 0, channels = 1, positions = 1;
  Layout layout;
  BatchMoments moments = BatchMoments::of_batch;
  Index columns() const { return channels * positions; }
};

std::string text_of(const NormCase& shape) {
  return std::to_string(shape.rows) + " x " + std::to_string(shape.channels) + " x " + std::to_string(shape.positions) +
         tests::text_of(shape.layout) + (shape.moments == BatchMoments::of_batch ? "" : " constant moments");
}

/// One position and several, sums in one part and in several, and both kinds of moments.
std::vector<NormCase> norm_cases() {
  std::vector<NormCase> cases{{0, 5, 1, {}}, {0, 3, 4, {}}, {5, 0, 1, {}}, {0, 0, 1, {}}};
  std::size_t next = 0;
  const auto add = [&](Index rows, Index channels, Index positions) {
    const BatchMoments moments = next % 3 == 2 ? BatchMoments::constants : BatchMoments::of_batch;
    cases.push_back({rows, channels, positions, layouts()[next++ % layouts().size()], moments});
  };
  for (const Index rows : {2, 3, 17, 33}) {
    for (const Index channels : {1, 3, 4, 17, 32, 63, 64}) add(rows, channels, 1);
  }
  for (const Index rows : {1, 2, 7}) {
    for (const Index positions : {2, 3, 4, 9, 49, 64}) add(rows, 3, positions);
  }
  add(130, 5, 1);  // in parts
  add(200, 2, 1);
  add(37, 2, 121);
  add(2, 40, 6);
  return cases;
}

/// Sizes that a user has, for timing: hidden layers, and images of a small convolutional network.
std::vector<NormCase> usual_cases() {
  return {{32, 256, 1, {}}, {256, 64, 1, {}}, {32, 16, 144, {}}};
}

/// What forward leaves, as numbers of the right kind: any mean, any positive reciprocal deviation.
struct Given {
  Tensor<float> x, w, mean, reciprocal_deviation;
  BatchMoments moments;

  Given(Parity& run, const NormCase& shape)
      : x(run.input(shape.rows, shape.columns(), shape.layout)),
        w(run.input(1, shape.channels, shape.layout)),
        moments(shape.moments) {
    std::vector<float> means, deviations;
    for (Index c = 0; c < shape.channels; ++c) {
      means.push_back(0.01f * static_cast<float>(c % 7) - 0.03f);
      deviations.push_back(0.8f + 0.1f * static_cast<float>(c % 5));
    }
    mean = run.given(means, 1, shape.channels, shape.layout);
    reciprocal_deviation = run.given(deviations, 1, shape.channels, shape.layout);
  }
  kernels::BatchNormInput<float> at(const Place& place) const {
    return {moments, place.matrix(x), place.vector(mean), place.vector(reciprocal_deviation), place.vector(w)};
  }
};

void statistics_case(Parity& run, const NormCase& shape) {
  const auto x = run.input(shape.rows, shape.columns(), shape.layout);
  const bool any = shape.rows > 0 && shape.channels > 0;
  const auto running_mean = run.changed(1, shape.channels, shape.layout);
  const auto running_variance = run.changed(1, shape.channels, shape.layout);
  const auto mean = any ? run.output(1, shape.channels, shape.layout) : run.changed(1, shape.channels);
  const auto deviation = any ? run.output(1, shape.channels, shape.layout) : run.changed(1, shape.channels);
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_statistics(at.stream, at.matrix(x), epsilon, 0.1f,
                                   {at.vector(running_mean), at.vector(running_variance)}, at.vector(mean),
                                   at.vector(deviation));
  });
}

void running_case(Parity& run, Index channels, Index offset) {
  std::vector<float> variances;
  for (Index c = 0; c < channels; ++c) variances.push_back(0.5f * static_cast<float>(c % 4));
  const auto running_mean = run.input(1, channels, {0, offset});
  const auto running_variance = run.given(variances, 1, channels, {0, offset});
  const auto mean = run.output(1, channels, {0, offset}), deviation = run.output(1, channels, {0, offset});
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_running(at.stream, at.vector(running_mean), at.vector(running_variance), epsilon,
                                at.vector(mean), at.vector(deviation));
  });
}

void forward_case(Parity& run, const NormCase& shape, bool in_place) {
  const Given given(run, shape);
  const auto b = run.input(1, shape.channels, shape.layout);
  const auto x = in_place ? run.changed(shape.rows, shape.columns(), shape.layout) : given.x;
  const auto y = in_place ? x : run.output(shape.rows, shape.columns(), shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_forward(at.stream, at.matrix(x), at.vector(given.mean), at.vector(given.reciprocal_deviation),
                                at.vector(given.w), at.vector(b), at.matrix(y));
  });
}

void backward_case(Parity& run, const NormCase& shape, bool wants_dx, bool wants_dw, bool wants_db) {
  const Given given(run, shape);
  const auto dy = run.input(shape.rows, shape.columns(), shape.layout);
  const auto dx = wants_dx ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto dw = wants_dw ? run.changed(1, shape.channels, shape.layout) : Tensor<float>{};
  const auto db = wants_db ? run.changed(1, shape.channels, shape.layout) : Tensor<float>{};
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_backward(at.stream, given.at(at), at.matrix(dy), wants_dx ? at.matrix(dx) : Matrix{},
                                 wants_dw ? at.vector(dw) : Vector{}, wants_db ? at.vector(db) : Vector{});
  });
}

/// Which tangents there are.
struct Moving {
  bool x = true, w = true, b = true;
};

void tangent_case(Parity& run, const NormCase& shape, Moving moving) {
  const Given given(run, shape);
  const auto x_tangent = run.input(shape.rows, shape.columns(), shape.layout);
  const auto w_tangent = run.input(1, shape.channels, shape.layout);
  const auto b_tangent = run.input(1, shape.channels, shape.layout);
  const auto y_tangent = run.output(shape.rows, shape.columns(), shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_tangent(at.stream, given.at(at), moving.x ? at.matrix(x_tangent) : Matrix{},
                                moving.w ? at.vector(w_tangent) : Vector{}, moving.b ? at.vector(b_tangent) : Vector{},
                                at.matrix(y_tangent));
  });
}

void tangent_backward_case(Parity& run, const NormCase& shape, Moving moving, bool inputs, bool parameters) {
  const Given given(run, shape);
  const auto x_tangent = run.input(shape.rows, shape.columns(), shape.layout);
  const auto w_tangent = run.input(1, shape.channels, shape.layout);
  const auto g = run.input(shape.rows, shape.columns(), shape.layout);
  const auto u = run.input(shape.rows, shape.columns(), shape.layout);
  const auto of_x = inputs ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto of_tangent = inputs ? run.output(shape.rows, shape.columns(), shape.layout) : Tensor<float>{};
  const auto dw = parameters ? run.changed(1, shape.channels, shape.layout) : Tensor<float>{};
  const auto db = parameters ? run.changed(1, shape.channels, shape.layout) : Tensor<float>{};
  run.expect_same([=](const Place& at) {
    kernels::batch_norm_tangent_backward(
        at.stream,
        {given.at(at), moving.x ? at.matrix(x_tangent) : Matrix{}, moving.w ? at.vector(w_tangent) : Vector{},
         at.matrix(g), at.matrix(u), inputs ? at.matrix(of_x) : Matrix{}, inputs ? at.matrix(of_tangent) : Matrix{},
         parameters ? at.vector(dw) : Vector{}, parameters ? at.vector(db) : Vector{}});
  });
}

/// Channels of equal values, large ones beside small differences, one with NaN, one with an infinity.
void register_extremes(Family& family) {
  std::vector<float> values;
  for (int row = 0; row < 40; ++row) {
    const auto i = static_cast<float>(row);
    values.insert(values.end(), {0.1f, 3e30f, 1e6f + i, row == 3 ? std::nanf("") : i,
                                 row == 39 ? std::numeric_limits<float>::infinity() : i});
  }
  family.parity("batch_norm_statistics", "equal, large and not finite", [=](Parity& run) {
    const auto x = run.given(values, 40, 5);
    const auto running_mean = run.changed(1, 5), running_variance = run.changed(1, 5);
    const auto mean = run.output(1, 5), deviation = run.output(1, 5);
    run.expect_same([=](const Place& at) {
      kernels::batch_norm_statistics(at.stream, at.matrix(x), epsilon, 0.1f,
                                     {at.vector(running_mean), at.vector(running_variance)}, at.vector(mean),
                                     at.vector(deviation));
    });
  });
}

void register_parity(Family& family) {
  auto timed = norm_cases();
  const auto usual = usual_cases();
  timed.insert(timed.end(), usual.begin(), usual.end());
  for (const NormCase& shape : timed) {
    const std::string text = text_of(shape);
    if (shape.rows * shape.positions != 1) {
      family.operation("batch_norm_statistics", text, [=](Parity& run) { statistics_case(run, shape); });
    }
    family.operation("batch_norm_forward", text, [=](Parity& run) { forward_case(run, shape, false); });
    family.operation("batch_norm_backward", text, [=](Parity& run) { backward_case(run, shape, true, true, true); });
    family.operation("batch_norm_tangent", text, [=](Parity& run) { tangent_case(run, shape, {}); });
    family.operation("batch_norm_tangent_backward", text,
                     [=](Parity& run) { tangent_backward_case(run, shape, {}, true, true); });
  }
  for (const VectorCase& shape : vector_cases()) {
    family.operation("batch_norm_running", text_of(shape),
                     [=](Parity& run) { running_case(run, shape.size, shape.offset); });
  }
  for (NormCase shape : {NormCase{9, 5, 1, {}}, {6, 3, 4, {4, 0}}, {6, 3, 5, {1, 1}}}) {
    for (const BatchMoments moments : {BatchMoments::of_batch, BatchMoments::constants}) {
      shape.moments = moments;
      const std::string text = text_of(shape);
      family.parity("batch_norm_forward", text + " in place", [=](Parity& run) { forward_case(run, shape, true); });
      family.parity("batch_norm_backward", text + " dx alone",
                    [=](Parity& run) { backward_case(run, shape, true, false, false); });
      family.parity("batch_norm_backward", text + " db alone",
                    [=](Parity& run) { backward_case(run, shape, false, false, true); });
      for (const Moving moving : {Moving{true, false, false}, Moving{false, true, false}, Moving{false, false, true},
                                  Moving{false, false, false}}) {
        family.parity("batch_norm_tangent", text + " some tangents",
                      [=](Parity& run) { tangent_case(run, shape, moving); });
        family.parity("batch_norm_tangent_backward", text + " some tangents",
                      [=](Parity& run) { tangent_backward_case(run, shape, moving, true, true); });
      }
      family.parity("batch_norm_tangent_backward", text + " inputs alone",
                    [=](Parity& run) { tangent_backward_case(run, shape, {}, true, false); });
      family.parity("batch_norm_tangent_backward", text + " parameters alone",
                    [=](Parity& run) { tangent_backward_case(run, shape, {}, false, true); });
    }
  }
  register_extremes(family);
}

LayerCase layer_case(Index rows, Index channels, Index positions, Mode mode) {
  LayerCase one;
  one.layer = std::make_shared<BatchNorm>(channels, positions);
  one.rows = rows;
  one.input_columns = {channels * positions};
  one.mode = mode;
  one.padding = rows % 3;
  return one;
}

const std::vector<std::string> passes{"batch norm layer", "batch_norm_forward", "batch_norm_backward",
                                      "batch_norm_tangent", "batch_norm_tangent_backward"};

std::vector<std::string> shown(Mode mode) {
  std::vector<std::string> subjects = passes;
  subjects.emplace_back(mode == Mode::train ? "batch_norm_statistics" : "batch_norm_running");
  return subjects;
}

void register_derivatives(Family& family) {
  for (const Mode mode : {Mode::train, Mode::evaluate}) {
    const std::string text = mode == Mode::train ? " train" : " evaluate";
    for (const NormCase& shape : {NormCase{0, 5, 1, {}},
                                  {2, 3, 1, {}},
                                  {7, 5, 1, {}},
                                  {1, 2, 6, {}},
                                  {5, 3, 4, {}},
                                  {33, 2, 1, {}},
                                  {3, 70, 1, {}}}) {
      family.gradient(shown(mode), text_of(shape) + text,
                      [=] { return differentiable(layer_case(shape.rows, shape.channels, shape.positions, mode)); });
    }
    family.check(Aspect::tangent, shown(mode), "null views" + text,
                 [mode] { expect_null_views(layer_case(4, 3, 2, mode)); });
  }
  family.gradient(shown(Mode::evaluate), "1 x 4 x 1 evaluate",
                  [] { return differentiable(layer_case(1, 4, 1, Mode::evaluate)); });
  family.check(Aspect::gradient, {"batch norm layer"}, "misuse is refused", [] {
    const std::vector<Index> columns{12}, two{12, 12};
    EXPECT_EQ(BatchNorm(3, 4).output_columns(columns), 12);
    EXPECT_THROW(BatchNorm(3, 5).output_columns(columns), Error);
    EXPECT_THROW(BatchNorm(3, 4).output_columns(two), Error);
    EXPECT_THROW(BatchNorm(0), Error);
    EXPECT_THROW(BatchNorm(3, 0), Error);
    EXPECT_THROW(BatchNorm(3, 1, 0.0f), Error);
    EXPECT_THROW(BatchNorm(3, 1, 1e-5f, 1.5f), Error);
  });
  family.check(Aspect::gradient, {"batch norm layer"}, "one value a channel is refused", [] {
    const Differentiable layer = differentiable(layer_case(1, 4, 1, Mode::train));
    Stream stream{DeviceId{}};
    Doubles y(1, 4);
    std::vector<MatrixView<const double>> inputs;
    for (const Doubles& input : layer.inputs) inputs.push_back(input.constant());
    const std::vector<MatrixView<double>> outputs{y.view()};
    try {
      layer.forward(stream, inputs, outputs);
      ADD_FAILURE() << "it was trained on one row";
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_NE(std::string(error.what()).find("one row"), std::string::npos) << error.what();
    }
  });
}

/// The gradients of Σ ȳ y + Σ u ẏ, with PyTorch's double backward; in train mode.
void compare_tangents(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix x = dump.matrix("x"), x_tangent = dump.matrix("x_tangent");
  const Vector w = dump.vector("weight"), w_tangent = dump.vector("weight_tangent");
  const Vector mean = dump.output(1, w.size).row(0), deviation = dump.output(1, w.size).row(0);
  const Vector running = dump.output(1, 2 * w.size, 0.0f).row(0);
  kernels::batch_norm_statistics(stream, x, epsilon, 0.1f, {{running.data, w.size}, {running.data + w.size, w.size}},
                                 mean, deviation);
  const kernels::BatchNormInput<float> input{BatchMoments::of_batch, x, mean, deviation, w};
  const Matrix y_tangent = dump.output(x.rows, x.columns);
  kernels::batch_norm_tangent(stream, input, x_tangent, w_tangent, dump.vector("bias_tangent"), y_tangent);
  dump.expect("y_tangent", y_tangent);
  const Matrix dx = dump.output(x.rows, x.columns), dx_tangent = dump.output(x.rows, x.columns);
  const Matrix dw = dump.output(1, w.size, 0.0f), db = dump.output(1, w.size, 0.0f);
  kernels::batch_norm_tangent_backward(stream, {input, x_tangent, w_tangent, dump.matrix("y_gradient"),
                                                dump.matrix("u"), dx, dx_tangent, dw.row(0), db.row(0)});
  dump.expect("dx", dx);
  dump.expect("dx_tangent", dx_tangent);
  dump.expect("dw", dw);
  dump.expect("db", db);
}

void register_pytorch(Family& family) {
  for (const char* name : {"train_1d", "train_2d", "train_three_rows", "train_one_image", "evaluate_1d", "evaluate_2d",
                           "evaluate_one_row"}) {
    const Mode mode = std::string(name).starts_with("train") ? Mode::train : Mode::evaluate;
    std::vector<std::string> subjects = shown(mode);
    std::erase_if(subjects, [](const std::string& one) { return one.find("tangent") != std::string::npos; });
    family.pytorch(subjects, name, [=](PyTorchCase& dump) {
      const auto extents = dump.shape("input0");
      Index positions = 1;
      for (std::size_t i = 2; i < extents.size(); ++i) positions *= extents[i];
      dump.expect_layer(BatchNorm(extents[1], positions), mode);
    });
  }
  for (const char* name : {"tangents_1d", "tangents_2d"}) {
    family.pytorch({"batch_norm_tangent", "batch_norm_tangent_backward", "batch_norm_statistics"}, name,
                   compare_tangents);
  }
}

const Family batch_norm("batch_norm", [](Family& family) {
  register_parity(family);
  register_derivatives(family);
  register_pytorch(family);
});

}  // namespace
}  // namespace mynah::tests
