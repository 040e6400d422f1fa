// Gradient penalties, Hessian- and Gauss-Newton-vector products of whole networks beside PyTorch's double backward.

#include "engine/second_order.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/mlp.h"
#include "engine/safetensors.h"
#include "kernels/categorical_distribution.h"
#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "kernels/memory.h"
#include "tests/every_device.h"
#include "tests/network_values.h"

namespace mynah::tests {
namespace {

constexpr double tolerance = 1e-4;

struct Case {
  Case(DeviceId device, const std::string& name_, kernels::Activation activation, const std::vector<Index>& sizes)
      : stream(device),
        dump(load_dump("second_order")),
        name(name_ + "."),
        network(stream, graph_of(activation, sizes)) {
    for (const auto& tensor : network.parameters.tensors()) {
      network.parameters.set(stream, tensor.name, dump.floats(name + "tensor." + tensor.name));
    }
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
  }
  Graph graph_of(kernels::Activation activation, const std::vector<Index>& sizes) {
    MlpOptions options;
    options.hidden.assign(sizes.begin() + 1, sizes.end() - 1);
    options.outputs = sizes.back();
    options.activation = activation;
    Graph graph;
    input = graph.input(sizes.front());
    output = add_mlp(graph, input, options);
    return graph;
  }
  void expect_gradients(const std::string& kind) {
    for (const auto& tensor : network.parameters.tensors()) {
      const auto expected = dump.floats(name + kind + tensor.name);
      EXPECT_LE(relative_difference(network.parameters.get_gradient(stream, tensor.name), expected), tolerance)
          << name << kind << tensor.name;
    }
  }

  /// The dump's batch, and its direction of the parameters.
  void take_direction(const Execution& execution) {
    upload(stream, dump.floats(name + "x"), execution.value(input));
    for (const auto& tensor : network.parameters.tensors()) {
      const auto direction = dump.floats(name + "direction." + tensor.name);
      kernels::copy_to_device(stream, execution.parameter_tangent().data + tensor.offset, direction.data(),
                              direction.size() * sizeof(float));
    }
  }

  Stream stream;
  SafetensorsFile dump;
  std::string name;
  Value input, output;
  Network network;
};

class SecondOrder : public EveryDevice {
 protected:
  void expect_gradient_penalty(const std::string& name, kernels::Activation activation,
                               const std::vector<Index>& sizes) {
    Case one(device_, name, activation, sizes);
    const Index rows = one.dump.at(one.name + "rows").shape[0];
    const GradientPenalty penalty(one.network, one.input, one.output, rows, {});
    Buffer<double> sum(device_, 1);
    sum.upload(one.stream, 0.0);
    upload(one.stream, one.dump.floats(one.name + "rows"), penalty.rows());
    penalty.add_gradient(one.stream, sum.view());
    const double value = one.dump.floats(one.name + "penalty")[0];
    EXPECT_NEAR(sum.download(one.stream)[0] / static_cast<double>(rows), value, tolerance * value);
    EXPECT_LE(
        relative_difference(download(one.stream, penalty.input_gradient()), one.dump.floats(one.name + "gradient")),
        tolerance);
    one.expect_gradients("grad.");
  }

