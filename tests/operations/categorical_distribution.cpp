#include "kernels/categorical_distribution.h"

#include <cmath>

#include "engine/buffer.h"
#include "tests/operations/distribution_cases.h"

namespace mynah::tests {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Input {
  Tensor<float> logits;
  Tensor<std::int32_t> labels;
  Tensor<float> gradient;
};
Input input_of(Parity& run, const MatrixCase& shape) {
  return {run.input(shape.rows, shape.columns, shape.layout),
          run.labels(shape.rows, static_cast<std::int32_t>(shape.columns), shape.layout.offset),
          run.input(1, shape.rows)};
}

void sample_case(Parity& run, const MatrixCase& shape) {
  const auto step = run.given<Index>({distribution_step}, 1, 1);
  const auto logits = run.input(shape.rows, shape.columns, shape.layout);
  const auto labels = run.output<std::int32_t>(1, shape.rows);
  run.expect_same([=](const Place& at) {
    kernels::categorical_sample(at.stream, distribution_key, at.pointer(step), at.matrix(logits), at.vector(labels));
  });
}

void log_probability_case(Parity& run, const MatrixCase& shape) {
  const Input in = input_of(run, shape);
  const auto out = run.output(1, shape.rows);
  run.expect_same([=](const Place& at) {
    kernels::categorical_log_probability(at.stream, at.matrix(in.logits), at.vector(in.labels), at.vector(out));
  });
}

void log_probability_backward_case(Parity& run, const MatrixCase& shape) {
  const Input in = input_of(run, shape);
  const auto place = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::categorical_log_probability_backward(at.stream, at.matrix(in.logits), at.vector(in.labels),
                                                  at.vector(in.gradient), at.matrix(place));
  });
}

void entropy_case(Parity& run, const MatrixCase& shape) {
  const Input in = input_of(run, shape);
  const auto out = run.output(1, shape.rows);
  run.expect_same(
      [=](const Place& at) { kernels::categorical_entropy(at.stream, at.matrix(in.logits), at.vector(out)); });
}

void entropy_backward_case(Parity& run, const MatrixCase& shape) {
  const Input in = input_of(run, shape);
  const auto place = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::categorical_entropy_backward(at.stream, at.matrix(in.logits), at.vector(in.gradient), at.matrix(place));
  });
}

void kl_divergence_case(Parity& run, const MatrixCase& shape) {
  const auto p = run.input(shape.rows, shape.columns, shape.layout);
  const auto q = run.input(shape.rows, shape.columns, shape.layout);
  const auto out = run.output(1, shape.rows);
  run.expect_same([=](const Place& at) {
    kernels::categorical_kl_divergence(at.stream, at.matrix(p), at.matrix(q), at.vector(out));
  });
}

void kl_divergence_backward_case(Parity& run, const MatrixCase& shape, bool of_p, bool of_q) {
  const auto p = run.input(shape.rows, shape.columns, shape.layout);
  const auto q = run.input(shape.rows, shape.columns, shape.layout);
  const auto gradient = run.input(1, shape.rows);
  const auto p_place = run.changed(shape.rows, shape.columns, shape.layout);
  const auto q_place = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::categorical_kl_divergence_backward(at.stream, at.matrix(p), at.matrix(q), at.vector(gradient),
                                                of_p ? at.matrix(p_place) : Matrix{},
                                                of_q ? at.matrix(q_place) : Matrix{});
  });
}

void fisher_product_case(Parity& run, const MatrixCase& shape) {
  const auto logits = run.input(shape.rows, shape.columns, shape.layout);
  const auto tangent = run.input(shape.rows, shape.columns, shape.layout);
  const auto product = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::categorical_fisher_product(at.stream, at.matrix(logits), at.matrix(tangent), 0.5f, at.matrix(product));
  });
}

/// Large logits, masked ones, one class left; and rows that are no distributions: all masked, NaN, +∞.
const std::vector<float> odd_logits{1e4f,      -1e4f,     0.0f,      1e4f,      1e4f,          -1e4f,   -infinity,
                                    2.0f,      1.0f,      -1e4f,     -infinity, -1e4f,         3.0f,    -infinity,
                                    -infinity, -infinity, -infinity, 0.0f,      std::nanf(""), 1.0f,    0.0f,
                                    -infinity, -infinity, -infinity, 1.0f,      0.0f,          infinity};
constexpr Index odd_rows = 9;
/// Of the odd rows: possible, impossible (masked) and none at all.
const std::vector<std::int32_t> odd_labels{0, 2, 0, 2, 0, 1, 1, 0, -1};

