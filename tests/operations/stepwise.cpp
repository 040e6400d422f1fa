#include "engine/layers/stepwise.h"

#include "engine/layers/linear.h"
#include "engine/layers/standardization.h"
#include "tests/operations/null_views.h"
#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::Activation;

const std::vector<std::string> stepwise_layer{"stepwise layer"};

LayerCase layer_case(std::shared_ptr<const Layer> layer, Index rows, Index steps, Index features, Index padding) {
  LayerCase one;
  one.layer = std::make_shared<Stepwise>(steps, std::move(layer));
  one.rows = rows;
  one.input_columns = {steps * features};
  one.padding = padding;
  return one;
}

/// One layer over a sequence gives the bits of the layer for each step, with gaps between rows and without.
void expect_each_step(Index padding) {
  constexpr Index rows = 3, steps = 4, features = 2, outputs = 3;
  const auto linear = std::make_shared<Linear>(outputs, Activation::tanh);
  const Stepwise sequence(steps, linear);
  std::vector<double> weight{0.3, -0.2, 0.7, 0.1, -0.5, 0.9}, bias{0.1, 0.2, -0.3};
  const std::vector<TensorViewOf<double>> tensors{{weight.data(), outputs, features}, {bias.data(), 1, outputs}};
  const Index stride = steps * features + padding, out_stride = steps * outputs + padding;
  std::vector<double> x(rows * static_cast<std::size_t>(stride)), y(rows * static_cast<std::size_t>(out_stride));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.1 * static_cast<double>(i % 17) - 0.8;
  const MatrixView<const double> input(x.data(), rows, steps * features, stride);
  ForwardPassOf<double> pass;
  pass.inputs = {&input, 1};
  pass.output = {y.data(), rows, steps * outputs, out_stride};
  pass.tensors = tensors;
  Stream cpu({});
  sequence.forward(cpu, pass);
  for (Index t = 0; t < steps; ++t) {
    std::vector<double> expected(rows * outputs);
    const MatrixView<const double> step = input.middle_columns(t * features, features);
    ForwardPassOf<double> alone = pass;
    alone.inputs = {&step, 1};
    alone.output = {expected.data(), rows, outputs};
    linear->forward(cpu, alone);
    for (Index m = 0; m < rows; ++m) {
      for (Index o = 0; o < outputs; ++o) {
        EXPECT_NEAR(y[static_cast<std::size_t>(m * out_stride + t * outputs + o)],
                    expected[static_cast<std::size_t>(m * outputs + o)], 1e-15);
      }
    }
  }
}

const Family stepwise("stepwise", [](Family& family) {
  for (const Index rows : {0, 1, 5}) {
    for (const Index padding : {0, 3}) {
      const std::string of = std::to_string(rows) + " rows padding " + std::to_string(padding) + " ";
      const auto both = [&](const std::string& name, const LayerCase& one) {
        family.gradient(stepwise_layer, of + name, [=] { return differentiable(one); });
        family.check(Aspect::tangent, stepwise_layer, of + name + " null views", [=] { expect_null_views(one); });
      };
      both("linear", layer_case(std::make_shared<Linear>(2), rows, 4, 3, padding));
      both("linear gelu", layer_case(std::make_shared<Linear>(3, Activation::gelu), rows, 3, 2, padding));
      both("linear tanh, one step", layer_case(std::make_shared<Linear>(4, Activation::tanh), rows, 1, 5, padding));
      // Without a trained tensor: it has a tangent where its input has one.
      const auto standardization = std::make_shared<Standardization>(Standardization::Direction::standardize);
      const LayerCase fixed = layer_case(standardization, rows, 4, 3, padding);
      family.gradient(stepwise_layer, of + "standardization", [=] { return differentiable(fixed); });
    }
  }
  family.check(Aspect::gradient, stepwise_layer, "each step is the layer's", [] {
    expect_each_step(0);
    expect_each_step(3);
  });
  family.check(Aspect::gradient, stepwise_layer, "misuse", [] {
    const Stepwise three(3, std::make_shared<Linear>(2));
    const auto columns = [&](const std::vector<Index>& inputs) { return three.output_columns(inputs); };
    EXPECT_EQ(columns({12}), 6);
    EXPECT_THROW(columns({7}), Error);
    EXPECT_THROW(columns({}), Error);
    EXPECT_THROW(columns({3, 3}), Error);
    EXPECT_THROW(Stepwise(0, std::make_shared<Linear>(2)), Error);
    EXPECT_THROW(Stepwise(2, nullptr), Error);
  });
  family.without(stepwise_layer, {Aspect::pytorch}, "each step is compared with the layer, which is compared itself");
});

}  // namespace
}  // namespace mynah::tests
