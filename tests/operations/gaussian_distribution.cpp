#include "kernels/gaussian_distribution.h"

#include <cmath>

#include "engine/buffer.h"
#include "tests/operations/distribution_cases.h"

namespace mynah::tests {
namespace {

void sample_case(Parity& run, const GaussianCase& shape) {
  const auto step = run.given<Index>({distribution_step}, 1, 1);
  const auto distribution = gaussian_input(run, shape);
  const auto noise = run.output(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto action = run.output(shape.rows(), shape.columns(), shape.matrix.layout);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_sample(at.stream, distribution_key, at.pointer(step), distribution.constant(at), at.matrix(noise),
                             at.matrix(action));
  });
}

void sample_backward_case(Parity& run, const GaussianCase& shape) {
  const auto parameters = gaussian_input(run, shape);  // the noise has the shape of the mean
  const auto action_gradient = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto gradients = gaussian_gradients(run, shape);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_sample_backward(at.stream, at.matrix(parameters.mean), at.matrix(parameters.log_std),
                                      at.matrix(action_gradient), gradients.view(at));
  });
}

void log_probability_case(Parity& run, const GaussianCase& shape) {
  const auto action = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto distribution = gaussian_input(run, shape);
  const auto out = run.output(1, shape.rows());
  run.expect_same([=](const Place& at) {
    kernels::gaussian_log_probability(at.stream, at.matrix(action), distribution.constant(at), at.vector(out));
  });
}

/// wanted: of action, mean and log_std, bit by bit.
void log_probability_backward_case(Parity& run, const GaussianCase& shape, unsigned wanted) {
  const auto action = run.input(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto distribution = gaussian_input(run, shape);
  const auto gradient = run.input(1, shape.rows());
  const auto action_gradient = run.changed(shape.rows(), shape.columns(), shape.matrix.layout);
  const auto gradients = gaussian_gradients(run, shape);
  run.expect_same([=](const Place& at) {
    auto targets = gradients.view(at);
    if ((wanted & 2u) == 0) targets.mean = {};
    if ((wanted & 4u) == 0) targets.log_std = {};
    kernels::gaussian_log_probability_backward(at.stream, at.matrix(action), distribution.constant(at),
                                               at.vector(gradient),
                                               (wanted & 1u) == 0 ? Matrix{} : at.matrix(action_gradient), targets);
  });
}

void entropy_case(Parity& run, const GaussianCase& shape) {
  const auto log_std = run.input(shape.log_std_rows(), shape.columns(), shape.matrix.layout);
  const auto out = run.output(1, shape.rows());
  run.expect_same([=](const Place& at) { kernels::gaussian_entropy(at.stream, at.matrix(log_std), at.vector(out)); });
}

void entropy_backward_case(Parity& run, const GaussianCase& shape) {
  const auto gradient = run.input(1, shape.rows());
  const auto log_std_gradient = run.changed(shape.log_std_rows(), shape.columns(), shape.matrix.layout);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_entropy_backward(at.stream, at.vector(gradient), at.matrix(log_std_gradient));
  });
}

/// The other distribution: its log_std shared where p's is not, every other time.
GaussianCase other_of(const GaussianCase& shape) {
  return {shape.matrix, shape.shared == (shape.columns() % 2 == 0)};
}

void kl_divergence_case(Parity& run, const GaussianCase& shape) {
  const auto p = gaussian_input(run, shape), q = gaussian_input(run, other_of(shape));
  const auto out = run.output(1, shape.rows());
  run.expect_same([=](const Place& at) {
    kernels::gaussian_kl_divergence(at.stream, p.constant(at), q.constant(at), at.vector(out));
  });
}

void kl_divergence_backward_case(Parity& run, const GaussianCase& shape) {
  const auto p = gaussian_input(run, shape), q = gaussian_input(run, other_of(shape));
  const auto gradient = run.input(1, shape.rows());
  const auto p_gradients = gaussian_gradients(run, shape), q_gradients = gaussian_gradients(run, other_of(shape));
  run.expect_same([=](const Place& at) {
    kernels::gaussian_kl_divergence_backward(at.stream, p.constant(at), q.constant(at), at.vector(gradient),
                                             p_gradients.view(at), q_gradients.view(at));
  });
}

