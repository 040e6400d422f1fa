// The vectorised operations that go over a row more than once: softmax, layer normalisation, the gates of a GRU; for
// every instruction set this processor has, against plain formulas in double.

#include <cmath>
#include <limits>

#include "tests/vectorized_fixture.h"

namespace mynah {
namespace {

using tests::Doubles;
using tests::Floats;
using tests::normalized_squared_error;
using tests::Rows;
using tests::rows_of;
using tests::vectorized::GroupSizes;
using tests::vectorized::RowExponentials;

class VectorizedRows : public tests::Vectorized {};

TEST_P(VectorizedRows, Softmax) {
  for_every_shape([&] {
    const Index rows = shape().rows, columns = shape().outputs;
    Floats x = random(rows, columns), y = matrix(rows, columns);
    Doubles expected(rows, columns);
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) x.at(m, c) *= m % 3 == 2 ? 1000.0f : 3.0f;
      double largest = x.at(m, 0), sum = 0.0;
      for (Index c = 0; c < columns; ++c) largest = std::max(largest, static_cast<double>(x.at(m, c)));
      for (Index c = 0; c < columns; ++c) sum += std::exp(x.at(m, c) - largest);
      for (Index c = 0; c < columns; ++c) expected.at(m, c) = 0.25 * std::exp(x.at(m, c) - largest) / sum;
      const float* from = x.constant().row(m).data;
      const RowExponentials alone = operations().softmax_row(columns, from, 0.25f, nullptr);
      const RowExponentials result = operations().softmax_row(columns, from, 0.25f, y.view().row(m).data);
      ASSERT_EQ(result.largest, static_cast<float>(largest));
      ASSERT_NEAR(result.sum, sum, 1e-6 * sum);
      ASSERT_EQ(alone.largest, result.largest);
      ASSERT_EQ(alone.sum, result.sum);
    }
    EXPECT_LT(normalized_squared_error(y, expected), tolerance);
    for (Index m = 0; m < rows; ++m) {
      operations().softmax_row(columns, x.constant().row(m).data, 0.25f, x.view().row(m).data);
    }
    EXPECT_EQ(normalized_squared_error(x, y), 0.0);
    EXPECT_TRUE(x.guards_intact() && y.guards_intact());
  });
}

TEST_P(VectorizedRows, SoftmaxAtTheEnds) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const Index columns : {2, 7, 16, 17, 40, 100}) {
    for (const Index place : {Index{0}, columns - 1}) {
      Floats x = Floats(1, columns).set(-infinity);  // masked classes
      x.at(0, place) = -3.0f;
      RowExponentials result = operations().softmax_row(columns, x.vector().data, 1.0f, x.vector().data);
      EXPECT_EQ(result.largest, -3.0f);
      EXPECT_EQ(result.sum, 1.0f);
      for (Index c = 0; c < columns; ++c) EXPECT_EQ(x.at(0, c), c == place ? 1.0f : 0.0f);
      x.set(1.0f).at(0, place) = std::numeric_limits<float>::quiet_NaN();
      result = operations().softmax_row(columns, x.vector().data, 1.0f, x.vector().data);
      EXPECT_TRUE(std::isnan(result.sum));
      for (Index c = 0; c < columns; ++c) EXPECT_TRUE(std::isnan(x.at(0, c)));
    }
  }
}

struct LayerNormCase {
  GroupSizes sizes;
  Floats x, w, b, dy;
};

/// What kernels/layer_norm.h says, in double.
struct LayerNormReference {
  Doubles y, mean, reciprocal_deviation, dx, dw, db;

  LayerNormReference(const LayerNormCase& c, double epsilon)
      : y(c.sizes.rows, c.x.columns()),
        mean(1, c.sizes.rows * c.sizes.groups),
        reciprocal_deviation(1, c.sizes.rows * c.sizes.groups),
        dx(c.sizes.rows, c.x.columns()),
        dw(Doubles(1, c.sizes.size).set(0.0)),
        db(Doubles(1, c.sizes.size).set(0.0)) {
    for (Index m = 0; m < c.sizes.rows; ++m) {
      for (Index g = 0; g < c.sizes.groups; ++g) compute(c, epsilon, m, g);
    }
  }