void register_odd_logits(Family& family) {
  const auto logits_of = [](Parity& run) { return run.given(odd_logits, odd_rows, 3); };
  const auto out_of = [](Parity& run) { return run.output(1, odd_rows); };
  family.parity("categorical_sample", "odd logits", [=](Parity& run) {
    const auto logits = logits_of(run);
    const auto labels = run.output<std::int32_t>(1, odd_rows);
    run.expect_same([=](const Place& at) {
      kernels::categorical_sample(at.stream, distribution_key, nullptr, at.matrix(logits), at.vector(labels));
    });
  });
  family.parity("categorical_log_probability", "odd logits", [=](Parity& run) {
    const auto logits = logits_of(run);
    const auto labels = run.given(odd_labels, 1, odd_rows);
    const auto out = out_of(run);
    run.expect_same([=](const Place& at) {
      kernels::categorical_log_probability(at.stream, at.matrix(logits), at.vector(labels), at.vector(out));
    });
  });
  family.parity("categorical_log_probability_backward", "odd logits", [=](Parity& run) {
    const auto logits = logits_of(run);
    const auto labels = run.given(odd_labels, 1, odd_rows);
    const auto gradient = run.input(1, odd_rows);
    const auto place = run.changed(odd_rows, 3);
    run.expect_same([=](const Place& at) {
      kernels::categorical_log_probability_backward(at.stream, at.matrix(logits), at.vector(labels),
                                                    at.vector(gradient), at.matrix(place));
    });
  });
  family.parity("categorical_entropy", "odd logits", [=](Parity& run) {
    const auto logits = logits_of(run);
    const auto out = out_of(run);
    run.expect_same(
        [=](const Place& at) { kernels::categorical_entropy(at.stream, at.matrix(logits), at.vector(out)); });
  });
  family.parity("categorical_kl_divergence", "odd logits", [=](Parity& run) {
    const auto p = logits_of(run);
    auto reversed = odd_logits;
    std::reverse(reversed.begin(), reversed.end());
    const auto q = run.given(reversed, odd_rows, 3);
    const auto out = out_of(run);
    run.expect_same([=](const Place& at) {
      kernels::categorical_kl_divergence(at.stream, at.matrix(p), at.matrix(q), at.vector(out));
    });
  });
}

/// What the contract promises of them, number by number.
void expect_odd_rows_as_promised() {
  Stream stream{DeviceId{}};
  std::vector<std::int32_t> drawn(odd_rows);
  std::vector<float> h(odd_rows), log_p(odd_rows);
  const ConstMatrix logits{odd_logits.data(), odd_rows, 3};
  kernels::categorical_sample(stream, distribution_key, nullptr, logits, {drawn.data(), odd_rows});
  kernels::categorical_entropy(stream, logits, {h.data(), odd_rows});
  kernels::categorical_log_probability(stream, logits, {odd_labels.data(), odd_rows}, {log_p.data(), odd_rows});
  EXPECT_EQ(drawn[0], 0);
  EXPECT_NE(drawn[1], 2);
  EXPECT_NE(drawn[2], 0);
  EXPECT_NE(drawn[3], 1);
  EXPECT_EQ(drawn[4], 0);
  EXPECT_EQ(drawn[5], 2);
  EXPECT_EQ(h[0], 0.0f);
  EXPECT_NEAR(h[1], std::log(2.0f), 1e-6f);
  EXPECT_EQ(h[4], 0.0f);
  EXPECT_EQ(log_p[0], 0.0f);
  EXPECT_EQ(log_p[2], -infinity);
  for (const std::size_t none : {6u, 7u, 8u}) {
    EXPECT_EQ(drawn[none], -1);
    EXPECT_TRUE(std::isnan(h[none]));
    EXPECT_TRUE(std::isnan(log_p[none]));
  }
}

/// How often each class is drawn against its probability: χ² within five standard deviations.
void expect_statistics() {
  Stream stream{DeviceId{}};
  constexpr Index rows = 60000, classes = 7;
  const std::vector<float> one{0.0f, 1.0f, -1.0f, 2.0f, -infinity, 0.5f, -3.0f};
  std::vector<float> logits;
  for (Index m = 0; m < rows; ++m) logits.insert(logits.end(), one.begin(), one.end());
  std::vector<std::int32_t> labels(rows);
  kernels::categorical_sample(stream, distribution_key, nullptr, {logits.data(), rows, classes}, {labels.data(), rows});
  std::vector<double> counts(classes, 0.0);
  for (const std::int32_t label : labels) counts.at(static_cast<std::size_t>(label)) += 1.0;
  double sum = 0.0, chi_square = 0.0;
  for (const float logit : one) sum += std::exp(static_cast<double>(logit));
  for (std::size_t c = 0; c < classes; ++c) {
    const double expected = rows * std::exp(static_cast<double>(one[c])) / sum;
    if (expected == 0.0) {
      EXPECT_EQ(counts[c], 0.0);
    } else {
      chi_square += (counts[c] - expected) * (counts[c] - expected) / expected;
    }
  }
  EXPECT_LT(chi_square, 5 + 5 * std::sqrt(10.0));
}

