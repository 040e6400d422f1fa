#include "kernels/loss.h"

#include <cmath>

#include "tests/operations/loss_cases.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::ElementwiseLoss;

/// Kinds with their own parameter where they have one.
std::vector<ElementwiseLoss> losses() {
  std::vector<ElementwiseLoss> result;
  const auto kinds = kernels::elementwise_loss_kinds();
  for (Index i = 0; i < kinds.size; ++i) result.emplace_back(kinds.data[i]);
  result.emplace_back(ElementwiseLoss::huber, 0.3f);
  result.emplace_back(ElementwiseLoss::binary_cross_entropy, 2.5f);
  return result;
}

std::string text_of(ElementwiseLoss loss) {
  std::string text = loss.name();
  if (loss.parameter() != 1.0f) text += loss.parameter() > 1.0f ? " of large parameter" : " of small parameter";
  return text;
}

/// A target of the kind that the loss is defined for, from a standard normal number.
template <class T>
T target_of(ElementwiseLoss loss, T normal) {
  if (loss.kind() == ElementwiseLoss::binary_cross_entropy) {
    return normal < T(-1) ? T(0) : normal > T(1) ? T(1) : (normal + T(1)) / T(2);
  }
  if (loss.kind() == ElementwiseLoss::hinge || loss.kind() == ElementwiseLoss::wasserstein) {
    return normal < T(0) ? T(-1) : T(1);
  }
  return normal;
}

Tensor<float> target_tensor(Parity& run, ElementwiseLoss loss, const MatrixCase& shape, Layout layout) {
  std::mt19937 generator(17);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(shape.rows * shape.columns));
  for (float& value : values) value = target_of(loss, normal(generator));
  return run.given(values, shape.rows, shape.columns, layout);
}

void loss_case(Parity& run, ElementwiseLoss loss, const MatrixCase& shape) {
  const auto prediction = run.input(shape.rows, shape.columns, shape.layout);
  const auto target = target_tensor(run, loss, shape, {0, shape.layout.offset});
  const auto sum = run.given<double>({2.0}, 1, 1, {}, true);
  const auto gradient = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), at.matrix(target), at.vector(sum),
                              at.matrix(gradient));
  });
}

void register_parity(Family& family, ElementwiseLoss loss, const MatrixCase& shape) {
  const std::string text = text_of(shape) + " " + text_of(loss);
  family.operation("elementwise_loss", text, [=](Parity& run) { loss_case(run, loss, shape); });
  family.operation("elementwise_loss_tangent", text, [=](Parity& run) {
    const auto prediction = run.input(shape.rows, shape.columns, shape.layout);
    const auto target = target_tensor(run, loss, shape, {0, shape.layout.offset});
    const auto direction = run.input(shape.rows, shape.columns, shape.layout);
    const auto out = run.output(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::elementwise_loss_tangent(at.stream, loss, at.matrix(prediction), at.matrix(target), at.matrix(direction),
                                        at.matrix(out));
    });
  });
  family.parity("elementwise_loss", text + ", weighted, in place", [=](Parity& run) {
    const auto prediction = run.changed(shape.rows, shape.columns, shape.layout);
    const auto target = target_tensor(run, loss, shape, shape.layout);
    const auto weights = run.input(1, shape.rows, {0, shape.layout.offset});
    const auto sum = run.given<double>({0.5}, 1, 1, {}, true);
    run.expect_same([=](const Place& at) {
      kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), at.matrix(target), at.vector(sum), {},
                                at.vector(weights));
      kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), at.matrix(target), {}, at.matrix(prediction),
                                at.vector(weights));
    });
  });
  family.parity("elementwise_loss_tangent", text + ", weighted, constant target, in place", [=](Parity& run) {
    const auto prediction = run.input(shape.rows, shape.columns, shape.layout);
    const auto weights = run.input(1, shape.rows, {0, shape.layout.offset});
    const auto direction = run.changed(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::elementwise_loss_tangent(at.stream, loss, at.matrix(prediction), target_of(loss, 0.3f),
                                        at.matrix(direction), at.matrix(direction), at.vector(weights));
    });
  });
  family.parity("elementwise_loss", text + ", constant target", [=](Parity& run) {
    const auto prediction = run.input(shape.rows, shape.columns, shape.layout);
    const auto sum = run.given<double>({0.5}, 1, 1, {}, true);
    const auto gradient = run.output(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), target_of(loss, -0.7f), at.vector(sum),
                                at.matrix(gradient));
    });
  });
}

