#include "kernels/activation.h"

#include "engine/layers/nonlinearity.h"
#include "tests/operations/registry.h"
#include "tests/operations/rivals/rivals.h"

namespace mynah::tests {
namespace {

using kernels::Activation;

/// y = f(x) by itself, as linear layers use it in their epilogue.
Differentiable function_of(Activation activation, Index rows, Index columns) {
  using In = Differentiable::In;
  using Out = Differentiable::Out;
  std::mt19937 generator(5);
  Differentiable result;
  result.inputs.push_back(Doubles(rows, columns, 3).randomize(generator));
  result.outputs = {{rows, columns}};
  const auto operand = [activation](In inputs, In outputs) {
    return activation.keeps_output() ? outputs[0] : inputs[0];
  };
  result.forward = [=](Stream& stream, In inputs, Out outputs) {
    kernels::activation_forward<double>(stream, activation, inputs[0], outputs[0]);
  };
  result.backward = [=](Stream& stream, In inputs, In outputs, Out output_gradients, Out input_gradients) {
    kernels::activation_backward<double>(stream, activation, operand(inputs, outputs), output_gradients[0],
                                         input_gradients[0]);
  };
  result.tangent = [=](Stream& stream, In inputs, In outputs, In input_tangents, Out output_tangents) {
    kernels::activation_backward<double>(stream, activation, operand(inputs, outputs), input_tangents[0],
                                         output_tangents[0]);
  };
  result.tangent_backward = [=](Stream& stream, In inputs, In outputs, In input_tangents, Out output_gradients,
                                Out output_tangent_gradients, Out input_gradients, Out input_tangent_gradients) {
    kernels::activation_tangent_backward<double>(stream, activation, operand(inputs, outputs), input_tangents[0],
                                                 output_gradients[0], output_tangent_gradients[0]);
    kernels::eigen::activation_forward<double>(stream, Activation::none, output_gradients[0], input_gradients[0]);
    kernels::eigen::activation_forward<double>(stream, Activation::none, output_tangent_gradients[0],
                                               input_tangent_gradients[0]);
  };
  return result;
}

void forward_case(Parity& run, Activation activation, const MatrixCase& shape) {
  const auto x = run.input(shape.rows, shape.columns, shape.layout);
  const auto y = run.output(shape.rows, shape.columns, shape.layout);
  const auto ours = [=](const Place& at) {
    kernels::activation_forward(at.stream, activation, at.matrix(x), at.matrix(y));
  };
  if (activation == Activation::relu) {
    run.rival(
        {"cuDNN", [=](const Place& at) { return cudnn::relu_forward(at.stream, at.matrix(x), at.matrix(y)); }, ours});
  }
  run.expect_same(ours);
}

void backward_case(Parity& run, Activation activation, const MatrixCase& shape) {
  const auto operand = run.input(shape.rows, shape.columns, shape.layout);
  const auto dy = run.input(shape.rows, shape.columns, shape.layout);
  const auto dx = run.output(shape.rows, shape.columns, shape.layout);
  const auto ours = [=](const Place& at) {
    kernels::activation_backward(at.stream, activation, at.matrix(operand), at.matrix(dy), at.matrix(dx));
  };
  if (activation == Activation::relu) {
    run.rival({"cuDNN",
               [=](const Place& at) {
                 return cudnn::relu_backward(at.stream, at.matrix(operand), at.matrix(dy), at.matrix(dx));
               },
               ours});
  }
  run.expect_same(ours);
}

void register_parity(Family& family, Activation activation, const MatrixCase& shape) {
  const std::string text = text_of(shape) + " " + activation.name();
  family.operation("activation_forward", text, [=](Parity& run) { forward_case(run, activation, shape); });
  family.operation("activation_backward", text, [=](Parity& run) { backward_case(run, activation, shape); });
  family.operation("activation_tangent_backward", text, [=](Parity& run) {
    const auto operand = run.input(shape.rows, shape.columns, shape.layout);
    const auto tangent = run.input(shape.rows, shape.columns, shape.layout);
    const auto g = run.changed(shape.rows, shape.columns, shape.layout);
    const auto u = run.changed(shape.rows, shape.columns, shape.layout);
    run.expect_same([=](const Place& at) {
      kernels::activation_tangent_backward(at.stream, activation, at.matrix(operand), at.matrix(tangent), at.matrix(g),
                                           at.matrix(u));
    });
  });
}

/// Where exponentials overflow, and what is not a number.
void register_extremes(Family& family, Activation activation) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> extremes{-infinity, -1e30f, -120.0f, -88.0f, -20.0f, -1e-30f, -0.0f,
                                    0.0f,      1e-30f, 20.0f,   88.0f,  120.0f, 1e30f,   std::nanf("")};
  family.parity("activation_forward", std::string("extremes ") + activation.name(), [=](Parity& run) {
    const auto x = run.given(extremes, 1, static_cast<Index>(extremes.size()));
    const auto y = run.output(1, static_cast<Index>(extremes.size()));
    run.expect_same(
        [=](const Place& at) { kernels::activation_forward(at.stream, activation, at.matrix(x), at.matrix(y)); });
  });
  family.parity("activation_forward", std::string("extremes in place ") + activation.name(), [=](Parity& run) {
    const auto x = run.given(extremes, 1, static_cast<Index>(extremes.size()), {}, true);
    run.expect_same(
        [=](const Place& at) { kernels::activation_forward(at.stream, activation, at.matrix(x), at.matrix(x)); });
  });
  family.parity("activation_backward", std::string("special values in place ") + activation.name(), [=](Parity& run) {
    const auto operand = run.given<float>({0.0f, -0.0f, infinity, 1e-45f, 0.0f, 2.0f, 0.0f}, 1, 7);
    const auto dy = run.given<float>({infinity, 1.0f, 2.0f, 3.0f, std::nanf(""), std::nanf(""), -1.0f}, 1, 7, {}, true);
    run.expect_same([=](const Place& at) {
      kernels::activation_backward(at.stream, activation, at.matrix(operand), at.matrix(dy), at.matrix(dy));
    });
  });
}

const Family activation("activation", [](Family& family) {
  for (const MatrixCase& shape : large_matrix_cases()) {
    const std::string text = text_of(shape) + " relu";
    family.speed("activation_forward", text, [=](Parity& run) { forward_case(run, Activation::relu, shape); });
    family.speed("activation_backward", text, [=](Parity& run) { backward_case(run, Activation::relu, shape); });
  }
  const auto kinds = kernels::activation_kinds();
  for (Index i = 0; i < kinds.size; ++i) {
    const Activation one = kinds.data[i];
    std::size_t next = static_cast<std::size_t>(i);
    for (const MatrixCase& shape : matrix_cases()) {
      // Every shape for two of the kinds, every fourth for the others, which differ by the function alone.
      if (i < 2 || next++ % 4 == 0) register_parity(family, one, shape);
    }
    register_extremes(family, one);
    const std::vector<std::string> shown{"activation_forward", "activation_backward", "activation_tangent_backward"};
    for (const auto& [rows, columns] : {std::pair<Index, Index>{0, 5}, {1, 1}, {1, 33}, {7, 17}}) {
      family.gradient(shown, std::to_string(rows) + " x " + std::to_string(columns) + " " + one.name(),
                      [=, rows = rows, columns = columns] { return function_of(one, rows, columns); });
    }
    family.gradient({"nonlinearity layer"}, std::string("7 x 5 ") + one.name(), [=] {
      LayerCase layer;
      layer.layer = std::make_shared<Nonlinearity>(one);
      layer.rows = 7;
      layer.input_columns = {5};
      return differentiable(layer);
    });
    if (one == Activation::none) continue;
    family.pytorch({"nonlinearity layer"}, std::string(one.name()) + "_layer",
                   [=](PyTorchCase& dump) { dump.expect_layer(Nonlinearity(one)); });
    family.pytorch(shown, one.name(), [=](PyTorchCase& dump) {
      const Matrix x = dump.matrix("x"), y = dump.output(x.rows, x.columns), dx = dump.output(x.rows, x.columns);
      kernels::activation_forward(dump.stream(), one, x, y);
      dump.expect("y", y);
      const Matrix operand = one.keeps_output() ? y : x;
      kernels::activation_backward(dump.stream(), one, operand, dump.matrix("dy"), dx);
      dump.expect("dx", dx);
      const Matrix g = dump.matrix("dy"), u = dump.matrix("u");
      kernels::activation_tangent_backward(dump.stream(), one, operand, dump.matrix("tangent"), g, u);
      dump.expect("tangent_dx", g);
      dump.expect("tangent_dtangent", u);
    });
  }
});

}  // namespace
}  // namespace mynah::tests
