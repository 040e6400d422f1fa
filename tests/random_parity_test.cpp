#include "kernels/random.h"

#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using RandomParity = CudaParity;

const RandomKey key = random_key(0x123456789abcdef0u, RandomStream::test, 5);

TEST_F(RandomParity, uniform) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto step = parity.given<Index>({(Index{1} << 33) + 7}, 1, 1);
    const auto with_step = parity.output(1, shape.size, {0, shape.offset});
    const auto without = parity.output(1, shape.size);
    parity.expect_same([&](const Place& at) {
      kernels::uniform(at.stream, key, at.pointer(step), -2.0f, 3.0f, at.vector(with_step));
      kernels::uniform(at.stream, key, nullptr, 0.0f, 1.0f, at.vector(without));
    });
  }
}

TEST_F(RandomParity, normal) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto step = parity.given<Index>({3}, 1, 1);
    const auto out = parity.output(1, shape.size, {0, shape.offset});
    parity.expect_same(
        [&](const Place& at) { kernels::normal(at.stream, key, at.pointer(step), 1.0f, 0.5f, at.vector(out)); });
  }
}

TEST_F(RandomParity, permutation) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto step = parity.given<Index>({12}, 1, 1);
    const auto out = parity.output<std::int32_t>(1, shape.size, {0, shape.offset});
    parity.expect_same(
        [&](const Place& at) { kernels::permutation(at.stream, key, at.pointer(step), at.vector(out)); });
  }
}

TEST_F(RandomParity, initialization_of_weights) {
  Parity parity;
  const auto kaiming = parity.output(1, 17 * 33);
  const auto xavier = parity.output(1, 17 * 33);
  const auto without_inputs = parity.output(1, 5);
  parity.expect_same([&](const Place& at) {
    kernels::kaiming_uniform(at.stream, key, 17, at.vector(kaiming));
    kernels::xavier_uniform(at.stream, key, 17, 33, at.vector(xavier));
    kernels::kaiming_uniform(at.stream, key, 0, at.vector(without_inputs));
  });
}

}  // namespace
}  // namespace mynah::tests
