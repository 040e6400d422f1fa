#include "kernels/elementwise.h"

#include "kernels/activation.h"
#include "kernels/standardization.h"
#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using ActivationParity = CudaParity;
using ElementwiseParity = CudaParity;
using StandardizationParity = CudaParity;

TEST_F(ActivationParity, forward) {
  for (const Activation activation : {Activation::none, Activation::relu}) {
    for (const MatrixCase& shape : matrix_cases()) {
      SCOPED_TRACE(text_of(shape));
      Parity parity;
      const auto x = parity.input(shape.rows, shape.columns, shape.layout);
      const auto y = parity.output(shape.rows, shape.columns, shape.layout);
      parity.expect_same(
          [&](const Place& at) { kernels::activation_forward(at.stream, activation, at.matrix(x), at.matrix(y)); });
    }
  }
}

TEST_F(ActivationParity, forward_in_place_and_of_special_values) {
  const float infinity = std::numeric_limits<float>::infinity();
  Parity parity;
  const auto x = parity.given<float>({0.0f, -0.0f, infinity, -infinity, NAN, 1e-45f, -1e-45f}, 1, 7, {}, true);
  parity.expect_same(
      [&](const Place& at) { kernels::activation_forward(at.stream, Activation::relu, at.matrix(x), at.matrix(x)); });
}

TEST_F(ActivationParity, backward) {
  for (const Activation activation : {Activation::none, Activation::relu}) {
    for (const MatrixCase& shape : matrix_cases()) {
      SCOPED_TRACE(text_of(shape));
      Parity parity;
      const auto y = parity.input(shape.rows, shape.columns, shape.layout);
      const auto dy = parity.input(shape.rows, shape.columns, {shape.layout.padding + 4, 0});
      const auto dx = parity.output(shape.rows, shape.columns, shape.layout);
      parity.expect_same([&](const Place& at) {
        kernels::activation_backward(at.stream, activation, at.matrix(y), at.matrix(dy), at.matrix(dx));
      });
    }
  }
}

TEST_F(ActivationParity, backward_in_place_and_at_special_values) {
  const float infinity = std::numeric_limits<float>::infinity();
  Parity parity;
  const auto y = parity.given<float>({0.0f, -0.0f, infinity, 1e-45f, 0.0f, 2.0f, 0.0f}, 1, 7);
  const auto dy = parity.given<float>({infinity, 1.0f, 2.0f, 3.0f, NAN, NAN, -1.0f}, 1, 7, {}, true);
  parity.expect_same([&](const Place& at) {
    kernels::activation_backward(at.stream, Activation::relu, at.matrix(y), at.matrix(dy), at.matrix(dy));
  });
}

TEST_F(ElementwiseParity, fill) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.output(1, shape.size, {0, shape.offset});
    parity.expect_same([&](const Place& at) { kernels::fill(at.stream, at.vector(x), 2.5f); });
  }
}

/// More elements than the grid has threads, so that threads come back for more.
TEST_F(ElementwiseParity, fill_beyond_one_grid) {
  Parity parity;
  const auto x = parity.output(1, 4096 * 256 + 777, {0, 1});
  parity.expect_same([&](const Place& at) { kernels::fill(at.stream, at.vector(x), -1.0f); });
}

TEST_F(ElementwiseParity, add) {
  for (const MatrixCase& shape : matrix_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.input(shape.rows, shape.columns, shape.layout);
    const auto y = parity.changed(shape.rows, shape.columns, {shape.layout.padding, 0});
    parity.expect_same([&](const Place& at) { kernels::add(at.stream, at.matrix(x), at.matrix(y)); });
  }
}

TEST_F(ElementwiseParity, copy) {
  for (const MatrixCase& shape : matrix_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.input(shape.rows, shape.columns, shape.layout);
    const auto y = parity.output(shape.rows, shape.columns, {shape.layout.padding + 1, shape.layout.offset});
    parity.expect_same([&](const Place& at) { kernels::copy(at.stream, at.matrix(x), at.matrix(y)); });
  }
}

TEST_F(ElementwiseParity, counters) {
  for (const Index size : {1, 2, 3, 255, 257}) {
    Parity parity;
    const auto counters = parity.output<Index>(1, size);
    parity.expect_same([&](const Place& at) {
      kernels::set_counters(at.stream, at.vector(counters), 41);
      kernels::advance(at.stream, at.pointer(counters) + size - 1, 1);
      kernels::advance(at.stream, at.pointer(counters), -3);
    });
  }
}

TEST_F(StandardizationParity, forward) {
  for (const MatrixCase& shape : matrix_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.input(shape.rows, shape.columns, shape.layout);
    const auto mean = parity.input(1, shape.columns, shape.layout);
    const auto deviation =
        parity.given(std::vector<float>(static_cast<std::size_t>(shape.columns), 0.37f), 1, shape.columns);
    const auto y = parity.output(shape.rows, shape.columns, shape.layout);
    const auto z = parity.output(shape.rows, shape.columns, {0, shape.layout.offset});
    parity.expect_same([&](const Place& at) {
      kernels::standardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(y));
      kernels::unstandardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(z));
    });
  }
}

TEST_F(StandardizationParity, backward) {
  for (const MatrixCase& shape : matrix_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto dy = parity.input(shape.rows, shape.columns, shape.layout);
    const auto deviation = parity.input(1, shape.columns, shape.layout);
    const auto dx = parity.output(shape.rows, shape.columns, shape.layout);
    const auto dz = parity.output(shape.rows, shape.columns, {0, shape.layout.offset});
    parity.expect_same([&](const Place& at) {
      kernels::standardize_backward(at.stream, at.matrix(dy), at.vector(deviation), at.matrix(dx));
      kernels::unstandardize_backward(at.stream, at.matrix(dy), at.vector(deviation), at.matrix(dz));
    });
  }
}

TEST_F(StandardizationParity, there_and_back_in_place) {
  Parity parity;
  const auto x = parity.changed(33, 17, {3, 1});
  const auto mean = parity.input(1, 17);
  const auto deviation = parity.given(std::vector<float>(17, 1.7f), 1, 17);
  parity.expect_same([&](const Place& at) {
    kernels::standardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(x));
    kernels::unstandardize(at.stream, at.matrix(x), at.vector(mean), at.vector(deviation), at.matrix(x));
  });
}

}  // namespace
}  // namespace mynah::tests
