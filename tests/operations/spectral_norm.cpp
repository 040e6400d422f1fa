#include "kernels/spectral_norm.h"

#include <cmath>

#include "engine/execution.h"
#include "engine/layers/linear.h"
#include "engine/layers/spectral_norm.h"
#include "engine/layers/standardization.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/random.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::SpectralNormInput;

/// The last ones are as flat and as tall as weights become.
std::vector<MatrixCase> weight_cases() {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1, 600, {1, 1}});
  cases.push_back({600, 1, {2, 0}});
  return cases;
}

/// Sizes that a user has, for timing: linear layers of discriminators, and a convolution's weight.
std::vector<MatrixCase> usual_cases() {
  return {{64, 17, {}}, {256, 256, {}}, {64, 288, {}}};
}

/// What a pass has kept: any vectors, and a σ that is not small.
struct Given {
  Tensor<float> normalized, u, v, sigma;

  Given(Parity& run, const MatrixCase& shape)
      : normalized(run.input(shape.rows, shape.columns, shape.layout)),
        u(run.input(1, shape.rows, shape.layout)),
        v(run.input(1, shape.columns, shape.layout)),
        sigma(run.given(std::vector<float>{1.7f}, 1, 1)) {}
  SpectralNormInput<float> at(const Place& place) const {
    return {place.matrix(normalized), place.vector(u), place.vector(v), place.vector(sigma)};
  }
};

/// `is_new`: the state is as a network is initialised.
void iteration_case(Parity& run, const MatrixCase& shape, int iterations, bool is_new) {
  const auto w = run.input(shape.rows, shape.columns, shape.layout);
  const std::vector<float> zeros(static_cast<std::size_t>(shape.rows), 0.0f);
  const std::vector<float> ones(static_cast<std::size_t>(shape.columns), 1.0f);
  const auto u =
      is_new ? run.given(zeros, 1, shape.rows, shape.layout, true) : run.changed(1, shape.rows, shape.layout);
  const auto v =
      is_new ? run.given(ones, 1, shape.columns, shape.layout, true) : run.changed(1, shape.columns, shape.layout);
  const bool any = shape.rows > 0 && shape.columns > 0;
  const auto kept_u = any ? run.output(1, shape.rows) : run.changed(1, shape.rows);
  const auto kept_v = any ? run.output(1, shape.columns) : run.changed(1, shape.columns);
  // Two singular values that are close make the vectors go far with a rounding.
  run.expect_same([=](const Place& at) {
    kernels::spectral_norm_power_iteration(at.stream, at.matrix(w), iterations, at.vector(u), at.vector(v),
                                           at.vector(kept_u), at.vector(kept_v));
  });
}

/// u and v such that σ is not what is left of larger numbers: then everything divided by it is known to few digits.
void forward_case(Parity& run, const MatrixCase& shape) {
  const auto w = run.input(shape.rows, shape.columns, shape.layout);
  std::vector<float> row(static_cast<std::size_t>(shape.rows), 0.1f);
  std::vector<float> column(static_cast<std::size_t>(shape.columns), 0.1f);
  if (!row.empty()) row.front() = 3.0f;
  if (!column.empty()) column.front() = 3.0f;
  const auto u = run.given(row, 1, shape.rows, shape.layout);
  const auto v = run.given(column, 1, shape.columns, shape.layout);
  const bool any = shape.rows > 0 && shape.columns > 0;
  const auto sigma = any ? run.output(1, 1) : run.changed(1, 1);
  const auto normalized = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::spectral_norm_forward(at.stream, at.matrix(w), at.vector(u), at.vector(v), at.vector(sigma),
                                   at.matrix(normalized));
  });
}

void backward_case(Parity& run, const MatrixCase& shape) {
  const Given given(run, shape);
  const auto gradient = run.input(shape.rows, shape.columns, shape.layout);
  const auto dw = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::spectral_norm_backward(at.stream, given.at(at), at.matrix(gradient), at.matrix(dw));
  });
}