std::vector<std::int32_t> some_labels(Index rows, Index classes) {
  std::vector<std::int32_t> labels;
  for (Index m = 0; m < rows; ++m) labels.push_back(static_cast<std::int32_t>(m * 3 % classes));
  return labels;
}

Differentiable log_probability_of(Index rows, Index n) {
  auto function = function_with({{rows, n}}, {{rows, 1}});
  const auto labels = some_labels(rows, n);
  function.forward = [=](Stream& stream, In inputs, Out outputs) {
    kernels::categorical_log_probability<double>(stream, inputs[0], {labels.data(), rows}, column(outputs[0]));
  };
  function.backward = [=](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::categorical_log_probability_backward<double>(stream, inputs[0], {labels.data(), rows},
                                                          column(output_gradients[0]), input_gradients[0]);
  };
  return function;
}

Differentiable entropy_of(Index rows, Index n) {
  auto function = function_with({{rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::categorical_entropy<double>(stream, inputs[0], column(outputs[0]));
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::categorical_entropy_backward<double>(stream, inputs[0], column(output_gradients[0]), input_gradients[0]);
  };
  return function;
}

Differentiable kl_divergence_of(Index rows, Index n) {
  auto function = function_with({{rows, n}, {rows, n}}, {{rows, 1}});
  function.forward = [](Stream& stream, In inputs, Out outputs) {
    kernels::categorical_kl_divergence<double>(stream, inputs[0], inputs[1], column(outputs[0]));
  };
  function.backward = [](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::categorical_kl_divergence_backward<double>(stream, inputs[0], inputs[1], column(output_gradients[0]),
                                                        input_gradients[0], input_gradients[1]);
  };
  return function;
}

void expect_fisher_is_curvature(Index rows, Index n) {
  Stream stream{DeviceId{}};
  std::mt19937 generator(9);
  const Doubles logits = Doubles(rows, n).randomize(generator), tangent = Doubles(rows, n).randomize(generator);
  Doubles ones(rows, 1), product(rows, n);
  ones.set(1.0);
  product.set(0.0);
  const auto values_of = [&](const Doubles& matrix) {
    std::vector<double> values;
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < n; ++c) values.push_back(matrix.at(m, c));
    }
    return values;
  };
  const auto gradient_at = [&](double t) {
    Doubles q = logits, gradient(rows, n);
    gradient.set(0.0);
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < n; ++c) q.at(m, c) += t * tangent.at(m, c);
    }
    kernels::categorical_kl_divergence_backward<double>(stream, logits.constant(), q.constant(), ones.constant_vector(),
                                                        {}, gradient.view());
    return values_of(gradient);
  };
  kernels::categorical_fisher_product<double>(stream, logits.constant(), tangent.constant(), 1.0f, product.view());
  expect_curvature(gradient_at, values_of(product));
}

void compare_with_pytorch(PyTorchCase& dump) {
  Stream& stream = dump.stream();
  const Matrix logits = dump.matrix("logits"), q_logits = dump.matrix("q_logits");
  const Labels labels = dump.labels("labels");
  const Vector gradient = dump.vector("gradient");
  const auto zeros = [&] { return dump.output(logits.rows, logits.columns, 0.0f); };
  const Matrix out = dump.output(1, logits.rows);

  kernels::categorical_log_probability(stream, logits, labels, out.row(0));
  dump.expect("log_probability", out);
  const Matrix of_log_probability = zeros(), of_entropy = zeros(), of_p = zeros(), of_q = zeros(), product = zeros();
  kernels::categorical_log_probability_backward(stream, logits, labels, gradient, of_log_probability);
  dump.expect("log_probability.logits", of_log_probability);
  kernels::categorical_entropy(stream, logits, out.row(0));
  dump.expect("entropy", out);
  kernels::categorical_entropy_backward(stream, logits, gradient, of_entropy);
  dump.expect("entropy.logits", of_entropy);
  kernels::categorical_kl_divergence(stream, logits, q_logits, out.row(0));
  dump.expect("kl", out);
  kernels::categorical_kl_divergence_backward(stream, logits, q_logits, gradient, of_p, of_q);
  dump.expect("kl.logits", of_p);
  dump.expect("kl.q_logits", of_q);
  kernels::categorical_fisher_product(stream, logits, dump.matrix("tangent"), 1.0f / static_cast<float>(logits.rows),
                                      product);
  dump.expect("fisher", product);

  const std::vector<Index> at_step{distribution_step};
  const Buffer<Index> step(stream, std::span<const Index>(at_step));
  const Buffer<std::int32_t> drawn(stream.device(), logits.rows);
  kernels::categorical_sample(stream, distribution_key, step.data(), logits, drawn.view());
  const Labels expected = dump.labels("sample");
  std::vector<std::int32_t> values(static_cast<std::size_t>(expected.size));
  kernels::copy_to_host(stream, values.data(), expected.data, values.size() * sizeof(std::int32_t));
  EXPECT_EQ(drawn.download(stream), values);
}