/// Predictions of any size, infinite ones and NaN.
void register_extremes(Family& family, ElementwiseLoss loss) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> finite{-1e15f, -1e4f, -120.0f, -20.0f, -1e-30f, 0.0f,
                                  1.0f,   20.0f, 88.0f,   120.0f, 1e4f,    1e15f};
  family.parity("elementwise_loss", "extremes " + text_of(loss), [=](Parity& run) {
    std::vector<float> values = finite;
    values.insert(values.end(), {infinity, -infinity, std::nanf("")});
    const auto columns = static_cast<Index>(values.size());
    const auto prediction = run.given(values, 1, columns);
    const auto gradient = run.output(1, columns), of_zero = run.output(1, columns);
    run.expect_same([=](const Place& at) {
      kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), 1.0f, {}, at.matrix(gradient));
      kernels::elementwise_loss(at.stream, loss, at.matrix(prediction), 0.0f, {}, at.matrix(of_zero));
    });
  });
  family.check(Aspect::gradient, {"elementwise_loss"}, "stays finite at extremes, " + text_of(loss), [=] {
    Stream stream{DeviceId{}};
    for (const float one : finite) {
      for (const float target : {0.0f, 1.0f, -1.0f}) {
        double sum = 0.0;
        float gradient = 0.0f;
        kernels::elementwise_loss(stream, loss, ConstMatrix(&one, 1, 1), target, {&sum, 1}, {&gradient, 1, 1});
        EXPECT_TRUE(std::isfinite(sum) && std::isfinite(gradient)) << one << " against " << target;
      }
    }
  });
}

/// Moves predictions away from where the loss has a kink, so that differences mean something.
void avoid_kinks(ElementwiseLoss loss, Doubles& prediction, const Doubles& target) {
  const auto delta = static_cast<double>(loss.parameter());
  for (Index m = 0; m < prediction.rows(); ++m) {
    for (Index c = 0; c < prediction.columns(); ++c) {
      double& p = prediction.at(m, c);
      const double t = target.at(m, c);
      if (loss.kind() == ElementwiseLoss::l1 && std::fabs(p - t) < 0.01) p = t + 0.1;
      if (loss.kind() == ElementwiseLoss::huber && std::fabs(std::fabs(p - t) - delta) < 0.01) p = t + 0.5 * delta;
      if (loss.kind() == ElementwiseLoss::hinge && std::fabs(1.0 - t * p) < 0.01) p = 0.5 * t;
    }
  }
}

Differentiable function_of(ElementwiseLoss loss, Index rows, Index columns, bool weighted) {
  std::mt19937 generator(5);
  Doubles prediction = Doubles(rows, columns, 3).randomize(generator);
  Doubles target = Doubles(rows, columns, 1).randomize(generator);
  Doubles weights = Doubles(1, weighted ? rows : 0).randomize(generator);
  for (Index m = 0; m < rows; ++m) {
    for (Index c = 0; c < columns; ++c) target.at(m, c) = target_of(loss, target.at(m, c));
  }
  avoid_kinks(loss, prediction, target);
  LossCase one;
  one.predictions.push_back(std::move(prediction));
  one.evaluate = [=](Stream& stream, Differentiable::In x, VectorView<double> sum, Differentiable::Out gradients) {
    kernels::elementwise_loss<double>(stream, loss, x[0], target.constant(), sum, gradients[0],
                                      weights.constant_vector());
  };
  one.tangent = [=](Stream& stream, Differentiable::In x, Differentiable::In directions, Differentiable::Out out) {
    kernels::elementwise_loss_tangent<double>(stream, loss, x[0], target.constant(), directions[0], out[0],
                                              weights.constant_vector());
  };
  return differentiable(std::move(one));
}

