#include "kernels/gather.h"

#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using GatherParity = CudaParity;

TEST_F(GatherParity, rows) {
  for (const MatrixCase& shape : matrix_cases()) {
    SCOPED_TRACE(text_of(shape));
    for (const bool starts_later : {false, true}) {
      Parity parity;
      const Index later = starts_later ? 9 : 0;
      const auto source = parity.input(50, shape.columns, shape.layout);
      const auto rows = parity.labels(shape.rows + later, 50);
      const auto first = parity.given<Index>({later}, 1, 1);
      const auto out = parity.output(shape.rows, shape.columns, {shape.layout.padding, 0});
      parity.expect_same([&](const Place& at) {
        kernels::gather_rows(at.stream, at.matrix(source), at.vector(rows), starts_later ? at.pointer(first) : nullptr,
                             at.matrix(out));
      });
    }
  }
}

TEST_F(GatherParity, labels) {
  for (const VectorCase& shape : vector_cases()) {
    SCOPED_TRACE(text_of(shape));
    Parity parity;
    const auto source = parity.labels(50, 1000, shape.offset);
    const auto rows = parity.labels(shape.size + 3, 50);
    const auto first = parity.given<Index>({3}, 1, 1);
    const auto out = parity.output<std::int32_t>(1, shape.size, {0, shape.offset});
    parity.expect_same([&](const Place& at) {
      kernels::gather_labels(at.stream, at.vector(source), at.vector(rows), at.pointer(first), at.vector(out));
    });
  }
}

}  // namespace
}  // namespace mynah::tests
