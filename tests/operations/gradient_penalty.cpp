#include "kernels/gradient_penalty.h"

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::GradientPenaltyOptions;

/// P as a function of the gradients g; rows 0: it is not called.
Differentiable penalty_of(Index rows, Index columns, const GradientPenaltyOptions& options) {
  using In = Differentiable::In;
  using Out = Differentiable::Out;
  std::mt19937 generator(3);
  Differentiable result;
  result.inputs.push_back(Doubles(rows, columns, 2).randomize(generator));
  result.outputs = {{1, 1}};
  result.forward = [=](Stream& stream, In inputs, Out outputs) {
    double sum = 0.0;
    Doubles direction(rows, columns);
    kernels::gradient_penalty_loss<double>(stream, options, inputs[0], {&sum, 1}, direction.view());
    outputs[0].data[0] = sum / static_cast<double>(rows);
  };
  result.backward = [=](Stream& stream, In inputs, In, Out output_gradients, Out input_gradients) {
    kernels::gradient_penalty_loss<double>(stream, options, inputs[0], {}, input_gradients[0]);
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) input_gradients[0].row(m).data[c] *= output_gradients[0].data[0];
    }
  };
  return result;
}

const Family gradient_penalty("gradient_penalty", [](Family& family) {
  std::vector<MatrixCase> cases = score_cases();
  cases.push_back({64, 784, {}});
  for (const MatrixCase& shape : cases) {
    for (const bool one_sided : {false, true}) {
      family.operation("gradient_penalty_loss", text_of(shape) + (one_sided ? " one-sided" : ""), [=](Parity& run) {
        const auto gradient = run.input(shape.rows, shape.columns, shape.layout);
        const auto sum = run.given<double>({0.25}, 1, 1, {}, true);
        const auto direction = run.output(shape.rows, shape.columns, {shape.layout.padding, 0});
        run.expect_same([=](const Place& at) {
          kernels::gradient_penalty_loss(at.stream, {10.0, 1.0, one_sided}, at.matrix(gradient), at.vector(sum),
                                         at.matrix(direction));
        });
      });
    }
  }
  family.parity("gradient_penalty_loss", "in place, with a row of zeros", [](Parity& run) {
    std::vector<float> values(35, 0.0f);
    for (std::size_t i = 7; i < values.size(); ++i) values[i] = 0.1f * static_cast<float>(i);
    const auto gradient = run.given(values, 5, 7, Layout{2, 1}, true);
    run.expect_same([=](const Place& at) {
      kernels::gradient_penalty_loss(at.stream, {}, at.matrix(gradient), {}, at.matrix(gradient));
    });
  });
  for (const auto& [rows, columns] : {std::pair<Index, Index>{1, 1}, {1, 9}, {7, 5}}) {
    for (const bool one_sided : {false, true}) {
      const std::string text = std::to_string(rows) + " x " + std::to_string(columns);
      family.gradient({"gradient_penalty_loss"}, text + (one_sided ? " one-sided" : ""),
                      [=, rows = rows, columns = columns] {
                        return penalty_of(rows, columns, {10.0, 1.0, one_sided});
                      });
    }
  }
  family.pytorch({"gradient_penalty_loss"}, "penalty", [](PyTorchCase& dump) {
    const Matrix gradient = dump.matrix("gradient"), direction = dump.output(gradient.rows, gradient.columns);
    const VectorView<double> sum = dump.sum();
    kernels::gradient_penalty_loss(dump.stream(), {}, gradient, sum, direction);
    dump.expect("direction", direction);
    dump.expect("sum", sum);
  });
  family.without("gradient_penalty_loss", Aspect::tangent, "it is itself the beginning of a second-order pass");
});

}  // namespace
}  // namespace mynah::tests
