#include "kernels/mixture_likelihood.h"

#include <cmath>

#include "tests/operations/loss_cases.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::mixture_columns;
template <class Scalar>
using OptionsOf = kernels::MixtureOptions<Scalar>;

struct MixtureCase {
  Index rows, columns, components;
  Layout layout;

  Index width() const { return mixture_columns(components, columns); }
};

std::string text_of(const MixtureCase& shape) {
  return text_of(MatrixCase{shape.rows, shape.columns, shape.layout}) + ", " + std::to_string(shape.components) +
         " components";
}

std::vector<MixtureCase> mixture_cases() {
  std::vector<MixtureCase> cases{{0, 3, 5, {}}, {4, 0, 3, {}}, {4, 0, 1, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 2, 33, 130}) {
    for (const auto& [columns, components] :
         {std::pair<Index, Index>{1, 1}, {6, 1}, {1, 2}, {3, 4}, {2, 5}, {6, 5}, {17, 8}, {1, 9}, {4, 32}, {33, 3}}) {
      cases.push_back({rows, columns, components, layouts()[next++ % layouts().size()]});
    }
  }
  cases.push_back({3000, 2, 5, {}});  // several blocks
  cases.push_back({700, 3, 9, {2, 0}});
  return cases;
}

/// Of standard normal log-deviations, about a third is cut on either side.
template <class Scalar>
OptionsOf<Scalar> options_of(Index components, bool narrow) {
  OptionsOf<Scalar> options;
  options.components = components;
  if (narrow) {
    options.smallest_log_deviation = -0.4f;
    options.largest_log_deviation = 0.4f;
  }
  return options;
}

/// `odd`: weighted, cut, scaled.
void loss_case(Parity& run, const MixtureCase& shape, bool odd) {
  const auto prediction = run.input(shape.rows, shape.width(), shape.layout);
  const auto target = run.input(shape.rows, shape.columns, {0, shape.layout.offset});
  const auto weights = run.input(1, odd ? shape.rows : 0, {0, shape.layout.offset});
  const auto log_scale = run.input(1, odd ? shape.columns : 0);
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  const auto gradient = run.output(shape.rows, shape.width(), shape.layout);
  run.expect_same([=](const Place& at) {
    auto options = options_of<float>(shape.components, odd);
    options.log_scale = at.vector(log_scale);
    kernels::mixture_likelihood_loss(at.stream, at.matrix(prediction), at.matrix(target), at.vector(sum),
                                     at.matrix(gradient), options, at.vector(weights));
  });
}

void in_place_case(Parity& run, const MixtureCase& shape) {
  const auto prediction = run.changed(shape.rows, shape.width(), shape.layout);
  const auto target = run.input(shape.rows, shape.columns);
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  run.expect_same([=](const Place& at) {
    const auto options = options_of<float>(shape.components, false);
    kernels::mixture_likelihood_loss(at.stream, at.matrix(prediction), at.matrix(target), at.vector(sum), {}, options);
    kernels::mixture_likelihood_loss(at.stream, at.matrix(prediction), at.matrix(target), {}, at.matrix(prediction),
                                     options);
  });
}

void tangent_case(Parity& run, const MixtureCase& shape, bool odd) {
  const auto prediction = run.input(shape.rows, shape.width(), shape.layout);
  const auto target = run.input(shape.rows, shape.columns, {0, shape.layout.offset});
  const auto weights = run.input(1, odd ? shape.rows : 0, {0, shape.layout.offset});
  const auto log_scale = run.input(1, odd ? shape.columns : 0);
  const auto tangent = run.changed(shape.rows, shape.width(), shape.layout);
  run.expect_same([=](const Place& at) {
    auto options = options_of<float>(shape.components, odd);
    options.log_scale = at.vector(log_scale);
    kernels::mixture_likelihood_loss_tangent(at.stream, at.matrix(prediction), at.matrix(target), at.matrix(tangent),
                                             at.matrix(tangent), options, at.vector(weights));
  });
}

