#include "kernels/squashed_gaussian_distribution.h"

#include <cmath>

#include "engine/buffer.h"
#include "tests/operations/distribution_cases.h"

namespace mynah::tests {
namespace {

void sample_case(Parity& run, const GaussianCase& shape, bool with_log_probability) {
  const auto step = run.given<Index>({distribution_step}, 1, 1);
  const auto distribution = gaussian_input(run, shape);
  const auto noise = run.output(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto pre_tanh = run.output(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto action = run.output(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto log_probability = run.output(1, with_log_probability ? shape.rows() : 0);
  run.expect_same([=](const Place& at) {
    kernels::squashed_gaussian_sample(at.stream, distribution_key, at.pointer(step), distribution.constant(at),
                                      at.matrix(noise), at.matrix(pre_tanh), at.matrix(action),
                                      with_log_probability ? at.vector(log_probability) : Vector{});
  });
}

enum class Through { action, log_probability, both };

void sample_backward_case(Parity& run, const GaussianCase& shape, Through through) {
  const auto noise = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto parameters = gaussian_input(run, shape);  // pre_tanh has the shape of the mean
  const auto of_action = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto of_log_probability = run.input(1, shape.rows());
  const auto gradients = gaussian_gradients(run, shape);
  run.expect_same([=](const Place& at) {
    kernels::squashed_gaussian_sample_backward(
        at.stream, at.matrix(noise), at.matrix(parameters.mean), at.matrix(parameters.log_std),
        through == Through::log_probability ? Matrix{} : at.matrix(of_action),
        through == Through::action ? Vector{} : at.vector(of_log_probability), gradients.view(at));
  });
}

void pre_tanh_case(Parity& run, const MatrixCase& shape) {
  std::vector<float> actions(static_cast<std::size_t>(shape.rows * shape.columns));
  for (std::size_t i = 0; i < actions.size(); ++i) actions[i] = std::tanh(static_cast<float>(i % 23) - 11.0f);
  const auto action = run.given(actions, shape.rows, shape.columns, shape.layout);
  const auto pre_tanh = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same(
      [=](const Place& at) { kernels::squashed_gaussian_pre_tanh(at.stream, at.matrix(action), at.matrix(pre_tanh)); });
}

void log_probability_case(Parity& run, const GaussianCase& shape) {
  const auto pre_tanh = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto distribution = gaussian_input(run, shape);
  const auto out = run.output(1, shape.rows());
  run.expect_same([=](const Place& at) {
    kernels::squashed_gaussian_log_probability(at.stream, at.matrix(pre_tanh), distribution.constant(at),
                                               at.vector(out));
  });
}

void log_probability_backward_case(Parity& run, const GaussianCase& shape) {
  const auto pre_tanh = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto distribution = gaussian_input(run, shape);
  const auto gradient = run.input(1, shape.rows());
  const auto pre_tanh_gradient = run.changed(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto gradients = gaussian_gradients(run, shape);
  run.expect_same([=](const Place& at) {
    kernels::squashed_gaussian_log_probability_backward(at.stream, at.matrix(pre_tanh), distribution.constant(at),
                                                        at.vector(gradient), at.matrix(pre_tanh_gradient),
                                                        gradients.view(at));
  });
}

/// action and log-probability of a sample as functions of mean and log_std.
Differentiable sample_of(Index rows, Index n, bool shared) {
  auto function = function_with({{rows, n}, {shared ? 1 : rows, n}}, {{rows, n}, {rows, 1}});
  const auto draw = [](Stream& stream, In inputs, Doubles& noise, Doubles& pre_tanh, MatrixView<double> action,
                       VectorView<double> log_probability) {
    kernels::squashed_gaussian_sample<double>(stream, distribution_key, nullptr, {inputs[0], inputs[1]}, noise.view(),
                                              pre_tanh.view(), action, log_probability);
  };
  function.forward = [=](Stream& stream, In inputs, Out outputs) {
    Doubles noise(rows, n), pre_tanh(rows, n);
    draw(stream, inputs, noise, pre_tanh, outputs[0], column(outputs[1]));
  };
  function.backward = [=](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    Doubles noise(rows, n), pre_tanh(rows, n), action(rows, n);
    draw(stream, inputs, noise, pre_tanh, action.view(), {});
    kernels::squashed_gaussian_sample_backward<double>(stream, noise.constant(), pre_tanh.constant(), inputs[1],
                                                       output_gradients[0], column(output_gradients[1]),
                                                       {input_gradients[0], input_gradients[1]});
  };
  return function;
}

Differentiable log_probability_of(Index rows, Index n, bool shared) {
  auto function = function_with({{rows, n}, {rows, n}, {shared ? 1 : rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::squashed_gaussian_log_probability<double>(stream, inputs[0], {inputs[1], inputs[2]}, column(outputs[0]));
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::squashed_gaussian_log_probability_backward<double>(stream, inputs[0], {inputs[1], inputs[2]},
                                                                column(output_gradients[0]), input_gradients[0],
                                                                {input_gradients[1], input_gradients[2]});
  };
  return function;
}

/// exp(log π) must integrate to 1 over the actions in (-1, 1): ∫ π(tanh u) (1 - tanh² u) du by the trapezoidal rule.
void expect_density() {
  Stream stream{DeviceId{}};
  constexpr Index points = 4001;
  constexpr double width = 10.0 / (points - 1);
  Doubles u(points, 1), mean(points, 1), log_std(1, 1), out(points, 1);
  mean.set(0.4);
  log_std.at(0, 0) = -0.7;
  for (Index i = 0; i < points; ++i) u.at(i, 0) = -5.0 + static_cast<double>(i) * width;
  kernels::squashed_gaussian_log_probability<double>(stream, u.constant(), {mean.constant(), log_std.constant()},
                                                     out.vector());
  double integral = 0.0;
  for (Index i = 0; i < points; ++i) {
    const double action = std::tanh(u.at(i, 0));
    integral += std::exp(out.at(i, 0)) * (1.0 - action * action) * width;
  }
  EXPECT_NEAR(integral, 1.0, 1e-8);
}

/// What saturates must stay finite, also where σ is tiny and where tanh rounds to ±1.
void expect_finite_extremes() {
  Stream stream{DeviceId{}};
  const std::vector<float> means{0.0f, 20.0f, -20.0f, 20.0f, 1e3f}, log_stds{-20.0f, -20.0f, 2.0f, 2.0f, 2.0f};
  std::vector<float> noise(5), u(5), action(5), log_probability(5), of_mean(5, 0.0f), of_log_std(5, 0.0f);
  const std::vector<float> ones(5, 1.0f);
  kernels::squashed_gaussian_sample(stream, distribution_key, nullptr, {{means.data(), 5, 1}, {log_stds.data(), 5, 1}},
                                    {noise.data(), 5, 1}, {u.data(), 5, 1}, {action.data(), 5, 1},
                                    {log_probability.data(), 5});
  kernels::squashed_gaussian_sample_backward(stream, {noise.data(), 5, 1}, {u.data(), 5, 1}, {log_stds.data(), 5, 1},
                                             {ones.data(), 5, 1}, {ones.data(), 5},
                                             {{of_mean.data(), 5, 1}, {of_log_std.data(), 5, 1}});
  for (std::size_t i = 0; i < 5; ++i) {
    for (const float value : {action[i], log_probability[i], of_mean[i], of_log_std[i]}) {
      EXPECT_TRUE(std::isfinite(value)) << "mean " << means[i] << " log_std " << log_stds[i];
    }
    EXPECT_LE(std::fabs(action[i]), 1.0f);
  }
}

void register_inverse(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> odd{1.0f, -1.0f, 1.5f, -infinity, infinity, std::nanf(""), 0.99999994f, -0.99999994f, 0.0f};
  family.parity("squashed_gaussian_pre_tanh", "beyond its range", [=](Parity& run) {
    const auto action = run.given(odd, 3, 3);
    const auto pre_tanh = run.output(3, 3);
    run.expect_same([=](const Place& at) {
      kernels::squashed_gaussian_pre_tanh(at.stream, at.matrix(action), at.matrix(pre_tanh));
    });
  });
  family.parity("squashed_gaussian_pre_tanh", "is clamped", [=](Parity&) {
    Stream stream{DeviceId{}};
    std::vector<float> u(9);
    kernels::squashed_gaussian_pre_tanh(stream, {odd.data(), 3, 3}, {u.data(), 3, 3});
    const float most = std::atanh(0.99999994f);
    EXPECT_GT(most, 8.6f);
    EXPECT_LT(most, 8.67f);
    const std::vector<float> expected{most, -most, most, -most, most, 0.0f, most, -most, 0.0f};
    for (std::size_t i = 0; i < 9; ++i) {
      if (i == 5) {
        EXPECT_TRUE(std::isnan(u[i]));
      } else {
        EXPECT_NEAR(u[i], expected[i], 1e-5f) << odd[i];
      }
    }
  });
}

void compare_with_pytorch(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix mean = dump.matrix("mean"), log_std = dump.matrix("log_std"), given = dump.matrix("pre_tanh");
  const Vector gradient = dump.vector("gradient");
  const auto zeros = [&](ConstMatrix like) { return dump.output(like.rows, like.columns, 0.0f); };
  const Matrix out = dump.output(1, mean.rows);

  kernels::squashed_gaussian_log_probability(stream, given, {mean, log_std}, out.row(0));
  dump.expect("log_probability", out);
  const Matrix of_u = zeros(mean), of_mean = zeros(mean), of_log_std = zeros(log_std);
  kernels::squashed_gaussian_log_probability_backward(stream, given, {mean, log_std}, gradient, of_u,
                                                      {of_mean, of_log_std});
  dump.expect("log_probability.pre_tanh", of_u);
  dump.expect("log_probability.mean", of_mean);
  dump.expect("log_probability.log_std", of_log_std);

  const Matrix noise = zeros(mean), pre_tanh = zeros(mean), action = zeros(mean);
  const std::vector<Index> at_step{distribution_step};
  const Buffer<Index> step(stream, std::span<const Index>(at_step));
  kernels::squashed_gaussian_sample(stream, distribution_key, step.data(), {mean, log_std}, noise, pre_tanh, action,
                                    out.row(0));
  dump.expect("noise", noise);
  dump.expect("sample.pre_tanh", pre_tanh);
  dump.expect("sample.action", action);
  dump.expect("sample.log_probability", out);
  const Matrix sample_mean = zeros(mean), sample_log_std = zeros(log_std);
  kernels::squashed_gaussian_sample_backward(stream, noise, pre_tanh, log_std, dump.matrix("action_gradient"), gradient,
                                             {sample_mean, sample_log_std});
  dump.expect("sample.mean", sample_mean);
  dump.expect("sample.log_std", sample_log_std);
}

void register_parity(Family& family, const GaussianCase& shape, std::size_t number) {
  const std::string text = text_of(shape);
  family.operation("squashed_gaussian_sample", text, [=](Parity& run) { sample_case(run, shape, true); });
  family.operation("squashed_gaussian_sample_backward", text,
                   [=](Parity& run) { sample_backward_case(run, shape, Through::both); });
  if (number % 3 == 0) {
    family.parity("squashed_gaussian_sample", text + " alone", [=](Parity& run) { sample_case(run, shape, false); });
    const Through through = number % 2 == 0 ? Through::action : Through::log_probability;
    family.parity("squashed_gaussian_sample_backward",
                  text + (number % 2 == 0 ? " of the action" : " of the log-probability"),
                  [=](Parity& run) { sample_backward_case(run, shape, through); });
  }
  family.operation("squashed_gaussian_log_probability", text, [=](Parity& run) { log_probability_case(run, shape); });
  family.operation("squashed_gaussian_log_probability_backward", text,
                   [=](Parity& run) { log_probability_backward_case(run, shape); });
  family.operation("squashed_gaussian_pre_tanh", text, [=](Parity& run) { pre_tanh_case(run, shape.matrix); });
}

const std::vector<std::string> differentiable_operations{
    "squashed_gaussian_sample", "squashed_gaussian_sample_backward", "squashed_gaussian_log_probability",
    "squashed_gaussian_log_probability_backward"};

const Family squashed_gaussian("distribution", [](Family& family) {
  std::size_t number = 0;
  for (const GaussianCase& shape : gaussian_cases()) register_parity(family, shape, number++);
  register_inverse(family);
  family.parity("squashed_gaussian_log_probability", "is a density", [](Parity&) { expect_density(); });
  family.parity("squashed_gaussian_sample", "finite at extremes", [](Parity&) { expect_finite_extremes(); });
  for (const auto& [rows, n] : {std::pair<Index, Index>{0, 3}, {3, 0}, {1, 1}, {1, 7}, {9, 5}, {17, 2}}) {
    for (const bool shared : {false, true}) {
      const std::string text = std::to_string(rows) + " x " + std::to_string(n) + (shared ? " shared" : "");
      check_gradient(family, {"squashed_gaussian_sample", "squashed_gaussian_sample_backward"}, text,
                     [=, rows = rows, n = n] { return sample_of(rows, n, shared); });
      check_gradient(family, {"squashed_gaussian_log_probability", "squashed_gaussian_log_probability_backward"}, text,
                     [=, rows = rows, n = n] { return log_probability_of(rows, n, shared); });
    }
  }
  for (const char* name : {"rows", "shared", "one_row", "saturated", "broad"}) {
    family.pytorch(differentiable_operations, std::string("squashed_") + name, compare_with_pytorch);
  }
  family.pytorch({"squashed_gaussian_pre_tanh"}, "squashed_inverse", [](PyTorchCase& dump) {
    const Matrix action = dump.matrix("action"), pre_tanh = dump.output(action.rows, action.columns);
    kernels::squashed_gaussian_pre_tanh(dump.stream(), action, pre_tanh);
    dump.expect("pre_tanh", pre_tanh);
  });
  family.without(differentiable_operations, {Aspect::tangent},
                 "policy gradients are of first order; their curvature is gaussian_fisher_product, before squashing");
  family.without({"squashed_gaussian_pre_tanh"}, {Aspect::gradient, Aspect::tangent},
                 "it prepares actions that are given, which no gradient flows into");
});

}  // namespace
}  // namespace mynah::tests
