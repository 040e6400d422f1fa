#include "kernels/random.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

const RandomKey key = random_key(0x123456789abcdef0u, RandomStream::test, 5);

void uniform_case(Parity& run, const VectorCase& shape) {
  const auto step = run.given<Index>({(Index{1} << 33) + 7}, 1, 1);
  const auto out = run.output(1, shape.size, {0, shape.offset});
  run.expect_same(
      [=](const Place& at) { kernels::uniform(at.stream, key, at.pointer(step), -2.0f, 3.0f, at.vector(out)); });
}

void normal_case(Parity& run, const VectorCase& shape) {
  const auto step = run.given<Index>({3}, 1, 1);
  const auto out = run.output(1, shape.size, {0, shape.offset});
  run.expect_same(
      [=](const Place& at) { kernels::normal(at.stream, key, at.pointer(step), 1.0f, 0.5f, at.vector(out)); });
}

void permutation_case(Parity& run, const VectorCase& shape) {
  const auto step = run.given<Index>({12}, 1, 1);
  const auto out = run.output<std::int32_t>(1, shape.size, {0, shape.offset});
  run.expect_same([=](const Place& at) { kernels::permutation(at.stream, key, at.pointer(step), at.vector(out)); });
}

void register_shape(Family& family, const VectorCase& shape) {
  const std::string text = text_of(shape);
  family.operation("uniform", text, [=](Parity& run) { uniform_case(run, shape); });
  family.parity("uniform", text + ", without a step", [=](Parity& run) {
    const auto out = run.output(1, shape.size);
    run.expect_same([=](const Place& at) { kernels::uniform(at.stream, key, nullptr, 0.0f, 1.0f, at.vector(out)); });
  });
  family.operation("normal", text, [=](Parity& run) { normal_case(run, shape); });
  family.operation("permutation", text, [=](Parity& run) { permutation_case(run, shape); });
}

const Family random_numbers("random", [](Family& family) {
  for (const VectorCase& shape : vector_cases()) register_shape(family, shape);
  for (const VectorCase& shape : large_vector_cases()) {
    family.speed("uniform", text_of(shape), [=](Parity& run) { uniform_case(run, shape); });
    family.speed("normal", text_of(shape), [=](Parity& run) { normal_case(run, shape); });
    family.speed("permutation", text_of(shape), [=](Parity& run) { permutation_case(run, shape); });
  }
  const std::vector<std::string> all{"uniform", "normal", "permutation"};
  family.without(all, {Aspect::gradient, Aspect::tangent}, "random numbers depend on whole numbers alone");
  family.without(all, {Aspect::pytorch},
                 "PyTorch draws other numbers; tests/random_test.cpp has the known answers of Philox and the moments");
});

}  // namespace
}  // namespace mynah::tests
