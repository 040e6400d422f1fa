#include "kernels/elementwise.h"

#include "engine/layers/sum.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

LayerCase sum_of(Index rows, Index columns, std::size_t inputs) {
  LayerCase one;
  one.layer = std::make_shared<Sum>();
  one.rows = rows;
  one.input_columns.assign(inputs, columns);
  one.padding = 2;
  return one;
}

void add_case(Parity& run, const MatrixCase& shape) {
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto y = run.changed(shape.rows, shape.columns, {shape.layout.padding, 0});
  run.expect_same([=](const Place& at) { kernels::add(at.stream, at.matrix(x), at.matrix(y)); });
}

void copy_case(Parity& run, const MatrixCase& shape) {
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto y = run.output(shape.rows, shape.columns, {shape.layout.padding + 1, shape.layout.offset});
  run.expect_same([=](const Place& at) { kernels::copy(at.stream, at.matrix(x), at.matrix(y)); });
}

void register_parity(Family& family) {
  for (const VectorCase& shape : vector_cases()) {
    family.operation("fill", text_of(shape), [=](Parity& run) {
      const auto x = run.output(1, shape.size, {0, shape.offset});
      run.expect_same([=](const Place& at) { kernels::fill(at.stream, at.vector(x), 2.5f); });
    });
  }
  // More elements than the grid has threads, so that threads come back for more.
  family.operation("fill", "beyond one grid", [](Parity& run) {
    const auto x = run.output(1, 4096 * 256 + 777, {0, 1});
    run.expect_same([=](const Place& at) { kernels::fill(at.stream, at.vector(x), -1.0f); });
  });
  for (const MatrixCase& shape : matrix_cases()) {
    family.operation("add", text_of(shape), [=](Parity& run) { add_case(run, shape); });
    family.operation("copy", text_of(shape), [=](Parity& run) { copy_case(run, shape); });
  }
  for (const MatrixCase& shape : large_matrix_cases()) {
    family.speed("add", text_of(shape), [=](Parity& run) { add_case(run, shape); });
    family.speed("copy", text_of(shape), [=](Parity& run) { copy_case(run, shape); });
  }
  for (const Index size : {1, 2, 3, 255, 257}) {
    family.operation("set_counters", std::to_string(size), [=](Parity& run) {
      const auto counters = run.output<Index>(1, size);
      run.expect_same([=](const Place& at) { kernels::set_counters(at.stream, at.vector(counters), 41); });
    });
    family.operation("advance", std::to_string(size), [=](Parity& run) {
      const auto counters = run.given(std::vector<Index>(static_cast<std::size_t>(size), 41), 1, size, Layout{}, true);
      run.expect_same([=](const Place& at) {
        kernels::advance(at.stream, at.pointer(counters) + size - 1, 1);
        kernels::advance(at.stream, at.pointer(counters), -3);
      });
    });
  }
}

const Family elementwise("elementwise", [](Family& family) {
  register_parity(family);
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 3}, {1, 5}, {7, 11}}) {
    for (const std::size_t inputs : {2, 3}) {
      family.gradient({"sum layer", "add", "copy"},
                      std::to_string(inputs) + " of " + std::to_string(rows) + " x " + std::to_string(columns),
                      [=, rows = rows, columns = columns] { return differentiable(sum_of(rows, columns, inputs)); });
    }
  }
  family.pytorch({"sum layer", "add", "copy"}, "sum", [](PyTorchCase& dump) { dump.expect_layer(Sum()); });
  family.without({"fill", "set_counters", "advance"}, {Aspect::gradient, Aspect::tangent, Aspect::pytorch},
                 "it writes constants and counts");
});

}  // namespace
}  // namespace mynah::tests
