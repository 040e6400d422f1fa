#include "kernels/gaussian_likelihood.h"

#include <cmath>

#include "tests/operations/loss_cases.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::GaussianLikelihoodOptions;

/// Of standard normal log-variances, about a third is cut on either side.
constexpr GaussianLikelihoodOptions narrow{-0.4f, 0.4f, true};

void loss_case(Parity& run, const MatrixCase& shape, bool weighted, const GaussianLikelihoodOptions& options) {
  const auto mean = run.input(shape.rows, shape.columns, shape.layout);
  const auto log_variance = run.input(shape.rows, shape.columns, shape.layout);
  const auto target = run.input(shape.rows, shape.columns, {0, shape.layout.offset});
  const auto weights = run.input(1, weighted ? shape.rows : 0, {0, shape.layout.offset});
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  const auto of_mean = run.output(shape.rows, shape.columns, shape.layout);
  const auto of_log_variance = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_likelihood_loss(at.stream, at.matrix(mean), at.matrix(log_variance), at.matrix(target),
                                      at.vector(sum), at.matrix(of_mean), at.matrix(of_log_variance), options,
                                      at.vector(weights));
  });
}

/// Mean and log-variance are the halves of one matrix, as a network gives them, and so are their gradients.
void halves_case(Parity& run, const MatrixCase& shape) {
  const auto prediction = run.changed(shape.rows, 2 * shape.columns, shape.layout);
  const auto target = run.input(shape.rows, shape.columns);
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  run.expect_same([=](const Place& at) {
    const Matrix all = at.matrix(prediction);
    const Matrix mean = all.middle_columns(0, shape.columns);
    const Matrix log_variance = all.middle_columns(shape.columns, shape.columns);
    kernels::gaussian_likelihood_loss(at.stream, mean, log_variance, at.matrix(target), at.vector(sum), {}, {});
    kernels::gaussian_likelihood_loss(at.stream, mean, log_variance, at.matrix(target), {}, mean, log_variance);
  });
}

void tangent_case(Parity& run, const MatrixCase& shape, bool weighted, const GaussianLikelihoodOptions& options) {
  const auto mean = run.input(shape.rows, shape.columns, shape.layout);
  const auto log_variance = run.input(shape.rows, shape.columns, shape.layout);
  const auto target = run.input(shape.rows, shape.columns, {0, shape.layout.offset});
  const auto weights = run.input(1, weighted ? shape.rows : 0, {0, shape.layout.offset});
  const auto mean_tangent = run.input(shape.rows, shape.columns, shape.layout);
  const auto log_variance_tangent = run.changed(shape.rows, shape.columns, shape.layout);
  const auto of_mean = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::gaussian_likelihood_loss_tangent(at.stream, at.matrix(mean), at.matrix(log_variance), at.matrix(target),
                                              at.matrix(mean_tangent), at.matrix(log_variance_tangent),
                                              at.matrix(of_mean), at.matrix(log_variance_tangent), options,
                                              at.vector(weights));
  });
}

Differentiable function_of(Index rows, Index columns, bool weighted, const GaussianLikelihoodOptions& options) {
  std::mt19937 generator(5);
  const Doubles target = Doubles(rows, columns, 1).randomize(generator);
  const Doubles weights = Doubles(1, weighted ? rows : 0).randomize(generator);
  LossCase one;
  one.predictions.push_back(Doubles(rows, columns, 3).randomize(generator));
  one.predictions.push_back(Doubles(rows, columns, 2).randomize(generator));
  one.evaluate = [=](Stream& stream, Differentiable::In x, VectorView<double> sum, Differentiable::Out gradients) {
    kernels::gaussian_likelihood_loss<double>(stream, x[0], x[1], target.constant(), sum, gradients[0], gradients[1],
                                              options, weights.constant_vector());
  };
  one.tangent = [=](Stream& stream, Differentiable::In x, Differentiable::In directions, Differentiable::Out out) {
    kernels::gaussian_likelihood_loss_tangent<double>(stream, x[0], x[1], target.constant(), directions[0],
                                                      directions[1], out[0], out[1], options,
                                                      weights.constant_vector());
  };
  return differentiable(std::move(one));
}

