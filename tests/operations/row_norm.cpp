#include "kernels/row_norm.h"

#include <cmath>

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

void register_row_norms(Family& family, const MatrixCase& shape) {
  const std::string text = text_of(shape);
  family.operation("row_norms", text, [=](Parity& run) {
    const auto x = run.input(shape.rows, shape.columns, shape.layout);
    const auto norms = run.output(1, shape.rows, {0, shape.layout.offset});
    run.expect_same([=](const Place& at) { kernels::row_norms(at.stream, at.matrix(x), at.vector(norms)); });
  });
  family.operation("row_norms_backward", text, [=](Parity& run) {
    const auto x = run.input(shape.rows, shape.columns, shape.layout);
    std::vector<float> norms(static_cast<std::size_t>(shape.rows));
    for (std::size_t i = 0; i < norms.size(); ++i) norms[i] = static_cast<float>(i % 4);  // zeros among them
    const auto of_rows = run.given(norms, 1, shape.rows);
    const auto gradient = run.input(1, shape.rows, {0, shape.layout.offset});
    const auto dx = run.output(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::row_norms_backward(at.stream, at.matrix(x), at.vector(of_rows), at.vector(gradient), at.matrix(dx));
    });
  });
}

void register_extremes(Family& family) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{1.0f, std::nanf(""), 0.0f, 0.0f, -infinity, 2.0f, 1e-30f, -1e-30f, 1e30f, 1e30f};
  family.parity("row_norms", "extremes", [=](Parity& run) {
    const auto x = run.given(values, 5, 2);
    const auto norms = run.output(1, 5);
    run.expect_same([=](const Place& at) { kernels::row_norms(at.stream, at.matrix(x), at.vector(norms)); });
  });
}

Doubles normal_matrix(Index rows, Index columns, std::uint32_t seed) {
  std::mt19937 generator(seed);
  Doubles values(rows, columns, rows % 3);
  values.randomize(generator);
  return values;
}

Differentiable row_norm_function(Index rows, Index columns) {
  Differentiable one;
  one.inputs = {normal_matrix(rows, columns, 3)};
  one.outputs = {{1, rows}};
  one.forward = [](Stream& stream, Differentiable::In in, Differentiable::Out out) {
    kernels::row_norms<double>(stream, in[0], {out[0].data, out[0].columns});
  };
  one.backward = [](Stream& stream, Differentiable::In in, Differentiable::In out, Differentiable::Out dy,
                    Differentiable::Out dx) {
    kernels::row_norms_backward<double>(stream, in[0], {out[0].data, out[0].columns}, {dy[0].data, dy[0].columns},
                                        dx[0]);
  };
  return one;
}

void register_gradients(Family& family) {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
    const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
    family.check(Aspect::gradient, {"row_norms", "row_norms_backward"}, text,
                 [=, rows = rows, columns = columns] { expect_gradient(row_norm_function(rows, columns)); });
  }
}

const Family row_norm("row_norm", [](Family& family) {
  std::vector<MatrixCase> cases = matrix_cases();
  cases.push_back({800, 33, {1, 1}});
  cases.push_back({3, 1500, {1, 0}});  // a block for a row
  cases.push_back({256, 17, {}});      // a batch of a critic's input gradients
  for (const MatrixCase& shape : cases) register_row_norms(family, shape);
  register_extremes(family);
  register_gradients(family);
  family.pytorch({"row_norms", "row_norms_backward"}, "row_norms", [](PyTorchCase& dump) {
    const Matrix x = dump.matrix("x"), norms = dump.output(1, x.rows), dx = dump.output(x.rows, x.columns);
    kernels::row_norms(dump.stream(), x, norms.row(0));
    dump.expect("norms", norms);
    kernels::row_norms_backward(dump.stream(), x, norms.row(0), dump.vector("norm_gradient"), dx);
    dump.expect("dx", dx);
  });
  family.without({"row_norms", "row_norms_backward"}, {Aspect::tangent},
                 "norms close a loss; gradient penalties take the tangent passes of the layers");
});

}  // namespace
}  // namespace mynah::tests
