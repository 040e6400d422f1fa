#include "kernels/gather.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

const Family gather("gather", [](Family& family) {
  for (const MatrixCase& shape : matrix_cases()) {
    for (const bool starts_later : {false, true}) {
      family.operation("gather_rows", text_of(shape) + (starts_later ? " from 9" : ""), [=](Parity& run) {
        const Index later = starts_later ? 9 : 0;
        const auto source = run.input(50, shape.columns, shape.layout);
        const auto rows = run.labels(shape.rows + later, 50);
        const auto first = run.given<Index>({later}, 1, 1);
        const auto out = run.output(shape.rows, shape.columns, {shape.layout.padding, 0});
        run.expect_same([=](const Place& at) {
          kernels::gather_rows(at.stream, at.matrix(source), at.vector(rows),
                               starts_later ? at.pointer(first) : nullptr, at.matrix(out));
        });
      });
    }
  }
  for (const VectorCase& shape : vector_cases()) {
    family.operation("gather_labels", text_of(shape), [=](Parity& run) {
      const auto source = run.labels(50, 1000, shape.offset);
      const auto rows = run.labels(shape.size + 3, 50);
      const auto first = run.given<Index>({3}, 1, 1);
      const auto out = run.output<std::int32_t>(1, shape.size, {0, shape.offset});
      run.expect_same([=](const Place& at) {
        kernels::gather_labels(at.stream, at.vector(source), at.vector(rows), at.pointer(first), at.vector(out));
      });
    });
  }
  family.pytorch({"gather_rows"}, "rows", [](PyTorchCase& dump) {
    const Matrix source = dump.matrix("source");
    const Labels rows = dump.labels("rows");
    const Matrix out = dump.output(rows.size, source.columns);
    kernels::gather_rows(dump.stream(), source, rows, nullptr, out);
    dump.expect("out", out, 0.0);
  });
  family.without({"gather_rows", "gather_labels"}, {Aspect::gradient, Aspect::tangent},
                 "it takes a batch from the data, of which nothing is trained");
  family.without("gather_labels", Aspect::pytorch, "whole numbers are compared with the CPU to the bit");
});

}  // namespace
}  // namespace mynah::tests