Differentiable function_of(Index rows, Index columns, Index components, bool odd) {
  std::mt19937 generator(5);
  const Doubles target = Doubles(rows, columns, 1).randomize(generator);
  const Doubles weights = Doubles(1, odd ? rows : 0).randomize(generator);
  const Doubles log_scale = Doubles(1, odd ? columns : 0).randomize(generator);
  auto options = options_of<double>(components, false);
  LossCase one;
  one.predictions.push_back(Doubles(rows, mixture_columns(components, columns), 3).randomize(generator));
  one.evaluate = [=](Stream& stream, Differentiable::In x, VectorView<double> sum, Differentiable::Out gradients) {
    auto scaled = options;
    scaled.log_scale = log_scale.constant_vector();
    kernels::mixture_likelihood_loss<double>(stream, x[0], target.constant(), sum, gradients[0], scaled,
                                             weights.constant_vector());
  };
  one.tangent = [=](Stream& stream, Differentiable::In x, Differentiable::In directions, Differentiable::Out out) {
    auto scaled = options;
    scaled.log_scale = log_scale.constant_vector();
    kernels::mixture_likelihood_loss_tangent<double>(stream, x[0], target.constant(), directions[0], out[0], scaled,
                                                     weights.constant_vector());
  };
  return differentiable(std::move(one));
}

/// One row of a mixture of one, mean 0.
struct Single {
  double loss = 0.0;
  float of_mean = 0.0f, of_log_deviation = 0.0f;

  Single(float mean, float log_deviation, float target, const OptionsOf<float>& options) {
    Stream stream{DeviceId{}};
    const float prediction[2] = {mean, log_deviation};
    float gradient[2] = {};
    kernels::mixture_likelihood_loss(stream, {prediction, 1, 2}, {&target, 1, 1}, {&loss, 1}, {gradient, 1, 2},
                                     options);
    of_mean = gradient[0];
    of_log_deviation = gradient[1];
  }
};

/// Beyond the limits the gradient of the log-deviation leads back, or is 0: never further out.
void expect_gradient_leads_back() {
  const auto narrow = options_of<float>(1, true);
  for (const float residual : {0.0f, 0.5f, 3.0f}) {
    for (const float log_deviation : {-5.0f, 5.0f}) {
      const float limit = log_deviation < 0.0f ? narrow.smallest_log_deviation : narrow.largest_log_deviation;
      const Single beyond(0.0f, log_deviation, residual, narrow), at_limit(0.0f, limit, residual, narrow);
      EXPECT_EQ(beyond.loss, at_limit.loss);
      EXPECT_GE(-beyond.of_log_deviation * (limit - log_deviation), 0.0f) << residual << " at " << log_deviation;
      EXPECT_EQ(beyond.of_log_deviation != 0.0f, (residual == 3.0f) == (log_deviation < 0.0f));
    }
  }
}

void expect_finite_at_extremes() {
  for (const float mean : {-1e15f, -1e4f, 0.0f, 1e4f, 1e15f}) {
    for (const float log_deviation : {-1e30f, -1e4f, 0.0f, 1e4f, 1e30f}) {
      const Single one(mean, log_deviation, 1.0f, {});
      EXPECT_TRUE(std::isfinite(one.loss) && std::isfinite(one.of_mean) && std::isfinite(one.of_log_deviation))
          << mean << ", " << log_deviation;
    }
  }
}

/// Of two components, one is so far away, and weighs so little, that all its terms are 0 in floats.
void expect_far_components_to_count_for_nothing() {
  Stream stream{DeviceId{}};
  const float prediction[6] = {0.0f, -500.0f, 0.25f, 1e6f, -1.0f, -1.0f}, target = 1.0f;
  float gradient[6] = {};
  double sum = 0.0;
  kernels::mixture_likelihood_loss(stream, {prediction, 1, 6}, {&target, 1, 1}, {&sum, 1}, {gradient, 1, 6},
                                   options_of<float>(2, false));
  const Single alone(0.25f, -1.0f, 1.0f, {});
  EXPECT_NEAR(sum, alone.loss, 1e-12);
  EXPECT_FLOAT_EQ(gradient[2], alone.of_mean);
  EXPECT_FLOAT_EQ(gradient[4], alone.of_log_deviation);
  for (const int i : {0, 1, 3, 5}) EXPECT_EQ(gradient[i], 0.0f) << i;
}