void fisher_product_case(Parity& run, const GaussianCase& shape) {
  const auto log_std = run.input(shape.log_std_rows(), shape.columns(), shape.matrix.layout);
  const auto tangents = gaussian_input(run, shape);
  const auto products = gaussian_gradients(run, shape);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_fisher_product(at.stream, at.matrix(log_std), tangents.constant(at), shape.rows(), 0.5f,
                                     products.view(at));
  });
}

/// The noise that the sample of a distribution is made of.
Doubles noise_of(Stream& stream, MatrixView<const double> mean, MatrixView<const double> log_std) {
  Doubles noise(mean.rows, mean.columns), action(mean.rows, mean.columns);
  kernels::gaussian_sample<double>(stream, distribution_key, nullptr, {mean, log_std}, noise.view(), action.view());
  return noise;
}

Differentiable sample_of(Index rows, Index n, bool shared) {
  auto function = function_with({{rows, n}, {shared ? 1 : rows, n}}, {{rows, n}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    Doubles noise(outputs[0].rows, outputs[0].columns);
    kernels::gaussian_sample<double>(stream, distribution_key, nullptr, {inputs[0], inputs[1]}, noise.view(),
                                     outputs[0]);
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    const Doubles noise = noise_of(stream, inputs[0], inputs[1]);
    kernels::gaussian_sample_backward<double>(stream, noise.constant(), inputs[1], output_gradients[0],
                                              {input_gradients[0], input_gradients[1]});
  };
  return function;
}

Differentiable log_probability_of(Index rows, Index n, bool shared) {
  auto function = function_with({{rows, n}, {rows, n}, {shared ? 1 : rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::gaussian_log_probability<double>(stream, inputs[0], {inputs[1], inputs[2]}, column(outputs[0]));
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::gaussian_log_probability_backward<double>(stream, inputs[0], {inputs[1], inputs[2]},
                                                       column(output_gradients[0]), input_gradients[0],
                                                       {input_gradients[1], input_gradients[2]});
  };
  return function;
}

Differentiable entropy_of(Index rows, Index n, bool shared) {
  auto function = function_with({{shared ? 1 : rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::gaussian_entropy<double>(stream, inputs[0], column(outputs[0]));
  };
  function.backward = [](Stream& stream, In, In, Out output_gradients, Out input_gradients) {
    kernels::gaussian_entropy_backward<double>(stream, column(output_gradients[0]), input_gradients[0]);
  };
  return function;
}

Differentiable kl_divergence_of(Index rows, Index n, bool shared) {
  auto function = function_with({{rows, n}, {shared ? 1 : rows, n}, {rows, n}, {rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::gaussian_kl_divergence<double>(stream, {inputs[0], inputs[1]}, {inputs[2], inputs[3]}, column(outputs[0]));
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::gaussian_kl_divergence_backward<double>(
        stream, {inputs[0], inputs[1]}, {inputs[2], inputs[3]}, column(output_gradients[0]),
        {input_gradients[0], input_gradients[1]}, {input_gradients[2], input_gradients[3]});
  };
  return function;
}

std::vector<double> values_of(const Doubles& first, const Doubles& second) {
  std::vector<double> values;
  for (const Doubles* matrix : {&first, &second}) {
    for (Index m = 0; m < matrix->rows(); ++m) {
      for (Index c = 0; c < matrix->columns(); ++c) values.push_back(matrix->at(m, c));
    }
  }
  return values;
}

void expect_fisher_is_curvature(Index rows, Index n, bool shared) {
  Stream stream{DeviceId{}};
  std::mt19937 generator(9);
  const Index log_std_rows = shared ? 1 : rows;
  Doubles mean(rows, n), log_std(log_std_rows, n), mean_tangent(rows, n), log_std_tangent(log_std_rows, n);
  for (Doubles* matrix : {&mean, &log_std, &mean_tangent, &log_std_tangent}) matrix->randomize(generator);
  Doubles of_mean(rows, n), of_log_std(log_std_rows, n), ones(rows, 1);
  ones.set(1.0);
  const auto gradient_at = [&](double t) {
    Doubles q_mean = mean, q_log_std = log_std;
    for (Index c = 0; c < n; ++c) {
      for (Index m = 0; m < rows; ++m) q_mean.at(m, c) += t * mean_tangent.at(m, c);
      for (Index m = 0; m < log_std_rows; ++m) q_log_std.at(m, c) += t * log_std_tangent.at(m, c);
    }
    of_mean.set(0.0);
    of_log_std.set(0.0);
    kernels::gaussian_kl_divergence_backward<double>(stream, {mean.constant(), log_std.constant()},
                                                     {q_mean.constant(), q_log_std.constant()}, ones.constant_vector(),
                                                     {}, {of_mean.view(), of_log_std.view()});
    return values_of(of_mean, of_log_std);
  };
  Doubles product_of_mean(rows, n), product_of_log_std(log_std_rows, n);
  product_of_mean.set(0.0);
  product_of_log_std.set(0.0);
  kernels::gaussian_fisher_product<double>(stream, log_std.constant(),
                                           {mean_tangent.constant(), log_std_tangent.constant()}, rows, 1.0f,
                                           {product_of_mean.view(), product_of_log_std.view()});
  expect_curvature(gradient_at, values_of(product_of_mean, product_of_log_std));
}

/// Mean and deviation of many draws, within five standard deviations, and that strides and devices change nothing.
void expect_statistics() {
  constexpr Index rows = 40000;
  Stream stream{DeviceId{}};
  const std::vector<float> mean(rows * 2, 1.5f), log_std{0.5f, -1.0f};
  std::vector<float> noise(mean.size()), action(mean.size()), wide(rows * 5);
  kernels::gaussian_sample(stream, distribution_key, nullptr, {{mean.data(), rows, 2}, {log_std.data(), 1, 2}},
                           {noise.data(), rows, 2}, {action.data(), rows, 2});
  kernels::gaussian_sample(stream, distribution_key, nullptr, {{mean.data(), rows, 2}, {log_std.data(), 1, 2}},
                           {noise.data(), rows, 2}, {wide.data(), rows, 2, 5});
  for (Index c = 0; c < 2; ++c) {
    const double deviation = std::exp(static_cast<double>(log_std[static_cast<std::size_t>(c)]));
    double sum = 0.0, squares = 0.0;
    for (Index m = 0; m < rows; ++m) {
      const auto value = static_cast<double>(action[static_cast<std::size_t>(2 * m + c)]);
      EXPECT_EQ(action[static_cast<std::size_t>(2 * m + c)], wide[static_cast<std::size_t>(5 * m + c)]);
      sum += (value - 1.5) / deviation;
      squares += (value - 1.5) * (value - 1.5) / (deviation * deviation);
    }
    EXPECT_NEAR(sum / rows, 0.0, 5 / std::sqrt(static_cast<double>(rows)));
    EXPECT_NEAR(squares / rows, 1.0, 5 * std::sqrt(2.0 / rows));
  }
}

void compare_with_pytorch(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix mean = dump.matrix("mean"), log_std = dump.matrix("log_std"), action = dump.matrix("action");
  const kernels::GaussianView<const float> p{mean, log_std}, q{dump.matrix("q_mean"), dump.matrix("q_log_std")};
  const Vector gradient = dump.vector("gradient");
  const auto zeros = [&](ConstMatrix like) { return dump.output(like.rows, like.columns, 0.0f); };
  const Matrix out = dump.output(1, mean.rows);

  kernels::gaussian_log_probability(stream, action, p, out.row(0));
  dump.expect("log_probability", out);
  const Matrix of_action = zeros(action), of_mean = zeros(mean), of_log_std = zeros(log_std);
  kernels::gaussian_log_probability_backward(stream, action, p, gradient, of_action, {of_mean, of_log_std});
  dump.expect("log_probability.action", of_action);
  dump.expect("log_probability.mean", of_mean);
  dump.expect("log_probability.log_std", of_log_std);

  kernels::gaussian_entropy(stream, log_std, out.row(0));
  dump.expect("entropy", out);
  const Matrix of_entropy = zeros(log_std);
  kernels::gaussian_entropy_backward(stream, gradient, of_entropy);
  dump.expect("entropy.log_std", of_entropy);

  kernels::gaussian_kl_divergence(stream, p, q, out.row(0));
  dump.expect("kl", out);
  const Matrix kl_mean = zeros(mean), kl_log_std = zeros(log_std), kl_q_mean = zeros(mean),
               kl_q_log_std = zeros(q.log_std);
  kernels::gaussian_kl_divergence_backward(stream, p, q, gradient, {kl_mean, kl_log_std}, {kl_q_mean, kl_q_log_std});
  dump.expect("kl.mean", kl_mean);
  dump.expect("kl.log_std", kl_log_std);
  dump.expect("kl.q_mean", kl_q_mean);
  dump.expect("kl.q_log_std", kl_q_log_std);

  const Matrix noise = zeros(mean), sample = zeros(mean);
  const std::vector<Index> at_step{distribution_step};
  const Buffer<Index> step_buffer(stream, std::span<const Index>(at_step));
  kernels::gaussian_sample(stream, distribution_key, step_buffer.data(), p, noise, sample);
  dump.expect("noise", noise);
  dump.expect("sample", sample);
  const Matrix sample_mean = zeros(mean), sample_log_std = zeros(log_std);
  kernels::gaussian_sample_backward(stream, noise, log_std, dump.matrix("action_gradient"),
                                    {sample_mean, sample_log_std});
  dump.expect("sample.mean", sample_mean);
  dump.expect("sample.log_std", sample_log_std);

  const Matrix fisher_mean = zeros(mean), fisher_log_std = zeros(log_std);
  kernels::gaussian_fisher_product(stream, log_std, {dump.matrix("mean_tangent"), dump.matrix("log_std_tangent")},
                                   mean.rows, 1.0f / static_cast<float>(mean.rows), {fisher_mean, fisher_log_std});
  dump.expect("fisher.mean", fisher_mean);
  dump.expect("fisher.log_std", fisher_log_std);
}

/// log_std at the ends of its range and beyond, and what is not a number.
void register_extremes(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> log_stds{-20.0f, -20.0f, -5.0f, 2.0f, 2.0f, 0.0f, 0.0f, std::nanf(""), -87.0f, 50.0f};
  const std::vector<float> means{0.0f, 1e4f, -3.0f, 0.0f, 1e4f, infinity, std::nanf(""), 1.0f, 1.0f, 1.0f};
  family.parity("gaussian_log_probability", "extremes", [=](Parity& run) {
    const auto action = run.input(10, 1);
    const auto mean = run.given(means, 10, 1), log_std = run.given(log_stds, 10, 1);
    const auto out = run.output(1, 10);
    run.expect_same([=](const Place& at) {
      kernels::gaussian_log_probability(at.stream, at.matrix(action), {at.matrix(mean), at.matrix(log_std)},
                                        at.vector(out));
    });
  });
  family.parity("gaussian_kl_divergence", "extremes", [=](Parity& run) {
    const auto p_log_std = run.given(std::vector<float>{-20.0f, 2.0f, -20.0f, 2.0f}, 4, 1);
    const auto q_log_std = run.given(std::vector<float>{2.0f, -20.0f, -20.0f, 2.0f}, 4, 1);
    const auto mean = run.given(std::vector<float>{0.0f, 0.0f, 0.0f, 0.0f}, 4, 1);
    const auto out = run.output(1, 4);
    run.expect_same([=](const Place& at) {
      kernels::gaussian_kl_divergence(at.stream, {at.matrix(mean), at.matrix(p_log_std)},
                                      {at.matrix(mean), at.matrix(q_log_std)}, at.vector(out));
    });
  });
}

void register_parity(Family& family, const GaussianCase& shape, unsigned wanted) {
  const std::string text = text_of(shape);
  family.operation("gaussian_sample", text, [=](Parity& run) { sample_case(run, shape); });
  family.operation("gaussian_sample_backward", text, [=](Parity& run) { sample_backward_case(run, shape); });
  family.operation("gaussian_log_probability", text, [=](Parity& run) { log_probability_case(run, shape); });
  family.operation("gaussian_log_probability_backward", text,
                   [=](Parity& run) { log_probability_backward_case(run, shape, 7u); });
  family.parity("gaussian_log_probability_backward", text + " wanted " + std::to_string(wanted),
                [=](Parity& run) { log_probability_backward_case(run, shape, wanted); });
  family.operation("gaussian_entropy", text, [=](Parity& run) { entropy_case(run, shape); });
  family.operation("gaussian_entropy_backward", text, [=](Parity& run) { entropy_backward_case(run, shape); });
  family.operation("gaussian_kl_divergence", text, [=](Parity& run) { kl_divergence_case(run, shape); });
  family.operation("gaussian_kl_divergence_backward", text,
                   [=](Parity& run) { kl_divergence_backward_case(run, shape); });
  family.operation("gaussian_fisher_product", text, [=](Parity& run) { fisher_product_case(run, shape); });
}

const std::vector<std::string> every_operation{"gaussian_sample",          "gaussian_sample_backward",
                                               "gaussian_log_probability", "gaussian_log_probability_backward",
                                               "gaussian_entropy",         "gaussian_entropy_backward",
                                               "gaussian_kl_divergence",   "gaussian_kl_divergence_backward",
                                               "gaussian_fisher_product"};

const Family gaussian("distribution", [](Family& family) {
  unsigned wanted = 0;
  for (const GaussianCase& shape : gaussian_cases()) register_parity(family, shape, ++wanted % 7);
  family.parity("gaussian_sample", "statistics", [](Parity&) { expect_statistics(); });
  register_extremes(family);
  for (const auto& [rows, n] : {std::pair<Index, Index>{0, 3}, {3, 0}, {1, 1}, {1, 7}, {9, 5}, {17, 2}}) {
    for (const bool shared : {false, true}) {
      const std::string text = std::to_string(rows) + " x " + std::to_string(n) + (shared ? " shared" : "");
      check_gradient(family, {"gaussian_sample", "gaussian_sample_backward"}, text,
                     [=, rows = rows, n = n] { return sample_of(rows, n, shared); });
      check_gradient(family, {"gaussian_log_probability", "gaussian_log_probability_backward"}, text,
                     [=, rows = rows, n = n] { return log_probability_of(rows, n, shared); });
      check_gradient(family, {"gaussian_entropy", "gaussian_entropy_backward"}, text,
                     [=, rows = rows, n = n] { return entropy_of(rows, n, shared); });
      check_gradient(family, {"gaussian_kl_divergence", "gaussian_kl_divergence_backward"}, text,
                     [=, rows = rows, n = n] { return kl_divergence_of(rows, n, shared); });
      family.check(Aspect::gradient, {"gaussian_fisher_product"}, text,
                   [=, rows = rows, n = n] { expect_fisher_is_curvature(rows, n, shared); });
    }
  }
  for (const char* name : {"rows", "shared", "mixed", "one_row", "narrow", "broad", "near"}) {
    family.pytorch(every_operation, std::string("gaussian_") + name, compare_with_pytorch);
  }
  family.without(every_operation, {Aspect::tangent},
                 "policy gradients are of first order; their curvature is gaussian_fisher_product");
});

}  // namespace
}  // namespace mynah::tests
