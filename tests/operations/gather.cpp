#include "kernels/gather.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

/// Rows from anywhere in a source of `source_rows`, starting at the `later`-th of those asked for.
void rows_case(Parity& run, const MatrixCase& shape, Index source_rows, Index later) {
  run.bytes(static_cast<double>(shape.rows) * (8.0 * static_cast<double>(shape.columns) + 4.0));
  const auto source = run.input(source_rows, shape.columns, shape.layout);
  const auto rows = run.labels(shape.rows + later, static_cast<std::int32_t>(source_rows));
  const auto first = run.given<Index>({later}, 1, 1);
  const auto out = run.output(shape.rows, shape.columns, {shape.layout.padding, 0});
  run.expect_same([=](const Place& at) {
    kernels::gather_rows(at.stream, at.matrix(source), at.vector(rows), later > 0 ? at.pointer(first) : nullptr,
                         at.matrix(out));
  });
}

void labels_case(Parity& run, const VectorCase& shape, Index source_size) {
  run.bytes(12.0 * static_cast<double>(shape.size));
  const auto source = run.labels(source_size, 1000, shape.offset);
  const auto rows = run.labels(shape.size + 3, static_cast<std::int32_t>(source_size));
  const auto first = run.given<Index>({3}, 1, 1);
  const auto out = run.output<std::int32_t>(1, shape.size, {0, shape.offset});
  run.expect_same([=](const Place& at) {
    kernels::gather_labels(at.stream, at.vector(source), at.vector(rows), at.pointer(first), at.vector(out));
  });
}

void windows_case(Parity& run, const VectorCase& shape, Index window) {
  run.bytes(8.0 * static_cast<double>(shape.size * window));
  const auto source = run.labels(50 + window, 1000, shape.offset);
  const auto rows = run.labels(shape.size + 3, 50);
  const auto first = run.given<Index>({3}, 1, 1);
  const auto out = run.output<std::int32_t>(1, shape.size * window, {0, shape.offset});
  run.expect_same([=](const Place& at) {
    kernels::gather_label_windows(at.stream, at.vector(source), window, at.vector(rows), at.pointer(first),
                                  at.vector(out));
  });
}

/// Inputs, and targets of so many columns; 0: labels.
void batch_case(Parity& run, const MatrixCase& shape, Index target_columns, Layout target_layout) {
  const auto inputs = run.input(50, shape.columns, shape.layout);
  const auto values = run.input(50, target_columns, target_layout);
  const auto labels = run.labels(50, 1000);
  const auto rows = run.labels(shape.rows + 3, 50);
  const auto first = run.given<Index>({3}, 1, 1);
  const auto out = run.output(shape.rows, shape.columns, {shape.layout.padding, 0});
  const auto out_values = run.output(target_columns > 0 ? shape.rows : 0, target_columns, target_layout);
  const auto out_labels = run.output<std::int32_t>(1, target_columns > 0 ? 0 : shape.rows);
  run.expect_same([=](const Place& at) {
    const bool of_values = target_columns > 0;
    kernels::gather_batch(
        at.stream,
        {at.matrix(inputs), of_values ? ConstMatrix{at.matrix(values)} : ConstMatrix{},
         of_values ? ConstLabels{} : ConstLabels{at.vector(labels)}},
        at.vector(rows), at.pointer(first),
        {at.matrix(out), of_values ? at.matrix(out_values) : Matrix{}, of_values ? Labels{} : at.vector(out_labels)});
  });
}

const Family gather("gather", [](Family& family) {
  for (const MatrixCase& shape : matrix_cases()) {
    family.operation("gather_rows", text_of(shape), [=](Parity& run) { rows_case(run, shape, 50, 0); });
    family.operation("gather_rows", text_of(shape) + " from 9", [=](Parity& run) { rows_case(run, shape, 50, 9); });
  }
  for (const MatrixCase& shape : matrix_cases()) {
    family.operation("gather_batch", text_of(shape) + " with labels",
                     [=](Parity& run) { batch_case(run, shape, 0, {}); });
    family.operation("gather_batch", text_of(shape) + " with 6 values", [=](Parity& run) {
      batch_case(run, shape, 6, {2, 0});
    });
    family.parity("gather_batch", text_of(shape) + " with 5 values unaligned", [=](Parity& run) {
      batch_case(run, shape, 5, {0, 1});
    });
  }
  for (const VectorCase& shape : vector_cases()) {
    if (shape.size > 2000) continue;
    for (const Index window : {1, 5}) {
      family.operation("gather_label_windows", text_of(shape) + " of " + std::to_string(window),
                       [=](Parity& run) { windows_case(run, shape, window); });
    }
  }
  for (const VectorCase& shape : vector_cases()) {
    family.operation("gather_labels", text_of(shape), [=](Parity& run) { labels_case(run, shape, 50); });
  }
  for (const MatrixCase& shape : {MatrixCase{4096, 17, {}}, {100000, 111, {}}}) {
    family.speed("gather_rows", text_of(shape) + " of 100000", [=](Parity& run) { rows_case(run, shape, 100000, 0); });
  }
  for (const VectorCase& shape : large_vector_cases()) {
    family.speed("gather_labels", text_of(shape), [=](Parity& run) { labels_case(run, shape, shape.size); });
  }
  family.pytorch({"gather_rows"}, "rows", [](PyTorchCase& dump) {
    const Matrix source = dump.matrix("source");
    const Labels rows = dump.labels("rows");
    const Matrix out = dump.output(rows.size, source.columns);
    kernels::gather_rows(dump.stream(), source, rows, nullptr, out);
    dump.expect("out", out, 0.0);
  });
  family.without({"gather_rows", "gather_labels", "gather_label_windows", "gather_batch"},
                 {Aspect::gradient, Aspect::tangent}, "it takes a batch from the data, of which nothing is trained");
  family.without({"gather_labels", "gather_label_windows", "gather_batch"}, {Aspect::pytorch},
                 "what is moved is compared with the CPU to the bit");
});

}  // namespace
}  // namespace mynah::tests
