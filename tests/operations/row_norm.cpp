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
  family.operation("norm_penalty", text, [=](Parity& run) {
    const auto x = run.input(shape.rows, shape.columns, shape.layout);
    const auto loss = run.given<double>({3.5}, 1, 1, {}, true);
    const auto gradient = run.output(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::norm_penalty(at.stream, at.matrix(x), 1.0, 10.0, at.vector(loss), at.matrix(gradient));
    });
  });
  family.parity("norm_penalty", text + ", in place, without the loss", [=](Parity& run) {
    const auto x = run.changed(shape.rows, shape.columns, shape.layout);
    run.expect_same(
        [=](const Place& at) { kernels::norm_penalty(at.stream, at.matrix(x), 0.0, 0.5, {}, at.matrix(x)); });
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
  family.parity("norm_penalty", "rows of zeros", [](Parity& run) {
    const auto x = run.given(std::vector<float>(12, 0.0f), 3, 4);
    const auto loss = run.given<double>({0.0}, 1, 1, {}, true);
    const auto gradient = run.output(3, 4);
    run.expect_same([=](const Place& at) {
      kernels::norm_penalty(at.stream, at.matrix(x), 1.0, 10.0, at.vector(loss), at.matrix(gradient));
    });
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

Differentiable penalty_function(Index rows, Index columns) {
  Differentiable one;
  one.inputs = {normal_matrix(rows, columns, 4)};
  one.outputs = {{1, 1}};
  one.forward = [](Stream& stream, Differentiable::In in, Differentiable::Out out) {
    out[0].data[0] = 0.0;
    kernels::norm_penalty<double>(stream, in[0], 1.0, 10.0, {out[0].data, 1}, {});
  };
  one.backward = [](Stream& stream, Differentiable::In in, Differentiable::In, Differentiable::Out dy,
                    Differentiable::Out dx) {
    kernels::norm_penalty<double>(stream, in[0], 1.0, 10.0, {}, dx[0]);
    for (Index m = 0; m < dx[0].rows; ++m) {  // of the mean over the rows; forward gave their sum
      for (Index c = 0; c < dx[0].columns; ++c) {
        dx[0].row(m).data[c] *= dy[0].data[0] * static_cast<double>(dx[0].rows);
      }
    }
  };
  return one;
}

void register_gradients(Family& family) {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
    const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
    family.check(Aspect::gradient, {"row_norms", "row_norms_backward"}, text,
                 [=, rows = rows, columns = columns] { expect_gradient(row_norm_function(rows, columns)); });
    family.check(Aspect::gradient, {"norm_penalty"}, text,
                 [=, rows = rows, columns = columns] { expect_gradient(penalty_function(rows, columns)); });
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
  family.pytorch({"row_norms", "row_norms_backward", "norm_penalty"}, "row_norms", [](PyTorchCase& dump) {
    const Matrix x = dump.matrix("x"), norms = dump.output(1, x.rows), dx = dump.output(x.rows, x.columns);
    kernels::row_norms(dump.stream(), x, norms.row(0));
    dump.expect("norms", norms);
    kernels::row_norms_backward(dump.stream(), x, norms.row(0), dump.vector("norm_gradient"), dx);
    dump.expect("dx", dx);
    const VectorView<double> loss = dump.sum();
    kernels::norm_penalty(dump.stream(), x, 1.0, 10.0 / static_cast<double>(x.rows), loss, {});
    dump.expect("penalty", loss);  // a sum over the rows, with a weight that makes it their mean
    kernels::norm_penalty(dump.stream(), x, 1.0, 10.0, {}, dx);
    dump.expect("penalty_gradient", dx);
  });
  family.without({"row_norms", "row_norms_backward", "norm_penalty"}, {Aspect::tangent},
                 "gradient penalties take the tangent passes of the layers; these close the loss and have none");
});

}  // namespace
}  // namespace mynah::tests
