// The CPU's vectorised float operations, for every instruction set this processor has, against the twins in double.

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "kernels/linear.h"
#include "kernels/loss.h"
#include "kernels/standardization.h"
#include "tests/vectorized_fixture.h"

namespace mynah {
namespace {

using kernels::Activation;
using tests::Doubles;
using tests::Floats;
using tests::normalized_squared_error;
using tests::Rows;
using tests::rows_of;
using tests::Vectorized;
using tests::vectorized::LinearSizes;
namespace vectorized = tests::vectorized;
namespace eigen = kernels::eigen;

TEST_P(Vectorized, LinearForward) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, inputs = shape().inputs, outputs = shape().outputs,
                                 padding = shape().padding;
    const LinearSizes sizes{rows, inputs, outputs};
    Floats x = random(rows, inputs), w = random(outputs, inputs), b = row(outputs).randomize(generator_);
    const Doubles exact_x = exact(x), exact_w = exact(w), exact_b = exact(b);
    for (const int how : {0, 1, 2}) {
      const bool relu = how == 1, add = how == 2;
      for (const bool bias : {false, true}) {
        const Floats before = add ? random(rows, outputs) : matrix(rows, outputs);
        Floats y = before;
        Doubles expected = exact(before);
        kernels::linear_forward<double>(stream_, exact_x.constant(), exact_w.constant(),
                                        bias ? exact_b.constant_vector() : VectorView<const double>{},
                                        relu ? Activation::relu : Activation::none, expected.view(), {},
                                        {kernels::Precision::float32, add});
        operations().linear_forward(sizes, rows_of(x.constant()), rows_of(w.constant()),
                                    bias ? b.constant_vector().data : nullptr, add, relu, rows_of(y.view()),
                                    scratch(operations().linear_forward_scratch(sizes, add, 1)), {});
        EXPECT_LT(normalized_squared_error(y, expected), tolerance) << how << bias;
        EXPECT_TRUE(y.guards_intact() && scratch_guard_intact());

        Floats again = before;
        operations().linear_forward(sizes, rows_of(x.constant()), rows_of(w.constant()),
                                    bias ? b.constant_vector().data : nullptr, add, relu, rows_of(again.view()),
                                    scratch(operations().linear_forward_scratch(sizes, add, 1)), {});
        for (Index m = 0; m < rows; ++m) {
          for (Index o = 0; o < outputs; ++o) ASSERT_EQ(y.at(m, o), again.at(m, o));
        }
      }
    }
  });
}

TEST_P(Vectorized, LinearBackward) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, inputs = shape().inputs, outputs = shape().outputs,
                                 padding = shape().padding;
    const LinearSizes sizes{rows, inputs, outputs};
    Floats x = random(rows, inputs), w = random(outputs, inputs), dy = random(rows, outputs);
    const Doubles exact_x = exact(x), exact_w = exact(w), exact_dy = exact(dy);
    for (const bool everything : {false, true}) {
      Floats dx = matrix(rows, inputs), dw = random(outputs, inputs), db = row(outputs).randomize(generator_);
      Doubles expected_dx(rows, inputs), expected_dw = exact(dw), expected_db = exact(db);
      const Floats db_before = db;
      kernels::linear_backward<double>(stream_, exact_x.constant(), exact_w.constant(), exact_dy.constant(),
                                       everything ? expected_dx.view() : MatrixView<double>{}, expected_dw.view(),
                                       everything ? expected_db.vector() : VectorView<double>{});
      float* const memory = scratch(operations().linear_backward_scratch(sizes, 1));
      if (everything) {
        operations().linear_input_gradient(sizes, rows_of(w.constant()), rows_of(dy.constant()), {}, rows_of(dx.view()),
                                           false, memory, {});
      }
      operations().linear_weight_gradient(sizes, rows_of(x.constant()), rows_of(dy.constant()), rows_of(dw.view()),
                                          everything ? db.vector().data : nullptr, true, memory, {});
      if (everything) {
        // The same through the derivative of the ReLU that x came out of.
        Floats gated = matrix(rows, inputs);
        operations().linear_input_gradient(sizes, rows_of(w.constant()), rows_of(dy.constant()), rows_of(x.constant()),
                                           rows_of(gated.view()), false, memory, {});
        for (Index m = 0; m < rows; ++m) {
          for (Index i = 0; i < inputs; ++i) ASSERT_EQ(gated.at(m, i), x.at(m, i) > 0.0f ? dx.at(m, i) : 0.0f);
        }
        EXPECT_TRUE(gated.guards_intact());
      }
      if (everything) {
        EXPECT_LT(normalized_squared_error(dx, expected_dx), tolerance);
      }
      EXPECT_LT(normalized_squared_error(dw, expected_dw), tolerance);
      EXPECT_LT(normalized_squared_error(db, expected_db), tolerance);
      EXPECT_TRUE(dx.guards_intact() && dw.guards_intact() && db.guards_intact() && scratch_guard_intact());
    }
    // In place of what they held, which may be anything: as if added to zeros.
    Floats dw = matrix(outputs, inputs), db = row(outputs), zero_dw = matrix(outputs, inputs), zero_db = row(outputs);
    for (Index o = 0; o < outputs; ++o) {
      for (Index i = 0; i < inputs; ++i) dw.at(o, i) = NAN, zero_dw.at(o, i) = 0.0f;
      db.at(0, o) = NAN, zero_db.at(0, o) = 0.0f;
    }
    float* const memory = scratch(operations().linear_backward_scratch(sizes, 1));
    const auto take = [&](Floats& to_dw, Floats& to_db, bool add) {
      operations().linear_weight_gradient(sizes, rows_of(x.constant()), rows_of(dy.constant()), rows_of(to_dw.view()),
                                          to_db.vector().data, add, memory, {});
    };
    take(dw, db, false);
    take(zero_dw, zero_db, true);
    for (Index o = 0; o < outputs; ++o) {
      for (Index i = 0; i < inputs; ++i) ASSERT_EQ(dw.at(o, i), zero_dw.at(o, i));
      ASSERT_EQ(db.at(0, o), zero_db.at(0, o));
    }
    EXPECT_TRUE(dw.guards_intact() && db.guards_intact() && scratch_guard_intact());
  });
}