void tangent_case(Parity& run, const MatrixCase& shape) {
  const Given given(run, shape);
  const auto w_tangent = run.input(shape.rows, shape.columns, shape.layout);
  const bool any = shape.rows > 0 && shape.columns > 0;
  const auto s = any ? run.output(1, 1) : run.changed(1, 1);
  const auto out = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::spectral_norm_tangent(at.stream, given.at(at), at.matrix(w_tangent), at.vector(s), at.matrix(out));
  });
}

void tangent_backward_case(Parity& run, const MatrixCase& shape) {
  const Given given(run, shape);
  const auto w_tangent = run.input(shape.rows, shape.columns, shape.layout);
  const auto s = run.given(std::vector<float>{-0.6f}, 1, 1);
  const auto gradient = run.input(shape.rows, shape.columns, shape.layout);
  const auto tangent_gradient = run.input(shape.rows, shape.columns, shape.layout);
  const auto dw = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::spectral_norm_tangent_backward(
        at.stream, given.at(at), {at.matrix(w_tangent), at.vector(s), at.matrix(gradient), at.matrix(tangent_gradient)},
        at.matrix(dw));
  });
}

void register_parity(Family& family) {
  auto timed = weight_cases();
  const auto usual = usual_cases();
  timed.insert(timed.end(), usual.begin(), usual.end());
  for (const MatrixCase& shape : timed) {
    const std::string text = text_of(shape);
    family.operation("spectral_norm_power_iteration", text, [=](Parity& run) { iteration_case(run, shape, 1, false); });
    family.operation("spectral_norm_forward", text, [=](Parity& run) { forward_case(run, shape); });
    family.operation("spectral_norm_backward", text, [=](Parity& run) { backward_case(run, shape); });
    family.operation("spectral_norm_tangent", text, [=](Parity& run) { tangent_case(run, shape); });
    family.operation("spectral_norm_tangent_backward", text, [=](Parity& run) { tangent_backward_case(run, shape); });
  }
  for (const MatrixCase& shape : {MatrixCase{1, 1, {}}, {5, 3, {1, 0}}, {7, 33, {0, 1}}, {40, 2, {}}}) {
    for (const int iterations : {0, 1, 3}) {
      for (const bool is_new : {false, true}) {
        family.parity("spectral_norm_power_iteration",
                      text_of(shape) + " " + std::to_string(iterations) + (is_new ? " of a new state" : " iterations"),
                      [=](Parity& run) { iteration_case(run, shape, iterations, is_new); });
      }
    }
  }
  // Too large for one block. One row or column has one singular value: the vectors are known to all digits.
  for (const MatrixCase& shape : {MatrixCase{1, 131073, {}}, {257, 512, {}}}) {
    family.parity("spectral_norm_power_iteration", text_of(shape) + " over the GPU",
                  [=](Parity& run) { iteration_case(run, shape, 2, false); });
  }
  family.parity("spectral_norm_power_iteration", "of zeros and of NaN", [](Parity& run) {
    std::vector<float> numbers(12, 0.0f);
    const auto zeros = run.given(numbers, 3, 4);
    numbers[5] = std::nanf("");
    const auto nan = run.given(numbers, 3, 4);
    std::vector<Tensor<float>> us, vs;
    for (int i = 0; i < 2; ++i) {
      us.push_back(run.changed(1, 3)), us.push_back(run.output(1, 3));
      vs.push_back(run.changed(1, 4)), vs.push_back(run.output(1, 4));
    }
    run.expect_same([=](const Place& at) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        kernels::spectral_norm_power_iteration(at.stream, at.matrix(i == 0 ? zeros : nan), 1, at.vector(us[2 * i]),
                                               at.vector(vs[2 * i]), at.vector(us[2 * i + 1]),
                                               at.vector(vs[2 * i + 1]));
      }
    });
  });
}

LayerCase layer_case(Index rows, Index inputs, Index outputs, Activation activation) {
  LayerCase one;
  one.layer = std::make_shared<SpectralLinear>(outputs, activation);
  one.rows = rows;
  one.input_columns = {inputs};
  one.padding = rows % 3;
  // σ far from 0: what is divided by it stays smooth over the step of a difference.
  one.prepare = [](const std::string& name, Doubles& values) {
    for (Index m = 0; m < values.rows(); ++m) {
      for (Index c = 0; c < values.columns(); ++c) {
        if (name == "weight") values.at(m, c) += 2.0;
        if (name == "weight_u" || name == "weight_v") values.at(m, c) = 0.5 + 0.1 * static_cast<double>(c % 3);
      }
    }
  };
  return one;
}

