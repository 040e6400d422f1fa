// The vectorised exponential and activations, for every instruction set this processor has: how far they are from the
// functions in double, over all magnitudes that matter, and what they do at the ends of the numbers.

#include <cmath>
#include <limits>

#include "kernels/activation.h"
#include "tests/vectorized_fixture.h"

namespace mynah {
namespace {

using kernels::Activation;
using tests::Doubles;
using tests::Floats;
using tests::normalized_squared_error;
using tests::rows_of;
using tests::vectorized::ActivationOperations;
namespace eigen = kernels::eigen;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr double smallest_normal = std::numeric_limits<float>::min();

struct Case {
  Activation activation;
  const ActivationOperations* operations;
  double relative_error;           ///< of the forward pass
  double derivative_error = 4e-7;  ///< beside a gradient of about 1
};

class VectorMath : public tests::Vectorized {
 protected:
  std::vector<Case> cases() const {
    const auto& all = operations().activations;
    return {{Activation::none, &all.none, 0.0},
            {Activation::relu, &all.relu, 0.0},
            {{Activation::leaky_relu, 0.2f}, &all.leaky_relu, 1e-7},
            {Activation::tanh, &all.tanh, 2e-7},
            {Activation::sigmoid, &all.sigmoid, 2e-7},
            {Activation::elu, &all.elu, 2e-7},
            {{Activation::elu, 0.7f}, &all.elu, 2e-7},
            {Activation::gelu, &all.gelu, 6e-7},        // in the tail
            {Activation::silu, &all.silu, 3e-7, 2e-6},  // x (1 - s), where s is almost 1
            {Activation::softplus, &all.softplus, 3e-7}};
  }

  /// `count` numbers evenly over [low, high], and both signs of as many from 1e-30 to 1, evenly in the logarithm.
  static Floats arguments(double low, double high, Index count) {
    Floats x(1, 3 * count);
    for (Index i = 0; i < count; ++i) {
      const double part = static_cast<double>(i) / static_cast<double>(count - 1);
      x.at(0, i) = static_cast<float>(low + (high - low) * part);
      x.at(0, count + i) = static_cast<float>(std::pow(10.0, -30.0 * part));
      x.at(0, 2 * count + i) = -x.at(0, count + i);
    }
    return x;
  }

