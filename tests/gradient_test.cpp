// Backward operations against central differences, in double; those of losses are in tests/operations.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "kernels/activation.h"
#include "kernels/linear.h"
#include "kernels/standardization.h"
#include "tests/guarded.h"

namespace mynah {
namespace {

using kernels::Activation;
using tests::GuardedMatrix;
using Doubles = GuardedMatrix<double>;

constexpr double tolerance = 1e-6;
constexpr double difference_step = 1e-4;

/// Σ g ⊙ y: a scalar whose derivative with respect to y is g.
double weighted_sum(const Doubles& y, const Doubles& g) {
  double total = 0.0;
  for (Index m = 0; m < y.rows(); ++m) {
    for (Index c = 0; c < y.columns(); ++c) total += y.at(m, c) * g.at(m, c);
  }
  return total;
}

/// The gradient of value() with respect to `input` must be `gradient`. Large inputs are sampled at about 150 places.
void expect_gradient(Doubles& input, const Doubles& gradient, const std::function<double()>& value) {
  const Index size = input.rows() * input.columns();
  const Index stride = size <= 150 ? 1 : size / 150;
  double largest = 0.0, worst = 0.0;
  for (Index i = 0; i < size; i += stride) {
    const Index m = i / input.columns(), c = i % input.columns();
    const double original = input.at(m, c);
    input.at(m, c) = original + difference_step;
    const double above = value();
    input.at(m, c) = original - difference_step;
    const double below = value();
    input.at(m, c) = original;
    const double numeric = (above - below) / (2.0 * difference_step);
    ASSERT_TRUE(std::isfinite(gradient.at(m, c)) && std::isfinite(numeric));
    largest = std::max({largest, std::abs(gradient.at(m, c)), std::abs(numeric)});
    worst = std::max(worst, std::abs(gradient.at(m, c) - numeric));
  }
  EXPECT_LE(worst, tolerance * largest);
}

struct Shape {
  Index rows, inputs, outputs, padding;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << shape.rows << "x" << shape.inputs << "x" << shape.outputs << "+" << shape.padding;
}

class Gradient : public ::testing::TestWithParam<Shape> {
 protected:
  Doubles matrix(Index rows, Index columns) { return Doubles(rows, columns, GetParam().padding, 1); }
  Doubles random(Index rows, Index columns) { return matrix(rows, columns).randomize(generator_); }

  Stream stream_{DeviceId{}};
  std::mt19937 generator_{7};
};

TEST_P(Gradient, Linear) {
  [[maybe_unused]] const Index rows = GetParam().rows, inputs = GetParam().inputs, outputs = GetParam().outputs,
                               padding = GetParam().padding;
  Doubles x = random(rows, inputs), w = random(outputs, inputs), dy = random(rows, outputs);
  Doubles b = Doubles(1, outputs).randomize(generator_);
  Doubles y = matrix(rows, outputs), dx = matrix(rows, inputs);
  Doubles dw = random(outputs, inputs), db = Doubles(1, outputs).randomize(generator_);
  const Doubles dw_before = dw, db_before = db;

  kernels::linear_backward<double>(stream_, x.constant(), w.constant(), dy.constant(), dx.view(), dw.view(),
                                   db.vector());
  // dw and db are added to.
  for (Index o = 0; o < outputs; ++o) {
    for (Index i = 0; i < inputs; ++i) dw.at(o, i) -= dw_before.at(o, i);
    db.at(0, o) -= db_before.at(0, o);
  }
  const auto value = [&] {
    kernels::linear_forward<double>(stream_, x.constant(), w.constant(), b.constant_vector(), Activation::none,
                                    y.view());
    return weighted_sum(y, dy);
  };
  expect_gradient(x, dx, value);
  expect_gradient(w, dw, value);
  expect_gradient(b, db, value);
  EXPECT_TRUE(dx.guards_intact() && dw.guards_intact() && db.guards_intact() && y.guards_intact());
}

TEST_P(Gradient, Activation) {
  [[maybe_unused]] const Index rows = GetParam().rows, columns = GetParam().inputs, padding = GetParam().padding;
  for (const Activation activation : {Activation::none, Activation::relu}) {
    Doubles x = random(rows, columns), dy = random(rows, columns), y = matrix(rows, columns), dx = y;
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) x.at(m, c) += x.at(m, c) < 0 ? -0.01 : 0.01;  // away from the kink
    }
    const auto value = [&] {
      kernels::eigen::activation_forward<double>(stream_, activation, x.constant(), y.view());
      return weighted_sum(y, dy);
    };
    value();
    kernels::eigen::activation_backward<double>(stream_, activation, y.constant(), dy.constant(), dx.view());
    expect_gradient(x, dx, value);
    EXPECT_TRUE(y.guards_intact() && dx.guards_intact());
  }
}

TEST_P(Gradient, Standardization) {
  [[maybe_unused]] const Index rows = GetParam().rows, columns = GetParam().inputs, padding = GetParam().padding;
  Doubles x = random(rows, columns), dy = random(rows, columns), y = matrix(rows, columns), dx = y;
  Doubles mean = Doubles(1, columns).randomize(generator_), deviation = Doubles(1, columns).randomize(generator_);
  for (Index c = 0; c < columns; ++c) deviation.at(0, c) = 0.3 + std::abs(deviation.at(0, c));

  kernels::eigen::standardize_backward<double>(stream_, dy.constant(), deviation.constant_vector(), dx.view());
  expect_gradient(x, dx, [&] {
    kernels::eigen::standardize<double>(stream_, x.constant(), mean.constant_vector(), deviation.constant_vector(),
                                        y.view());
    return weighted_sum(y, dy);
  });
  kernels::eigen::unstandardize_backward<double>(stream_, dy.constant(), deviation.constant_vector(), dx.view());
  expect_gradient(x, dx, [&] {
    kernels::eigen::unstandardize<double>(stream_, x.constant(), mean.constant_vector(), deviation.constant_vector(),
                                          y.view());
    return weighted_sum(y, dy);
  });
  EXPECT_TRUE(y.guards_intact() && dx.guards_intact());
}

TEST_P(Gradient, UnstandardizeUndoesStandardize) {
  [[maybe_unused]] const Index rows = GetParam().rows, columns = GetParam().inputs, padding = GetParam().padding;
  Doubles x = random(rows, columns), y = matrix(rows, columns);
  Doubles mean = Doubles(1, columns).randomize(generator_), deviation = Doubles(1, columns).set(0.7);
  kernels::eigen::standardize<double>(stream_, x.constant(), mean.constant_vector(), deviation.constant_vector(),
                                      y.view());
  kernels::eigen::unstandardize<double>(stream_, y.constant(), mean.constant_vector(), deviation.constant_vector(),
                                        y.view());
  EXPECT_LT(tests::normalized_squared_error(y, x), 1e-28);
}

INSTANTIATE_TEST_SUITE_P(RaggedShapes, Gradient,
                         ::testing::Values(Shape{1, 1, 1, 0}, Shape{1, 17, 256, 0}, Shape{32, 17, 256, 3},
                                           Shape{33, 256, 6, 1}, Shape{0, 5, 4, 0}, Shape{5, 0, 4, 2},
                                           Shape{7, 3, 5, 4}, Shape{2, 1, 9, 0}, Shape{31, 33, 1, 5},
                                           Shape{64, 2, 2, 0}, Shape{3, 130, 67, 7}));

}  // namespace
}  // namespace mynah
