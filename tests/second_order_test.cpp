// Gradient penalties, Hessian- and Gauss-Newton-vector products of whole networks beside PyTorch's double backward.

#include "engine/second_order.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "engine/mlp.h"
#include "engine/safetensors.h"
#include "kernels/categorical_distribution.h"
#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/gaussian_distribution.h"
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

/// A Gaussian policy of 2 actions in plain double: from 5 numbers over 7 hidden units (tanh) to means and log_stds.
class GaussianPolicy {
 public:
  static constexpr int inputs = 5, hidden = 7, actions = 2, outputs = 2 * actions;
  using Parameters = std::vector<double>;  ///< Weight and bias of the first layer, then of the second.

  explicit GaussianPolicy(std::vector<float> observations) : observations_(std::move(observations)) {}

  /// KL(π_a ‖ π_b), the mean over the observations.
  double divergence(const Parameters& a, const Parameters& b) const {
    double sum = 0.0;
    const std::size_t rows = observations_.size() / inputs;
    for (std::size_t m = 0; m < rows; ++m) {
      const auto p = output(a, m), q = output(b, m);
      for (std::size_t i = 0; i < actions; ++i) {
        const double log_ratio = q[actions + i] - p[actions + i], distance = p[i] - q[i];
        const double variance = std::exp(2.0 * p[actions + i]);
        sum += log_ratio + 0.5 * (variance + distance * distance) * std::exp(-2.0 * q[actions + i]) - 0.5;
      }
    }
    return sum / static_cast<double>(rows);
  }

  /// ∇² KL(π_θ ‖ π_θ') v with respect to θ' at θ, which is the Fisher information (Schulman et al. 2015, appendix C):
  /// by second central differences.
  std::vector<float> fisher_vector_product(const Parameters& parameters, const std::vector<double>& direction) const {
    constexpr double step = 1e-3;
    std::vector<float> product;
    const auto moved = [&](std::size_t i, double along_i, double along_direction) {
      Parameters other = parameters;
      for (std::size_t k = 0; k < other.size(); ++k) other[k] += along_direction * direction[k];
      other[i] += along_i;
      return divergence(parameters, other);
    };
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const double second =
          moved(i, step, step) - moved(i, step, -step) - moved(i, -step, step) + moved(i, -step, -step);
      product.push_back(static_cast<float>(second / (4.0 * step * step)));
    }
    return product;
  }

 private:
  static double linear(const Parameters& parameters, std::size_t first, std::size_t outputs_of_layer,
                       const std::vector<double>& x, std::size_t output) {
    double sum = parameters[first + outputs_of_layer * x.size() + output];
    for (std::size_t i = 0; i < x.size(); ++i) sum += parameters[first + output * x.size() + i] * x[i];
    return sum;
  }
  std::vector<double> output(const Parameters& parameters, std::size_t row) const {
    const auto begin = observations_.begin() + static_cast<std::ptrdiff_t>(row) * inputs;
    const std::vector<double> x(begin, begin + inputs);
    std::vector<double> h, y;
    for (std::size_t i = 0; i < hidden; ++i) h.push_back(std::tanh(linear(parameters, 0, hidden, x, i)));
    for (std::size_t i = 0; i < outputs; ++i) y.push_back(linear(parameters, hidden * (inputs + 1), outputs, h, i));
    return y;
  }

  std::vector<float> observations_;
};

std::vector<float> normal_values(std::size_t count, std::mt19937& generator) {
  std::normal_distribution<float> normal(0.0f, 0.6f);
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

/// The columns of means and of log_stds.
template <class T>
kernels::GaussianView<T> gaussian_of(MatrixView<T> output) {
  constexpr Index actions = GaussianPolicy::actions;
  return {{output.data, output.rows, actions, output.stride},
          {output.data + actions, output.rows, actions, output.stride}};
}

TEST_P(SecondOrder, FisherVectorProductOfAGaussianPolicy) {
  using Policy = GaussianPolicy;
  constexpr Index rows = 6;
  Stream stream(device_);
  Graph graph;
  const Value input = graph.input(Policy::inputs);
  MlpOptions sizes;
  sizes.hidden = {Policy::hidden};
  sizes.outputs = Policy::outputs;
  sizes.activation = kernels::Activation::tanh;
  const Value output = add_mlp(graph, input, sizes);
  Network network(stream, std::move(graph));
  Execution::Options options{rows, true};
  options.parameter_tangents = true;
  const Execution execution(network, {output}, options);

  std::mt19937 generator(3);
  const std::vector<float> observations = normal_values(rows * Policy::inputs, generator);
  upload(stream, observations, execution.value(input));
  Policy::Parameters parameters, direction;
  for (const auto& tensor : network.parameters.tensors()) {
    const std::size_t count = network.parameters.get(stream, tensor.name).size();
    const auto values = normal_values(count, generator), tangent = normal_values(count, generator);
    network.parameters.set(stream, tensor.name, values);
    kernels::copy_to_device(stream, execution.parameter_tangent().data + tensor.offset, tangent.data(),
                            count * sizeof(float));
    parameters.insert(parameters.end(), values.begin(), values.end());
    direction.insert(direction.end(), tangent.begin(), tangent.end());
  }
  OutputLoss information;
  information.curvature = [](Stream& on, ConstMatrix y, ConstMatrix tangent, Matrix product) {
    kernels::zero(on, product);
    kernels::gaussian_fisher_product(on, gaussian_of(y).log_std, gaussian_of(tangent), rows, 1.0f / rows,
                                     gaussian_of(product));
  };
  kernels::fill(stream, network.parameters.gradient(), 0.0f);
  add_gauss_newton_vector_product(stream, execution, output, information);
  std::vector<float> found;
  for (const auto& tensor : network.parameters.tensors()) {
    const auto values = network.parameters.get_gradient(stream, tensor.name);
    found.insert(found.end(), values.begin(), values.end());
  }
  EXPECT_LE(relative_difference(found, Policy(observations).fisher_vector_product(parameters, direction)), 2e-5);
}

TEST_P(SecondOrder, APenaltyOfSeveralOutputsIsRefused) {
  Case one(device_, "hessian_mse", kernels::Activation::softplus, {5, 12, 9, 3});
  EXPECT_THROW(GradientPenalty(one.network, one.input, one.output, 4, {}), Error);
}

MYNAH_ON_EVERY_DEVICE(SecondOrder);

}  // namespace
}  // namespace mynah::tests