void register_pytorch(Family& family, const char* name, ElementwiseLoss loss) {
  family.pytorch({"elementwise_loss", "elementwise_loss_tangent"}, name, [=](PyTorchCase& dump) {
    const Matrix prediction = dump.matrix("prediction"), target = dump.matrix("target");
    const Matrix gradient = dump.output(prediction.rows, prediction.columns);
    const Matrix tangent = dump.output(prediction.rows, prediction.columns);
    const Vector weights = dump.has("weights") ? dump.vector("weights") : Vector{};
    const auto sum = dump.sum();
    kernels::elementwise_loss(dump.stream(), loss, prediction, target, sum, gradient, weights);
    dump.expect("loss_sum", sum);
    dump.expect("gradient", gradient);
    if (!dump.has("gradient_tangent")) return;
    kernels::elementwise_loss_tangent(dump.stream(), loss, prediction, target, dump.matrix("direction"), tangent,
                                      weights);
    dump.expect("gradient_tangent", tangent);
  });
}

const Family loss("loss", [](Family& family) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1000, 41, {}});  // several blocks
  cases.push_back({1000, 41, {2, 0}});
  std::size_t number = 0;
  for (const ElementwiseLoss one : losses()) {
    std::size_t next = number++;
    for (const MatrixCase& shape : cases) {
      // Every shape for one of the losses, every sixth for the others, which differ by the function alone.
      if (number == 1 || next++ % 6 == 0) register_parity(family, one, shape);
    }
    register_extremes(family, one);
    const MatrixCase actions{65536, 17, {}};
    family.speed("elementwise_loss", text_of(actions) + " " + text_of(one),
                 [=](Parity& run) { loss_case(run, one, actions); });
    const std::vector<std::string> shown{"elementwise_loss", "elementwise_loss_tangent"};
    for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
      for (const bool weighted : {false, true}) {
        family.gradient(
            shown,
            std::to_string(rows) + " x " + std::to_string(columns) + " " + text_of(one) + (weighted ? " weighted" : ""),
            [=, rows = rows, columns = columns] { return function_of(one, rows, columns, weighted); });
      }
    }
  }
  for (const char* text : {"mse", "mse_weighted"}) register_pytorch(family, text, ElementwiseLoss::mse);
  register_pytorch(family, "l1", ElementwiseLoss::l1);
  register_pytorch(family, "huber", ElementwiseLoss::huber);
  register_pytorch(family, "huber_delta", {ElementwiseLoss::huber, 0.3f});
  register_pytorch(family, "binary_cross_entropy", ElementwiseLoss::binary_cross_entropy);
  register_pytorch(family, "binary_cross_entropy_positive_weight", {ElementwiseLoss::binary_cross_entropy, 2.5f});
  register_pytorch(family, "binary_cross_entropy_weighted", ElementwiseLoss::binary_cross_entropy);
  register_pytorch(family, "binary_cross_entropy_extremes", ElementwiseLoss::binary_cross_entropy);
  register_pytorch(family, "hinge", ElementwiseLoss::hinge);
  register_pytorch(family, "wasserstein", ElementwiseLoss::wasserstein);
  for (const Index rows : {Index{256}, Index{65536}}) {  // a discriminator's scores, and actions
    family.operation("elementwise_loss", std::to_string(rows) + " x 1 binary_cross_entropy of a user",
                     [=](Parity& run) {
                       const auto prediction = run.input(rows, 1);
                       const auto sum = run.given<double>({0.0}, 1, 1, {}, true);
                       const auto gradient = run.output(rows, 1);
                       run.expect_same([=](const Place& at) {
                         kernels::elementwise_loss(at.stream, ElementwiseLoss::binary_cross_entropy,
                                                   at.matrix(prediction), 1.0f, at.vector(sum), at.matrix(gradient));
                       });
                     });
  }
});

}  // namespace
}  // namespace mynah::tests