const std::vector<std::string> every_operation{"categorical_sample",
                                               "categorical_log_probability",
                                               "categorical_log_probability_backward",
                                               "categorical_entropy",
                                               "categorical_entropy_backward",
                                               "categorical_kl_divergence",
                                               "categorical_kl_divergence_backward",
                                               "categorical_fisher_product"};

void register_parity(Family& family, const MatrixCase& shape) {
  const std::string text = text_of(shape);
  family.operation("categorical_sample", text, [=](Parity& run) { sample_case(run, shape); });
  family.operation("categorical_log_probability", text, [=](Parity& run) { log_probability_case(run, shape); });
  family.operation("categorical_log_probability_backward", text,
                   [=](Parity& run) { log_probability_backward_case(run, shape); });
  family.operation("categorical_entropy", text, [=](Parity& run) { entropy_case(run, shape); });
  family.operation("categorical_entropy_backward", text, [=](Parity& run) { entropy_backward_case(run, shape); });
  family.operation("categorical_kl_divergence", text, [=](Parity& run) { kl_divergence_case(run, shape); });
  family.operation("categorical_kl_divergence_backward", text,
                   [=](Parity& run) { kl_divergence_backward_case(run, shape, true, true); });
  if (shape.rows % 2 == 1) {
    const bool of_p = shape.columns % 2 == 1;
    family.parity("categorical_kl_divergence_backward", text + (of_p ? " of p" : " of q"),
                  [=](Parity& run) { kl_divergence_backward_case(run, shape, of_p, !of_p); });
  }
  family.operation("categorical_fisher_product", text, [=](Parity& run) { fisher_product_case(run, shape); });
}

const Family categorical("distribution", [](Family& family) {
  for (const MatrixCase& shape : score_cases()) register_parity(family, shape);
  for (const MatrixCase& shape : {MatrixCase{512, 6, {}}, {1024, 2, {}}}) register_parity(family, shape);
  register_odd_logits(family);
  family.parity("categorical_entropy", "odd rows as promised", [](Parity&) { expect_odd_rows_as_promised(); });
  family.parity("categorical_sample", "statistics", [](Parity&) { expect_statistics(); });
  for (const auto& [rows, n] : {std::pair<Index, Index>{0, 3}, {1, 1}, {1, 7}, {9, 5}, {17, 2}}) {
    const std::string text = std::to_string(rows) + " x " + std::to_string(n);
    check_gradient(family, {"categorical_log_probability", "categorical_log_probability_backward"}, text,
                   [=, rows = rows, n = n] { return log_probability_of(rows, n); });
    check_gradient(family, {"categorical_entropy", "categorical_entropy_backward"}, text,
                   [=, rows = rows, n = n] { return entropy_of(rows, n); });
    check_gradient(family, {"categorical_kl_divergence", "categorical_kl_divergence_backward"}, text,
                   [=, rows = rows, n = n] { return kl_divergence_of(rows, n); });
    family.check(Aspect::gradient, {"categorical_fisher_product"}, text,
                 [=, rows = rows, n = n] { expect_fisher_is_curvature(rows, n); });
  }
  for (const char* name : {"few", "two", "many", "one", "near", "large", "masked"}) {
    family.pytorch(every_operation, std::string("categorical_") + name, compare_with_pytorch);
  }
  family.without("categorical_sample", Aspect::gradient, "a drawn class is no differentiable function of its logits");
  family.without(every_operation, {Aspect::tangent},
                 "policy gradients are of first order; their curvature is categorical_fisher_product");
});

}  // namespace
}  // namespace mynah::tests
