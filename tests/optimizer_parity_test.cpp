#include "kernels/optimizer.h"

#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using OptimizerParity = CudaParity;

void expect_steps(const VectorCase& shape, const kernels::AdamOptions& options, Index first_step) {
  SCOPED_TRACE(text_of(shape));
  Parity parity;
  const Layout layout{0, shape.offset};
  const auto parameters = parity.changed(1, shape.size, layout);
  const auto gradient = parity.input(1, shape.size, layout);
  const auto zeros = std::vector<float>(static_cast<std::size_t>(shape.size), 0.0f);
  const auto first = parity.given(zeros, 1, shape.size, layout, true);
  const auto second = parity.given(zeros, 1, shape.size, {0, 0}, true);
  const auto rate = parity.given<float>({0.01f}, 1, 1);
  const auto step = parity.given<Index>({first_step, first_step + 1}, 1, 2);
  parity.expect_same([&](const Place& at) {
    for (const int i : {0, 1}) {
      kernels::adam_step(at.stream, options, at.pointer(rate), at.pointer(step) + i, at.vector(parameters),
                         at.vector(gradient), at.vector(first), at.vector(second));
    }
  });
}

TEST_F(OptimizerParity, adam) {
  for (const VectorCase& shape : vector_cases()) expect_steps(shape, {}, 1);
}

TEST_F(OptimizerParity, adam_with_weight_decay) {
  kernels::AdamOptions options;
  options.weight_decay = 0.1;
  expect_steps({1001, 0}, options, 5);
  options.decoupled = true;
  expect_steps({1001, 1}, options, 1000000);
}

}  // namespace
}  // namespace mynah::tests
