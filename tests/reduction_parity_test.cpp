#include "kernels/reduction.h"

#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using ReductionParity = CudaParity;

TEST_F(ReductionParity, column_moments) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({1101, 5, {}});  // several parts
  cases.push_back({800, 33, {1, 1}});
  for (const MatrixCase& shape : cases) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.input(shape.rows, shape.columns, shape.layout);
    const auto mean = parity.output(1, shape.columns, shape.layout);
    const auto variance = parity.output(1, shape.columns);
    const auto mean_alone = parity.output(1, shape.columns);
    parity.expect_same([&](const Place& at) {
      kernels::column_moments(at.stream, at.matrix(x), at.vector(mean), at.vector(variance));
      kernels::column_moments(at.stream, at.matrix(x), at.vector(mean_alone), {});
    });
  }
}

TEST_F(ReductionParity, sum) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto x = parity.input(1, shape.size, {0, shape.offset});
    const auto out = parity.output<double>(1, 1);
    parity.expect_same([&](const Place& at) { kernels::sum(at.stream, at.vector(x), at.vector(out)); });
  }
}

}  // namespace
}  // namespace mynah::tests