  Floats forward(const Case& of, const Floats& x) {
    Floats y(x.rows(), x.columns());
    of.operations->forward(of.activation.parameter(), x.rows(), x.columns(), rows_of(x.constant()), rows_of(y.view()));
    return y;
  }
  float forward(const Case& of, float x) { return forward(of, Floats(1, 1).set(x)).at(0, 0); }
  float exp_of(float x) {
    Floats values = Floats(1, 1).set(x);
    operations().exp(1, 1, rows_of(values.constant()), rows_of(values.view()));
    return values.at(0, 0);
  }
};

/// |a - b| / |b|. Results that are, or are made of, numbers below the normal ones may be anything as small.
double relative_error(float a, double b) {
  constexpr double small = 32 * smallest_normal;
  if (std::abs(b) < small) return std::abs(a) <= 2 * small ? 0.0 : infinity;
  return std::abs(static_cast<double>(a) - b) / std::abs(b);
}

TEST_P(VectorMath, ExponentialIsExact) {
  const Floats x = arguments(-110.0, 88.7, 300001);
  Floats y(1, x.columns());
  operations().exp(1, x.columns(), rows_of(x.constant()), rows_of(y.view()));
  for (Index i = 0; i < x.columns(); ++i) {
    ASSERT_LE(relative_error(y.at(0, i), std::exp(static_cast<double>(x.at(0, i)))), 1e-7) << x.at(0, i);
  }
}

TEST_P(VectorMath, ExponentialAtTheEnds) {
  EXPECT_EQ(exp_of(-infinity), 0.0f);
  EXPECT_EQ(exp_of(-1e30f), 0.0f);
  EXPECT_EQ(exp_of(0.0f), 1.0f);
  EXPECT_EQ(exp_of(-0.0f), 1.0f);
  EXPECT_LT(exp_of(88.72f), infinity);
  EXPECT_EQ(exp_of(88.73f), infinity);
  EXPECT_EQ(exp_of(1e30f), infinity);
  EXPECT_EQ(exp_of(infinity), infinity);
  EXPECT_TRUE(std::isnan(exp_of(not_a_number)));
}

TEST_P(VectorMath, ActivationsAreExact) {
  const Floats x = arguments(-90.0, 90.0, 100001), near = arguments(-6.0, 6.0, 100001);
  for (const Case& one : cases()) {
    for (const Floats* from : {&x, &near}) {
      const Floats y = forward(one, *from);
      Doubles expected = exact(*from);
      eigen::activation_forward<double>(stream_, one.activation, expected.constant(), expected.view());
      for (Index i = 0; i < y.columns(); ++i) {
        ASSERT_LE(relative_error(y.at(0, i), expected.at(0, i)), one.relative_error)
            << one.activation.name() << " of " << from->at(0, i);
      }
    }
  }
}

TEST_P(VectorMath, DerivativesAreExact) {
  const Floats x = arguments(-30.0, 30.0, 50001);
  Floats tangent = Floats(1, x.columns()).randomize(generator_);
  for (const Case& one : cases()) {
    const float p = one.activation.parameter();
    const Floats operand = one.activation.keeps_output() ? forward(one, x) : x;
    Floats g = Floats(1, x.columns()).set(1.5f), u = Floats(1, x.columns()).set(-2.0f), dx(1, x.columns());
    Doubles expected_g = exact(g), expected_u = exact(u), expected_dx(1, x.columns());
    const Doubles exact_operand = exact(operand), exact_tangent = exact(tangent);
    eigen::activation_backward<double>(stream_, one.activation, exact_operand.constant(), expected_g.constant(),
                                       expected_dx.view());
    eigen::activation_tangent_backward<double>(stream_, one.activation, exact_operand.constant(),
                                               exact_tangent.constant(), expected_g.view(), expected_u.view());
    one.operations->backward(p, 1, x.columns(), rows_of(operand.constant()), rows_of(g.constant()), rows_of(dx.view()));
    one.operations->tangent_backward(p, 1, x.columns(), rows_of(operand.constant()), rows_of(tangent.constant()),
                                     rows_of(g.view()), rows_of(u.view()));
    const auto near = [&](float a, double b, double size) {
      return std::abs(a - b) <= one.derivative_error * (std::abs(b) + size);
    };
    for (Index i = 0; i < x.columns(); ++i) {
      ASSERT_TRUE(near(dx.at(0, i), expected_dx.at(0, i), 1.0)) << one.activation.name() << " at " << x.at(0, i);
      ASSERT_TRUE(near(u.at(0, i), expected_u.at(0, i), 1.0)) << one.activation.name() << " at " << x.at(0, i);
      ASSERT_TRUE(near(g.at(0, i), expected_g.at(0, i), 1.0 + std::abs(2.0 * tangent.at(0, i))))
          << one.activation.name() << " at " << x.at(0, i);
    }
  }
}

TEST_P(VectorMath, ActivationsOverRaggedShapes) {
  for_every_shape([&] {
    const Index rows = shape().rows, columns = shape().outputs;
    const Floats x = random(rows, columns), gradient = random(rows, columns), tangent = random(rows, columns);
    const Doubles exact_tangent = exact(tangent);
    for (const Case& one : cases()) {
      SCOPED_TRACE(one.activation.name());
      const float p = one.activation.parameter();
      Floats y = matrix(rows, columns), in_place = matrix(rows, columns).assign(x);
      Doubles expected = exact(x);
      one.operations->forward(p, rows, columns, rows_of(x.constant()), rows_of(y.view()));
      one.operations->forward(p, rows, columns, rows_of(in_place.constant()), rows_of(in_place.view()));
      eigen::activation_forward<double>(stream_, one.activation, expected.constant(), expected.view());
      EXPECT_LT(normalized_squared_error(y, expected), tolerance);
      EXPECT_EQ(normalized_squared_error(in_place, y), 0.0);

      const Floats& operand = one.activation.keeps_output() ? y : x;
      const Doubles exact_operand = exact(operand);
      Floats dx = matrix(rows, columns), g = matrix(rows, columns).assign(gradient);
      Doubles expected_dx(rows, columns), expected_g = exact(gradient), expected_u = exact(gradient);
      one.operations->backward(p, rows, columns, rows_of(operand.constant()), rows_of(gradient.constant()),
                               rows_of(dx.view()));
      one.operations->backward(p, rows, columns, rows_of(operand.constant()), rows_of(g.constant()), rows_of(g.view()));
      eigen::activation_backward<double>(stream_, one.activation, exact_operand.constant(), expected_g.constant(),
                                         expected_dx.view());
      EXPECT_LT(normalized_squared_error(dx, expected_dx), tolerance);
      EXPECT_EQ(normalized_squared_error(g, dx), 0.0);

      g = matrix(rows, columns).assign(gradient);
      Floats u = matrix(rows, columns).assign(gradient);
      one.operations->tangent_backward(p, rows, columns, rows_of(operand.constant()), rows_of(tangent.constant()),
                                       rows_of(g.view()), rows_of(u.view()));
      eigen::activation_tangent_backward<double>(stream_, one.activation, exact_operand.constant(),
                                                 exact_tangent.constant(), expected_g.view(), expected_u.view());
      EXPECT_LT(normalized_squared_error(g, expected_g), tolerance);
      EXPECT_LT(normalized_squared_error(u, expected_u), tolerance);
      EXPECT_TRUE(y.guards_intact() && in_place.guards_intact() && dx.guards_intact() && g.guards_intact() &&
                  u.guards_intact());
    }
  });
}

TEST_P(VectorMath, ActivationsAtTheEnds) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.activation.name());
    EXPECT_TRUE(std::isnan(forward(one, not_a_number)));
    Floats operand = Floats(1, 1).set(not_a_number), g = Floats(1, 1).set(1.0f);
    one.operations->backward(1.0f, 1, 1, rows_of(operand.constant()), rows_of(g.constant()), rows_of(g.view()));
    const bool selects = one.activation.kind() == Activation::none || one.activation.kind() == Activation::relu ||
                         one.activation.kind() == Activation::leaky_relu;
    EXPECT_NE(std::isnan(g.at(0, 0)), selects);
    for (const float x : {infinity, -infinity, 1e30f, -1e30f, 100.0f, -100.0f, 0.0f}) {
      Doubles expected = Doubles(1, 1).set(x);
      eigen::activation_forward<double>(stream_, one.activation, expected.constant(), expected.view());
      const float y = forward(one, x);
      const double limit = expected.at(0, 0);
      EXPECT_TRUE(std::isnan(limit) ? std::isnan(y) : y == static_cast<float>(limit) || std::abs(y - limit) < 1e-37)
          << x << " gives " << y;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllInstructionSets, VectorMath, ::testing::ValuesIn(tests::runnable_operations()),
                         tests::name_of_instruction_set);

}  // namespace
}  // namespace mynah