/// Equal components are one: the likelihood is that of a single one, which they share.
void expect_equal_components_to_be_one() {
  Stream stream{DeviceId{}};
  const float prediction[9] = {0.7f, 0.7f, 0.7f, 0.25f, 0.25f, 0.25f, -1.0f, -1.0f, -1.0f}, target = 1.0f;
  float gradient[9] = {};
  double sum = 0.0;
  kernels::mixture_likelihood_loss(stream, {prediction, 1, 9}, {&target, 1, 1}, {&sum, 1}, {gradient, 1, 9},
                                   options_of<float>(3, false));
  const Single alone(0.25f, -1.0f, 1.0f, {});
  EXPECT_NEAR(sum, alone.loss, 1e-12);
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(gradient[k], 0.0f, 1e-7f);
    EXPECT_FLOAT_EQ(gradient[3 + k], alone.of_mean / 3.0f);
    EXPECT_FLOAT_EQ(gradient[6 + k], alone.of_log_deviation / 3.0f);
  }
}

void compare_with_pytorch(PyTorchCase& dump) {
  const Matrix prediction = dump.matrix("prediction"), target = dump.matrix("target");
  const Matrix out = dump.output(prediction.rows, prediction.columns);
  const Vector weights = dump.has("weights") ? dump.vector("weights") : Vector{};
  OptionsOf<float> options;
  options.components = static_cast<Index>(dump.number("components"));
  if (dump.has("log_scale")) options.log_scale = dump.vector("log_scale");
  const auto sum = dump.sum();
  kernels::mixture_likelihood_loss(dump.stream(), prediction, target, sum, out, options, weights);
  dump.expect("loss_sum", sum);
  dump.expect("gradient", out);
  kernels::mixture_likelihood_loss_tangent(dump.stream(), prediction, target, dump.matrix("direction"), out, options,
                                           weights);
  dump.expect("gradient_tangent", out);
}

const Family mixture_likelihood("mixture_likelihood", [](Family& family) {
  for (const MixtureCase& shape : mixture_cases()) {
    family.operation("mixture_likelihood_loss", text_of(shape), [=](Parity& run) { loss_case(run, shape, false); });
    family.parity("mixture_likelihood_loss", text_of(shape) + " weighted, cut, scaled",
                  [=](Parity& run) { loss_case(run, shape, true); });
    family.parity("mixture_likelihood_loss", text_of(shape) + " in place",
                  [=](Parity& run) { in_place_case(run, shape); });
    family.operation("mixture_likelihood_loss_tangent", text_of(shape),
                     [=](Parity& run) { tangent_case(run, shape, false); });
    family.parity("mixture_likelihood_loss_tangent", text_of(shape) + " weighted, cut, scaled",
                  [=](Parity& run) { tangent_case(run, shape, true); });
  }
  const std::vector<std::string> shown{"mixture_likelihood_loss", "mixture_likelihood_loss_tangent"};
  for (const auto& [rows, columns, components] :
       {std::tuple<Index, Index, Index>{0, 5, 2}, {1, 1, 1}, {3, 4, 1}, {1, 1, 2}, {7, 3, 5}, {2, 2, 32}}) {
    for (const bool odd : {false, true}) {
      family.gradient(shown, text_of(MixtureCase{rows, columns, components, {}}) + (odd ? " weighted, scaled" : ""),
                      [=, rows = rows, columns = columns, components = components] {
                        return function_of(rows, columns, components, odd);
                      });
    }
  }
  const std::vector<std::string> loss{"mixture_likelihood_loss"};
  family.check(Aspect::gradient, loss, "leads back to the limits", expect_gradient_leads_back);
  family.check(Aspect::gradient, loss, "stays finite at extremes", expect_finite_at_extremes);
  family.check(Aspect::gradient, loss, "far components", expect_far_components_to_count_for_nothing);
  family.check(Aspect::gradient, loss, "equal components", expect_equal_components_to_be_one);
  for (const char* name : {"single", "five", "weighted", "scaled", "wide"}) {
    family.pytorch(shown, name, compare_with_pytorch);
  }
});

}  // namespace
}  // namespace mynah::tests