const std::vector<std::string> shown{"spectral norm layer", "spectral_norm_forward", "spectral_norm_backward",
                                     "spectral_norm_tangent", "spectral_norm_tangent_backward"};

/// Where power iteration has converged in each pass, u and v move with W, and the derivative is that of the true
/// largest singular value. The second derivative is not: it takes u and v for constants.
Differentiable converged(Index rows, Index inputs, Index outputs, bool is_new) {
  LayerCase one = layer_case(rows, inputs, outputs, Activation::tanh);
  one.layer = std::make_shared<SpectralNorm>(std::make_shared<Linear>(outputs, Activation::tanh), 100);
  one.mode = Mode::train;
  if (is_new) {
    const auto prepare = one.prepare;
    one.prepare = [prepare](const std::string& name, Doubles& values) {
      prepare(name, values);
      if (name == "weight_u") values.set(0.0);
    };
  }
  Differentiable layer = differentiable(one);
  layer.tangent_backward = nullptr;
  return layer;
}

/// A layer whose first tensor is no weight.
class Scales : public Linear {
 public:
  Scales() : Linear(3) {}
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override {
    return {{"scale", {inputs[0]}, Initialization::ones}};
  }
};

/// The gradients of the parameters of two layers in a graph, after two steps of training. A layer between them that
/// changes nothing (x - 0) / 1 keeps the first one's activation out of the second one's epilogue.
std::vector<float> gradients_in_graph(DeviceId device, bool fused) {
  Stream stream(device);
  Graph graph;
  const Value input = graph.input(5);
  const Value hidden = graph.add("0", std::make_shared<SpectralLinear>(7, Activation::gelu), input);
  const auto same = std::make_shared<Standardization>(Standardization::Direction::standardize);
  const Value between = fused ? hidden : graph.add("same", same, hidden);
  const Value output = graph.add("1", std::make_shared<SpectralLinear>(3, Activation::tanh), between);
  Network network(stream, std::move(graph));
  network.parameters.initialize(stream, 5);
  const Index rows = 6;
  const Execution execution(network, {output}, {rows, true, false, Mode::train});
  EXPECT_EQ(execution.fused_activation_count(), fused ? 1 : 0);
  const auto draw = [&](Matrix to, std::uint64_t seed) {
    kernels::normal(stream, random_key(seed, RandomStream::test), nullptr, 0.0f, 1.0f, {to.data, rows * to.stride});
  };
  draw(execution.value(input), 1);
  for (const std::uint64_t step : {2, 3}) {
    execution.forward(stream);
    draw(execution.gradient(output), step);
    execution.backward(stream, output);
  }
  const auto size = static_cast<std::size_t>(network.parameters.gradient().size);
  std::vector<float> gradients(size);
  kernels::copy_to_host(stream, gradients.data(), network.parameters.gradient().data, size * sizeof(float));
  return gradients;
}

void register_graph(Family& family) {
  family.check(Aspect::gradient, {"spectral norm layer"}, "in a graph, with the activation in another's epilogue", [] {
    const std::vector<float> expected = gradients_in_graph({}, false);
    for (const auto& device : list_devices()) {
      const std::vector<float> found = gradients_in_graph(device.id, true);
      ASSERT_EQ(found.size(), expected.size());
      double largest = 0.0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        largest = std::max(largest, static_cast<double>(std::fabs(found[i])));
        EXPECT_NEAR(found[i], expected[i], 1e-4) << "element " << i;
      }
      EXPECT_GT(largest, 0.1);
    }
  });
}

