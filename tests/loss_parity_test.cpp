#include "kernels/loss.h"

#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using LossParity = CudaParity;

TEST_F(LossParity, mean_squared_error) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1000, 41, {}});  // several blocks
  cases.push_back({1000, 41, {2, 0}});
  for (const MatrixCase& shape : cases) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto prediction = parity.input(shape.rows, shape.columns, shape.layout);
    const auto target = parity.input(shape.rows, shape.columns, {0, shape.layout.offset});
    const auto loss = parity.given<double>({2.0}, 1, 1, {}, true);
    const auto gradient = shape.rows * shape.columns == 0 ? parity.input(shape.rows, shape.columns)
                                                          : parity.output(shape.rows, shape.columns, shape.layout);
    parity.expect_same([&](const Place& at) {
      kernels::mse_loss(at.stream, at.matrix(prediction), at.matrix(target), at.vector(loss), at.matrix(gradient));
    });
  }
}

TEST_F(LossParity, mean_squared_error_of_value_or_gradient_alone_and_in_place) {
  Parity parity;
  const auto prediction = parity.changed(33, 6);
  const auto target = parity.input(33, 6);
  const auto loss = parity.given<double>({0.5}, 1, 1, {}, true);
  parity.expect_same([&](const Place& at) {
    kernels::mse_loss(at.stream, at.matrix(prediction), at.matrix(target), at.vector(loss), {});
    kernels::mse_loss(at.stream, at.matrix(prediction), at.matrix(target), {}, at.matrix(prediction));
  });
}

TEST_F(LossParity, softmax_cross_entropy) {
  std::vector<MatrixCase> cases = score_cases();
  cases.push_back({700, 3, {}});  // several blocks of narrow rows
  for (const MatrixCase& shape : cases) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto logits = parity.input(shape.rows, shape.columns, shape.layout);
    const auto labels = parity.labels(shape.rows, static_cast<std::int32_t>(shape.columns), shape.layout.offset);
    const auto loss = parity.given<double>({2.0}, 1, 1, {}, true);
    const auto gradient =
        shape.rows == 0 ? parity.input(0, shape.columns) : parity.output(shape.rows, shape.columns, shape.layout);
    parity.expect_same([&](const Place& at) {
      kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), at.vector(loss),
                                          at.matrix(gradient));
    });
  }
}

TEST_F(LossParity, softmax_cross_entropy_of_value_or_gradient_alone_and_in_place) {
  for (const Index classes : {2, 40, 1300}) {
    Parity parity;
    const auto logits = parity.changed(5, classes, {1, 0});
    const auto labels = parity.labels(5, static_cast<std::int32_t>(classes));
    const auto loss = parity.given<double>({0.5}, 1, 1, {}, true);
    parity.expect_same([&](const Place& at) {
      kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), at.vector(loss), {});
      kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), {}, at.matrix(logits));
    });
  }
}

TEST_F(LossParity, softmax_cross_entropy_of_logits_that_would_overflow) {
  Parity parity;
  const auto logits = parity.given<float>({1e4f, -1e4f, 3e38f, -3e38f, 88.0f, 89.0f, 90.0f, 100.0f}, 2, 4);
  const auto labels = parity.given<std::int32_t>({2, 3}, 1, 2);
  const auto loss = parity.given<double>({0.0}, 1, 1, {}, true);
  const auto gradient = parity.output(2, 4);
  parity.expect_same([&](const Place& at) {
    kernels::softmax_cross_entropy_loss(at.stream, at.matrix(logits), at.vector(labels), at.vector(loss),
                                        at.matrix(gradient));
  });
}

TEST_F(LossParity, correct_rows_are_counted) {
  for (const MatrixCase& shape : score_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto scores = parity.input(shape.rows, shape.columns, shape.layout);
    const auto labels = parity.labels(shape.rows, static_cast<std::int32_t>(shape.columns));
    const auto count = parity.given<double>({3.0}, 1, 1, {}, true);
    parity.expect_same([&](const Place& at) {
      kernels::count_correct(at.stream, at.matrix(scores), at.vector(labels), at.vector(count));
    });
  }
}

TEST_F(LossParity, largest_of_rows) {
  for (const MatrixCase& shape : score_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto scores = parity.input(shape.rows, shape.columns, shape.layout);
    const auto out = parity.output<std::int32_t>(1, shape.rows, {0, shape.layout.offset});
    parity.expect_same([&](const Place& at) { kernels::argmax_rows(at.stream, at.matrix(scores), at.vector(out)); });
  }
}

TEST_F(LossParity, first_of_equals_is_the_largest) {
  const float low = -std::numeric_limits<float>::infinity();
  for (const Index columns : {3, 50}) {
    std::vector<float> scores(static_cast<std::size_t>(4 * columns), low);  // row 0: all equal, minus infinity
    for (Index c = 0; c < columns; ++c) {
      scores[static_cast<std::size_t>(columns + c)] = 1.0f;
      scores[static_cast<std::size_t>(2 * columns + c)] = c == 0 ? 0.0f : 7.0f;
      scores[static_cast<std::size_t>(3 * columns + c)] = c + 1 == columns ? 7.0f : -7.0f;
    }
    Parity parity;
    const auto x = parity.given(scores, 4, columns);
    const auto out = parity.output<std::int32_t>(1, 4);
    parity.expect_same([&](const Place& at) { kernels::argmax_rows(at.stream, at.matrix(x), at.vector(out)); });
  }
}

}  // namespace
}  // namespace mynah::tests