  void expect_products(Case& one, const OutputLoss& loss, Index rows) {
    Execution::Options options{rows, true};
    options.parameter_tangents = true;
    const Execution execution(one.network, {one.output}, options);
    one.take_direction(execution);
    add_hessian_vector_product(one.stream, execution, one.output, loss);
    EXPECT_LE(
        relative_difference(download(one.stream, execution.tangent(one.output)), one.dump.floats(one.name + "tangent")),
        tolerance);
    one.expect_gradients("hessian.");
    kernels::fill(one.stream, one.network.parameters.gradient(), 0.0f);
    add_gauss_newton_vector_product(one.stream, execution, one.output, loss);
    one.expect_gradients("gauss_newton.");
  }
};

TEST_P(SecondOrder, GradientPenaltyTanh) {
  expect_gradient_penalty("gradient_penalty_tanh", kernels::Activation::tanh, {7, 16, 12, 1});
}
TEST_P(SecondOrder, GradientPenaltyLeakyRelu) {
  expect_gradient_penalty("gradient_penalty_leaky_relu", kernels::Activation::leaky_relu, {11, 32, 32, 1});
}
TEST_P(SecondOrder, GradientPenaltyGelu) {
  expect_gradient_penalty("gradient_penalty_gelu", kernels::Activation::gelu, {3, 8, 1});
}

TEST_P(SecondOrder, HessianOfMeanSquaredError) {
  Case one(device_, "hessian_mse", kernels::Activation::softplus, {5, 12, 9, 3});
  const Buffer<float> target(one.stream, std::span<const float>(one.dump.floats(one.name + "target")));
  OutputLoss loss;
  loss.gradient = [&](Stream& stream, ConstMatrix output, Matrix gradient) {
    kernels::elementwise_loss(stream, kernels::ElementwiseLoss::mse, output, Matrix{target.data(), 17, 3}, {},
                              gradient);
  };
  // The loss is a square, so that its Hessian times ẏ is its gradient at ẏ for the target 0.
  loss.curvature = [&](Stream& stream, ConstMatrix, ConstMatrix tangent, Matrix product) {
    kernels::elementwise_loss(stream, kernels::ElementwiseLoss::mse, tangent, 0.0f, {}, product);
  };
  expect_products(one, loss, 17);
}

TEST_P(SecondOrder, HessianOfCrossEntropy) {
  Case one(device_, "hessian_cross_entropy", kernels::Activation::silu, {6, 14, 4});
  const auto wide = one.dump.int64s(one.name + "target");
  const std::vector<std::int32_t> classes(wide.begin(), wide.end());
  const Buffer<std::int32_t> labels(one.stream, std::span<const std::int32_t>(classes));
  OutputLoss loss;
  loss.gradient = [&](Stream& stream, ConstMatrix output, Matrix gradient) {
    kernels::softmax_cross_entropy_loss(stream, output, labels.view(), {}, gradient);
  };
  loss.curvature = [&](Stream& stream, ConstMatrix output, ConstMatrix tangent, Matrix product) {
    kernels::softmax_cross_entropy_loss_tangent(stream, output, labels.view(), tangent, product);
  };
  expect_products(one, loss, 12);
}

/// The Fisher information of a categorical policy is the Gauss-Newton matrix of its cross-entropy (Martens 2014,
/// section 9.2), so that PyTorch's product with that one is the Fisher-vector product, here averaged over the rows.
TEST_P(SecondOrder, FisherVectorProductOfACategoricalPolicy) {
  Case one(device_, "hessian_cross_entropy", kernels::Activation::silu, {6, 14, 4});
  OutputLoss information;
  information.gradient = [](Stream& stream, ConstMatrix, Matrix gradient) { kernels::zero(stream, gradient); };
  information.curvature = [](Stream& stream, ConstMatrix output, ConstMatrix tangent, Matrix product) {
    kernels::zero(stream, product);
    kernels::categorical_fisher_product(stream, output, tangent, 1.0f / static_cast<float>(output.rows), product);
  };
  Execution::Options options{12, true};
  options.parameter_tangents = true;
  const Execution execution(one.network, {one.output}, options);
  one.take_direction(execution);
  add_gauss_newton_vector_product(one.stream, execution, one.output, information);
  one.expect_gradients("gauss_newton.");
}

TEST_P(SecondOrder, APenaltyOfSeveralOutputsIsRefused) {
  Case one(device_, "hessian_mse", kernels::Activation::softplus, {5, 12, 9, 3});
  EXPECT_THROW(GradientPenalty(one.network, one.input, one.output, 4, {}), Error);
}

MYNAH_ON_EVERY_DEVICE(SecondOrder);

}  // namespace
}  // namespace mynah::tests