void register_derivatives(Family& family) {
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    const Activation activation = kinds.data[i];
    family.gradient(shown, std::string("7 x 5 to 6 ") + activation.name(),
                    [=] { return differentiable(layer_case(7, 5, 6, activation)); });
  }
  for (const auto& [rows, inputs, outputs] :
       {std::tuple<Index, Index, Index>{0, 3, 4}, {1, 1, 1}, {1, 17, 9}, {33, 6, 1}, {3, 1, 7}}) {
    family.gradient(shown, std::to_string(rows) + " x " + std::to_string(inputs) + " to " + std::to_string(outputs),
                    [=, rows = rows, inputs = inputs, outputs = outputs] {
                      return differentiable(layer_case(rows, inputs, outputs, Activation::tanh));
                    });
  }
  std::vector<std::string> subjects = shown;
  subjects.emplace_back("spectral_norm_power_iteration");
  family.gradient(subjects, "7 x 5 to 6 trained, converged", [] { return converged(7, 5, 6, false); });
  family.gradient(subjects, "3 x 4 to 2 trained, of a new state", [] { return converged(3, 4, 2, true); });
  for (const Activation activation : {Activation::none, Activation::tanh, Activation::gelu}) {
    family.check(Aspect::tangent, shown, std::string("null views ") + activation.name(),
                 [=] { expect_null_views(layer_case(4, 3, 5, activation)); });
  }
  family.check(Aspect::gradient, {"spectral norm layer"}, "misuse is refused", [] {
    const Index columns = 5;
    const SpectralNorm layer(std::make_shared<Scales>());
    EXPECT_THROW(layer.tensors({&columns, 1}), Error);
    EXPECT_THROW(SpectralLinear(3, Activation::none, Initialization::kaiming_uniform, 0), Error);
  });
}

/// An operation on a convolution's weight, with the gradients of <G, W̃> + <U, tangent of W̃> by double backward.
void compare_weight(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix w = dump.matrix("w"), w_tangent = dump.matrix("w_tangent");
  const Vector u = dump.vector("u"), v = dump.vector("v");
  const Vector sigma = dump.output(1, 1).row(0), s = dump.output(1, 1).row(0);
  const Matrix normalized = dump.output(w.rows, w.columns), tangent = dump.output(w.rows, w.columns);
  kernels::spectral_norm_forward(stream, w, u, v, sigma, normalized);
  dump.expect("normalized", normalized);
  const SpectralNormInput<float> input{normalized, u, v, sigma};
  kernels::spectral_norm_tangent(stream, input, w_tangent, s, tangent);
  dump.expect("normalized_tangent", tangent);
  const Matrix gradient = dump.matrix("gradient");
  const Matrix dw = dump.output(w.rows, w.columns, 0.0f), both = dump.output(w.rows, w.columns, 0.0f);
  kernels::spectral_norm_backward(stream, input, gradient, dw);
  dump.expect("dw", dw);
  kernels::spectral_norm_tangent_backward(stream, input, {w_tangent, s, gradient, dump.matrix("tangent_gradient")},
                                          both);
  dump.expect("tangent_dw", both);
}

void register_pytorch(Family& family) {
  const std::vector<std::string> first{"spectral norm layer", "spectral_norm_power_iteration", "spectral_norm_forward",
                                       "spectral_norm_backward"};
  for (const char* name : {"train", "train_three_iterations", "train_registered", "train_one_output", "evaluate"}) {
    family.pytorch(first, name, [=](PyTorchCase& dump) {
      const std::string text = name;
      const int iterations = text == "train_three_iterations" ? 3 : 1;
      const Activation activation = text == "train_registered" ? Activation::leaky_relu : Activation::none;
      dump.expect_layer(
          SpectralLinear(dump.shape("output")[1], activation, Initialization::kaiming_uniform, iterations),
          text == "evaluate" ? Mode::evaluate : Mode::train);
    });
  }
  family.pytorch(
      {"spectral_norm_forward", "spectral_norm_backward", "spectral_norm_tangent", "spectral_norm_tangent_backward"},
      "convolution", compare_weight);
}

const Family spectral_norm("spectral_norm", [](Family& family) {
  register_parity(family);
  register_derivatives(family);
  register_graph(family);
  register_pytorch(family);
});

}  // namespace
}  // namespace mynah::tests