/// Beyond the limits the gradient of the log-variance leads back, or is 0: never further out.
void expect_gradient_leads_back() {
  Stream stream{DeviceId{}};
  for (const float residual : {0.0f, 0.5f, 3.0f}) {
    for (const float log_variance : {-5.0f, 5.0f}) {
      const float mean = 0.0f;
      double sum = 0.0, at_limit = 0.0;
      float of_log_variance = 0.0f, of_mean = 0.0f;
      kernels::gaussian_likelihood_loss(stream, {&mean, 1, 1}, {&log_variance, 1, 1}, {&residual, 1, 1}, {&sum, 1},
                                        {&of_mean, 1, 1}, {&of_log_variance, 1, 1}, narrow);
      const float limit = log_variance < 0.0f ? narrow.smallest_log_variance : narrow.largest_log_variance;
      kernels::gaussian_likelihood_loss(stream, {&mean, 1, 1}, {&limit, 1, 1}, {&residual, 1, 1}, {&at_limit, 1}, {},
                                        {}, narrow);
      EXPECT_EQ(sum, at_limit);
      EXPECT_GE(-of_log_variance * (limit - log_variance), 0.0f) << residual << " at " << log_variance;
      EXPECT_EQ(of_log_variance != 0.0f, (residual == 3.0f) == (log_variance < 0.0f));
    }
  }
}

void expect_finite_at_extremes() {
  Stream stream{DeviceId{}};
  for (const float mean : {-1e15f, -1e4f, 0.0f, 1e4f, 1e15f}) {
    for (const float log_variance : {-1e30f, -1e4f, 0.0f, 1e4f, 1e30f}) {
      double sum = 0.0;
      const float target = 1.0f;
      float of_mean = 0.0f, of_log_variance = 0.0f;
      kernels::gaussian_likelihood_loss(stream, {&mean, 1, 1}, {&log_variance, 1, 1}, {&target, 1, 1}, {&sum, 1},
                                        {&of_mean, 1, 1}, {&of_log_variance, 1, 1});
      EXPECT_TRUE(std::isfinite(sum) && std::isfinite(of_mean) && std::isfinite(of_log_variance))
          << mean << ", " << log_variance;
    }
  }
}

void compare_with_pytorch(PyTorchCase& dump, bool full) {
  const Matrix mean = dump.matrix("mean"), log_variance = dump.matrix("log_variance"), target = dump.matrix("target");
  const Matrix of_mean = dump.output(mean.rows, mean.columns), of_log_variance = dump.output(mean.rows, mean.columns);
  const Vector weights = dump.has("weights") ? dump.vector("weights") : Vector{};
  GaussianLikelihoodOptions options;
  options.full = full;
  const auto sum = dump.sum();
  kernels::gaussian_likelihood_loss(dump.stream(), mean, log_variance, target, sum, of_mean, of_log_variance, options,
                                    weights);
  dump.expect("loss_sum", sum);
  dump.expect("mean.gradient", of_mean);
  dump.expect("log_variance.gradient", of_log_variance);
  kernels::gaussian_likelihood_loss_tangent(dump.stream(), mean, log_variance, target, dump.matrix("mean.direction"),
                                            dump.matrix("log_variance.direction"), of_mean, of_log_variance, options,
                                            weights);
  dump.expect("mean.gradient_tangent", of_mean);
  dump.expect("log_variance.gradient_tangent", of_log_variance);
}

const Family gaussian_likelihood("gaussian_likelihood", [](Family& family) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1000, 7, {}});  // several blocks
  cases.push_back({1000, 7, {2, 0}});
  for (const MatrixCase& shape : cases) {
    family.operation("gaussian_likelihood_loss", text_of(shape),
                     [=](Parity& run) { loss_case(run, shape, false, {}); });
    family.parity("gaussian_likelihood_loss", text_of(shape) + " weighted, cut",
                  [=](Parity& run) { loss_case(run, shape, true, narrow); });
    family.parity("gaussian_likelihood_loss", text_of(shape) + " halves, in place",
                  [=](Parity& run) { halves_case(run, shape); });
    family.operation("gaussian_likelihood_loss_tangent", text_of(shape),
                     [=](Parity& run) { tangent_case(run, shape, false, {}); });
    family.parity("gaussian_likelihood_loss_tangent", text_of(shape) + " weighted, cut",
                  [=](Parity& run) { tangent_case(run, shape, true, narrow); });
  }
  const std::vector<std::string> shown{"gaussian_likelihood_loss", "gaussian_likelihood_loss_tangent"};
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
    for (const bool weighted : {false, true}) {
      family.gradient(shown,
                      std::to_string(rows) + " x " + std::to_string(columns) + (weighted ? " weighted, full" : ""),
                      [=, rows = rows, columns = columns] {
                        return function_of(rows, columns, weighted, {-13.0f, 20.0f, weighted});
                      });
    }
  }
  family.check(Aspect::gradient, {"gaussian_likelihood_loss"}, "leads back to the limits", expect_gradient_leads_back);
  family.check(Aspect::gradient, {"gaussian_likelihood_loss"}, "stays finite at extremes", expect_finite_at_extremes);
  for (const std::string name : {"plain", "full", "weighted", "wide"}) {
    family.pytorch(shown, name, [=](PyTorchCase& dump) { compare_with_pytorch(dump, name == "full"); });
  }
});

}  // namespace
}  // namespace mynah::tests