TEST_P(Vectorized, Elementwise) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, columns = shape().outputs, padding = shape().padding;
    const Floats x = random(rows, columns), other = random(rows, columns);
    Floats y = matrix(rows, columns);
    const auto expect_each = [&](auto expected) {
      for (Index m = 0; m < rows; ++m) {
        for (Index c = 0; c < columns; ++c) ASSERT_EQ(y.at(m, c), expected(x.at(m, c), other.at(m, c)));
      }
      EXPECT_TRUE(y.guards_intact());
      y = matrix(rows, columns);
    };
    operations().copy(rows, columns, rows_of(x.constant()), rows_of(y.view()));
    expect_each([](float value, float) { return value; });
    y = Floats(y).assign(other);
    operations().add(rows, columns, rows_of(x.constant()), rows_of(y.view()));
    expect_each([](float value, float before) { return value + before; });
    Floats filled = row(rows * columns);
    operations().fill(rows * columns, filled.vector().data, 2.5f);
    for (Index i = 0; i < rows * columns; ++i) ASSERT_EQ(filled.at(0, i), 2.5f);
    EXPECT_TRUE(filled.guards_intact());
  });
}

TEST_P(Vectorized, Standardization) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, columns = shape().outputs, padding = shape().padding;
    const Floats x = random(rows, columns), mean = row(columns).randomize(generator_);
    Floats deviation = row(columns).randomize(generator_);
    for (Index c = 0; c < columns; ++c) deviation.at(0, c) = 0.5f + std::abs(deviation.at(0, c));
    const Doubles exact_x = exact(x), exact_mean = exact(mean), exact_deviation = exact(deviation);
    const float* mu = mean.constant_vector().data;
    const float* sigma = deviation.constant_vector().data;
    Doubles expected(rows, columns);
    Floats y = matrix(rows, columns);
    const auto expect_near = [&] {
      EXPECT_LT(normalized_squared_error(y, expected), tolerance);
      EXPECT_TRUE(y.guards_intact());
      y = matrix(rows, columns);
    };
    operations().standardize(rows, columns, rows_of(x.constant()), mu, sigma, rows_of(y.view()));
    eigen::standardize<double>(stream_, exact_x.constant(), exact_mean.constant_vector(),
                               exact_deviation.constant_vector(), expected.view());
    expect_near();
    operations().unstandardize(rows, columns, rows_of(x.constant()), mu, sigma, rows_of(y.view()));
    eigen::unstandardize<double>(stream_, exact_x.constant(), exact_mean.constant_vector(),
                                 exact_deviation.constant_vector(), expected.view());
    expect_near();
    operations().standardize_backward(rows, columns, rows_of(x.constant()), sigma, rows_of(y.view()));
    eigen::standardize_backward<double>(stream_, exact_x.constant(), exact_deviation.constant_vector(),
                                        expected.view());
    expect_near();
    operations().unstandardize_backward(rows, columns, rows_of(x.constant()), sigma, rows_of(y.view()));
    eigen::unstandardize_backward<double>(stream_, exact_x.constant(), exact_deviation.constant_vector(),
                                          expected.view());
    expect_near();
  });
}