  void compute(const LayerNormCase& c, double epsilon, Index m, Index group) {
    const Index size = c.sizes.size, first = group * size;
    const auto n = static_cast<double>(size);
    double sum = 0.0, squares = 0.0, of_gradient = 0.0, of_product = 0.0;
    for (Index i = 0; i < size; ++i) sum += c.x.at(m, first + i);
    const double mu = sum / n;
    for (Index i = 0; i < size; ++i) squares += std::pow(c.x.at(m, first + i) - mu, 2);
    const double r = 1.0 / std::sqrt(squares / n + epsilon);
    const auto standardized = [&](Index i) { return (c.x.at(m, first + i) - mu) * r; };
    for (Index i = 0; i < size; ++i) {
      const double gradient = c.dy.at(m, first + i), g = gradient * c.w.at(0, i);
      y.at(m, first + i) = standardized(i) * c.w.at(0, i) + c.b.at(0, i);
      of_gradient += g / n;
      of_product += g * standardized(i) / n;
      dw.at(0, i) += gradient * standardized(i);
      db.at(0, i) += gradient;
    }
    for (Index i = 0; i < size; ++i) {
      const double g = c.dy.at(m, first + i) * c.w.at(0, i);
      dx.at(m, first + i) = r * (g - of_gradient - standardized(i) * of_product);
    }
    mean.at(0, m * c.sizes.groups + group) = mu;
    reciprocal_deviation.at(0, m * c.sizes.groups + group) = r;
  }
};

TEST_P(VectorizedRows, LayerNorm) {
  for_every_shape([&] {
    const GroupSizes sizes{shape().rows, 1 + shape().inputs % 3, shape().outputs};
    const Index columns = sizes.groups * sizes.size, groups = sizes.rows * sizes.groups;
    LayerNormCase one{sizes, random(sizes.rows, columns), row(sizes.size).randomize(generator_),
                      row(sizes.size).randomize(generator_), random(sizes.rows, columns)};
    for (Index m = 0; m < sizes.rows; ++m) {
      for (Index c = 0; c < columns; ++c) one.x.at(m, c) += 5.0f * static_cast<float>(m % 4);
    }
    const float epsilon = 1e-5f;
    LayerNormReference expected(one, epsilon);
    const auto w = one.w.constant_vector().data, b = one.b.constant_vector().data;
    Floats y = matrix(sizes.rows, columns), mean = row(groups), deviation = row(groups);
    operations().layer_norm_forward(sizes, rows_of(one.x.constant()), w, b, epsilon, rows_of(y.view()),
                                    mean.vector().data, deviation.vector().data);
    EXPECT_LT(normalized_squared_error(y, expected.y), tolerance);
    for (Index k = 0; k < groups; ++k) {
      ASSERT_NEAR(mean.at(0, k), expected.mean.at(0, k), 1e-6 * (1.0 + std::abs(expected.mean.at(0, k))));
    }
    EXPECT_LT(normalized_squared_error(deviation, expected.reciprocal_deviation), tolerance);

    for (const int wanted : {0, 1, 2}) {  // everything, dx alone, dw and db alone
      Floats dx = matrix(sizes.rows, columns), dw = row(sizes.size).set(0.0f), db = row(sizes.size).set(0.0f);
      operations().layer_norm_backward(
          sizes, rows_of(one.x.constant()), w, mean.constant_vector().data, deviation.constant_vector().data,
          rows_of(one.dy.constant()), wanted == 2 ? Rows{nullptr, 0} : rows_of(dx.view()),
          wanted == 1 ? nullptr : dw.vector().data, wanted == 1 ? nullptr : db.vector().data);
      if (wanted != 2 && sizes.size > 2) {  // Of one or two columns, dx is what rounding leaves.
        EXPECT_LT(normalized_squared_error(dx, expected.dx), 100 * tolerance);
      }
      if (wanted != 1 && sizes.size > 1) {
        EXPECT_LT(normalized_squared_error(dw, expected.dw), tolerance);
      }
      if (wanted != 1) {
        EXPECT_LT(normalized_squared_error(db, expected.db), tolerance);
      }
      EXPECT_TRUE(dx.guards_intact() && dw.guards_intact() && db.guards_intact());
    }
    // In place; and a group of equal values is exactly b.
    operations().layer_norm_forward(sizes, rows_of(one.x.constant()), w, b, epsilon, rows_of(one.x.view()),
                                    mean.vector().data, deviation.vector().data);
    EXPECT_EQ(normalized_squared_error(one.x, y), 0.0);
    one.x.set(123456.7f);
    operations().layer_norm_forward(sizes, rows_of(one.x.constant()), w, b, epsilon, rows_of(y.view()),
                                    mean.vector().data, deviation.vector().data);
    for (Index m = 0; m < sizes.rows; ++m) {
      for (Index c = 0; c < columns; ++c) ASSERT_EQ(y.at(m, c), one.b.at(0, c % sizes.size));
    }
    EXPECT_TRUE(one.x.guards_intact() && y.guards_intact() && mean.guards_intact() && deviation.guards_intact());
  });
}

