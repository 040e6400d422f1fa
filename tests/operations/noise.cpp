#include "kernels/noise.h"

#include <cmath>

#include "kernels/random.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

const RandomKey key = random_key(0x123456789abcdef0u, RandomStream::test, 6);

void noise_case(Parity& run, const MatrixCase& shape) {
  const auto step = run.given<Index>({(Index{1} << 33) + 7}, 1, 1);
  const auto deviation = run.input(1, shape.columns);
  const auto x = run.changed(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::add_noise(at.stream, key, at.pointer(step), at.vector(deviation), at.matrix(x));
  });
}

/// The numbers are those of kernels::normal, row by row, whatever the stride; a deviation of 0 changes nothing.
void expect_numbers_of_normal() {
  Stream stream{DeviceId{}};
  constexpr Index rows = 5, columns = 3, stride = 4;
  const Index step = 12;
  std::vector<float> normals(rows * columns), x(rows * stride, 1.0f);
  kernels::normal(stream, key, &step, 0.0f, 1.0f, {normals.data(), rows * columns});
  const std::vector<float> deviation{0.5f, 0.0f, 2.0f};
  kernels::add_noise(stream, key, &step, {deviation.data(), columns}, {x.data(), rows, columns, stride});
  for (Index m = 0; m < rows; ++m) {
    for (Index c = 0; c < columns; ++c) {
      const float z = normals[static_cast<std::size_t>(m * columns + c)];
      EXPECT_FLOAT_EQ(x[static_cast<std::size_t>(m * stride + c)], 1.0f + deviation[static_cast<std::size_t>(c)] * z);
    }
    EXPECT_EQ(x[static_cast<std::size_t>(m * stride + 1)], 1.0f);
    EXPECT_EQ(x[static_cast<std::size_t>(m * stride + 3)], 1.0f) << "behind the row";
  }
}

const Family noise("noise", [](Family& family) {
  for (const MatrixCase& shape : matrix_cases()) {
    family.operation("add_noise", text_of(shape), [=](Parity& run) { noise_case(run, shape); });
  }
  family.parity("add_noise", "numbers of normal", [](Parity&) { expect_numbers_of_normal(); });
  family.without({"add_noise"}, {Aspect::gradient, Aspect::tangent}, "it disturbs data, whose derivative nobody takes");
  family.without({"add_noise"}, {Aspect::pytorch}, "PyTorch draws other numbers");
});

}  // namespace
}  // namespace mynah::tests