TEST_P(Vectorized, SquaredError) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, columns = shape().outputs, padding = shape().padding;
    const Floats prediction = random(rows, columns), target = random(rows, columns);
    const Doubles exact_prediction = exact(prediction), exact_target = exact(target);
    Doubles expected(rows, columns);
    double expected_sum = 0.0;
    eigen::elementwise_loss<double>(stream_, kernels::ElementwiseLoss::mse, exact_prediction.constant(),
                                    exact_target.constant(), {&expected_sum, 1}, expected.view(), {});
    expected_sum *= static_cast<double>(columns);
    Floats gradient = matrix(rows, columns);
    const float scale = 2.0f / static_cast<float>(rows * columns);
    const double sum = operations().squared_error(rows, columns, rows_of(prediction.constant()),
                                                  rows_of(target.constant()), scale, rows_of(gradient.view()));
    EXPECT_NEAR(sum, expected_sum, 1e-6 * expected_sum);
    EXPECT_LT(normalized_squared_error(gradient, expected), tolerance);
    EXPECT_TRUE(gradient.guards_intact());
    EXPECT_EQ(sum, operations().squared_error(rows, columns, rows_of(prediction.constant()), rows_of(target.constant()),
                                              scale, Rows{nullptr, columns}));
  });
}

TEST_P(Vectorized, GatherRows) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, columns = shape().outputs, padding = shape().padding;
    const Floats source = random(rows + 3, columns);
    std::vector<std::int32_t> chosen;
    for (Index m = 0; m < rows; ++m) chosen.push_back(static_cast<std::int32_t>((m * 5 + 2) % (rows + 3)));
    Floats out = matrix(rows, columns);
    operations().gather_rows(rows, columns, rows_of(source.constant()), chosen.data(), rows_of(out.view()));
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) {
        ASSERT_EQ(out.at(m, c), source.at(chosen[static_cast<std::size_t>(m)], c));
      }
    }
    EXPECT_TRUE(out.guards_intact());
  });
}

TEST_P(Vectorized, AdamStep) {
  for_every_shape([&] {
    const Index n = shape().rows * shape().outputs;
    const vectorized::AdamCoefficients a{0.9f, 0.999f, 0.1f, 0.001f, 0.01f, 3.0f, 1e-8f, 0.02f, 0.98f};
    Floats parameters = row(n).randomize(generator_), first = row(n).randomize(generator_);
    Floats second = row(n).randomize(generator_);
    const Floats gradient = row(n).randomize(generator_);
    for (Index i = 0; i < n; ++i) second.at(0, i) *= second.at(0, i);
    Doubles expected = exact(parameters), expected_first = exact(first), expected_second = exact(second);
    for (Index i = 0; i < n; ++i) {
      const double g = gradient.at(0, i) + 0.02 * expected.at(0, i);
      double &m = expected_first.at(0, i), &v = expected_second.at(0, i);
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      expected.at(0, i) = 0.98 * expected.at(0, i) - 0.01 * m / (std::sqrt(v) * 3.0 + 1e-8);
    }
    operations().adam_step(a, n, parameters.vector().data, gradient.constant_vector().data, first.vector().data,
                           second.vector().data);
    EXPECT_LT(normalized_squared_error(parameters, expected), tolerance);
    EXPECT_LT(normalized_squared_error(first, expected_first), tolerance);
    EXPECT_LT(normalized_squared_error(second, expected_second), tolerance);
    EXPECT_TRUE(parameters.guards_intact() && first.guards_intact() && second.guards_intact() &&
                gradient.guards_intact());
  });
}

TEST_P(Vectorized, NotANumberStays) {
  for_every_shape([&] {
    [[maybe_unused]] const Index rows = shape().rows, columns = shape().outputs, padding = shape().padding;
    if (rows * columns == 0) return;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    Floats y = matrix(rows, columns);
    Floats bias = row(columns).set(nan);
    Floats input = random(rows, 3), w = random(columns, 3);
    const LinearSizes sizes{rows, 3, columns};
    operations().linear_forward(sizes, rows_of(input.constant()), rows_of(w.constant()), bias.vector().data, false,
                                true, rows_of(y.view()), scratch(operations().linear_forward_scratch(sizes, false, 1)),
                                {});
    for (Index c = 0; c < columns; ++c) EXPECT_TRUE(std::isnan(y.at(0, c)));
  });
}

INSTANTIATE_TEST_SUITE_P(RaggedShapes, Vectorized, ::testing::ValuesIn(tests::runnable_operations()),
                         tests::name_of_instruction_set);

}  // namespace
}  // namespace mynah