TEST_P(VectorizedRows, GruGates) {
  const auto logistic = [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
  for_every_shape([&] {
    const Index rows = shape().rows, hidden = shape().outputs;
    const Floats projection = random(rows, 3 * hidden), state = random(rows, hidden), g = random(rows, hidden);
    Floats gates = random(rows, 4 * hidden), next = matrix(rows, hidden);
    Doubles expected(rows, 4 * hidden), expected_next(rows, hidden);
    Doubles expected_gradients(rows, 4 * hidden), expected_share(rows, hidden);
    for (Index m = 0; m < rows; ++m) {
      for (Index i = 0; i < hidden; ++i) {
        const double r = logistic(static_cast<double>(gates.at(m, i)) + projection.at(m, i));
        const double z = logistic(static_cast<double>(gates.at(m, hidden + i)) + projection.at(m, hidden + i));
        const double q = projection.at(m, 2 * hidden + i), h = state.at(m, i), gradient = g.at(m, i);
        const double n = std::tanh(gates.at(m, 3 * hidden + i) + r * q);
        const double values[] = {r, z, q, n};
        const double of_candidate = (1.0 - n * n) * (1.0 - z) * gradient;
        const double gradients[] = {r * (1.0 - r) * q * of_candidate, z * (1.0 - z) * (h - n) * gradient,
                                    r * of_candidate, of_candidate};
        for (Index k = 0; k < 4; ++k) {
          expected.at(m, k * hidden + i) = values[k];
          expected_gradients.at(m, k * hidden + i) = gradients[k];
        }
        expected_next.at(m, i) = (1.0 - z) * n + z * h;
        expected_share.at(m, i) = z * gradient;
      }
    }
    operations().gru_gates_forward(rows, hidden, rows_of(projection.constant()), rows_of(state.constant()),
                                   rows_of(gates.view()), rows_of(next.view()));
    EXPECT_LT(normalized_squared_error(gates, expected), tolerance);
    EXPECT_LT(normalized_squared_error(next, expected_next), tolerance);

    Floats gradients = matrix(rows, 4 * hidden), share = matrix(rows, hidden), in_place = matrix(rows, hidden);
    in_place.assign(g);
    const auto backward = [&](const Floats& gradient, bool add, Rows share_rows) {
      operations().gru_gates_backward(rows, hidden, rows_of(gates.constant()), rows_of(state.constant()),
                                      rows_of(gradient.constant()), add, rows_of(gradients.view()), share_rows);
      EXPECT_LT(normalized_squared_error(gradients, expected_gradients), tolerance);
      EXPECT_TRUE(gradients.guards_intact());
      gradients = matrix(rows, 4 * hidden);
    };
    backward(g, false, Rows{nullptr, 0});
    backward(g, false, rows_of(share.view()));
    EXPECT_LT(normalized_squared_error(share, expected_share), tolerance);
    backward(in_place, false, rows_of(in_place.view()));
    EXPECT_EQ(normalized_squared_error(in_place, share), 0.0);
    backward(g, true, rows_of(share.view()));
    for (Index m = 0; m < rows; ++m) {
      for (Index i = 0; i < hidden; ++i) expected_share.at(m, i) *= 2.0;
    }
    EXPECT_LT(normalized_squared_error(share, expected_share), tolerance);
    EXPECT_TRUE(gates.guards_intact() && next.guards_intact() && share.guards_intact() && in_place.guards_intact());
  });
}

INSTANTIATE_TEST_SUITE_P(RaggedShapes, VectorizedRows, ::testing::ValuesIn(tests::runnable_operations()),
                         tests::name_of_instruction_set);

}  // namespace
}  // namespace mynah
