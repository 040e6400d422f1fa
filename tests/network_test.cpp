// Four whole networks beside PyTorch (tests/pytorch/networks.py): outputs, every gradient, ten optimizer steps, on
// every device; and the same to the last bit when everything that a step may not rely on is poisoned before it.

#include <gtest/gtest.h>

#include <memory>

#include "engine/adam.h"
#include "engine/execution.h"
#include "engine/layers/batch_norm.h"
#include "engine/layers/conv2d.h"
#include "engine/layers/conv_transpose2d.h"
#include "engine/layers/dropout.h"
#include "engine/layers/gru.h"
#include "engine/layers/layer_norm.h"
#include "engine/layers/linear.h"
#include "engine/layers/nonlinearity.h"
#include "engine/named_graph.h"
#include "engine/rmsprop.h"
#include "engine/sgd.h"
#include "kernels/classification.h"
#include "kernels/elementwise.h"
#include "kernels/loss.h"
#include "tests/every_device.h"
#include "tests/network_values.h"

namespace mynah::tests {
namespace {

using kernels::Activation;

constexpr double tolerance = 1e-5;
constexpr int steps = 10;

struct Trained {
  std::vector<float> parameters;
  std::vector<double> losses;
};

/// A network of the dump, and how it is trained.
class WholeNetwork {
 public:
  WholeNetwork(DeviceId device, const std::string& name, const GraphDescription& description,
               const std::vector<std::string>& frozen = {})
      : stream(device),
        dump(load_dump("networks")),
        prefix(name + "."),
        named(connect(description)),
        network(stream, named.graph, frozen),
        input(named.at(description.inputs.at(0).name)),
        loss_sum(device, 1) {
    for (const std::string& output : description.outputs) outputs.push_back(named.at(output));
    for (const auto& tensor : network.parameters.tensors()) {
      network.parameters.set(stream, tensor.name, dump.floats(prefix + "tensor." + tensor.name));
    }
  }

  /// Once the optimizer is there, whose step number the random numbers depend on.
  void make_execution(const Index* step) {
    Execution::Options options{dump.at(prefix + "x").shape[0], true, true, Mode::train};
    options.seed = 5;
    options.step = step;
    execution = std::make_unique<Execution>(network, outputs, options);
    upload(stream, dump.floats(prefix + "x"), execution->value(input));
  }

  Matrix values(const std::string& tensor) {
    floats.emplace_back(stream, std::span<const float>(dump.floats(prefix + tensor)));
    const auto& shape = dump.at(prefix + tensor).shape;
    return {floats.back().data(), shape[0], floats.back().size() / shape[0]};
  }
  Labels labels(const std::string& tensor) {
    const auto wide = dump.int64s(prefix + tensor);
    const std::vector<std::int32_t> content(wide.begin(), wide.end());
    integers.emplace_back(stream, std::span<const std::int32_t>(content));
    return integers.back().view();
  }

  /// One forward and backward pass; returns the loss.
  double pass() {
    loss_sum.upload(stream, 0.0);
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
    execution->forward(stream);
    evaluate_losses();
    execution->backward(stream);
    return loss_sum.download(stream)[0] / static_cast<double>(execution->rows());
  }

  Stream stream;
  SafetensorsFile dump;
  std::string prefix;
  NamedGraph named;
  Network network;
  Value input;
  std::vector<Value> outputs;
  Buffer<double> loss_sum;
  std::vector<Buffer<float>> floats;
  std::vector<Buffer<std::int32_t>> integers;
  std::unique_ptr<Execution> execution;
  std::unique_ptr<Optimizer> optimizer;
  std::function<void()> evaluate_losses;  ///< Adds to loss_sum, and writes the gradients of the outputs.
};

template <class L, class... Arguments>
std::shared_ptr<const Layer> make(Arguments&&... arguments) {
  return std::make_shared<L>(std::forward<Arguments>(arguments)...);
}

Conv2dOptions convolution(Index channels, Index extent, Index out_channels, Index kernel, Index stride, Index padding) {
  Conv2dOptions options;
  options.in_channels = channels;
  options.in_height = options.in_width = extent;
  options.out_channels = out_channels;
  options.kernel = kernel;
  options.stride = stride;
  options.padding = padding;
  return options;
}

ConvTranspose2dOptions transposed(Index channels, Index extent, Index out_channels, Index kernel, Index stride,
                                  Index padding) {
  ConvTranspose2dOptions options;
  options.in_channels = channels;
  options.in_height = options.in_width = extent;
  options.out_channels = out_channels;
  options.kernel = kernel;
  options.stride = stride;
  options.padding = padding;
  return options;
}

/// The discriminator's layers, behind `input`, their names behind `prefix`.
std::vector<GraphDescription::Node> discriminator(const std::string& input, const std::string& prefix) {
  Conv2dOptions first = convolution(1, 28, 8, 4, 2, 1), second = convolution(8, 14, 16, 4, 2, 1);
  first.activation = Activation(Activation::leaky_relu, 0.2f);
  second.bias = false;
  return {{prefix + "0", make<Conv2d>(first), {input}},
          {prefix + "2", make<Conv2d>(second), {prefix + "0"}},
          {prefix + "3", make<BatchNorm>(16, 49), {prefix + "2"}},
          {prefix + "4", make<Nonlinearity>(Activation(Activation::leaky_relu, 0.2f)), {prefix + "3"}},
          {prefix + "5", make<Conv2d>(convolution(16, 7, 1, 7, 1, 0)), {prefix + "4"}}};
}

std::vector<GraphDescription::Node> generator(const std::string& input, const std::string& prefix) {
  ConvTranspose2dOptions first = transposed(16, 1, 16, 7, 1, 0), second = transposed(16, 7, 8, 4, 2, 1),
                         third = transposed(8, 14, 1, 4, 2, 1);
  first.bias = second.bias = false;
  third.activation = Activation::tanh;
  return {{prefix + "0", make<ConvTranspose2d>(first), {input}},
          {prefix + "1", make<BatchNorm>(16, 49), {prefix + "0"}},
          {prefix + "2", make<Nonlinearity>(Activation::relu), {prefix + "1"}},
          {prefix + "3", make<ConvTranspose2d>(second), {prefix + "2"}},
          {prefix + "4", make<BatchNorm>(8, 14 * 14), {prefix + "3"}},
          {prefix + "5", make<Nonlinearity>(Activation::relu), {prefix + "4"}},
          {prefix + "6", make<ConvTranspose2d>(third), {prefix + "5"}}};
}

/// L = elementwise loss of the only output with the dump's "target".
void compare_with_target(WholeNetwork& one, kernels::ElementwiseLoss loss) {
  const Matrix target = one.values("target");
  one.evaluate_losses = [&one, loss, target] {
    const Value output = one.outputs[0];
    kernels::elementwise_loss(one.stream, loss, one.execution->value(output), target, one.loss_sum.view(),
                              one.execution->gradient(output));
  };
}

std::unique_ptr<WholeNetwork> make_mlp(DeviceId device) {
  const GraphDescription description{{{"x", 13}},
                                     {{"0", make<Linear>(32, Activation::relu), {"x"}},
                                      {"2", make<LayerNorm>(), {"0"}},
                                      {"3", make<Dropout>(0.25f), {"2"}},
                                      {"4", make<Linear>(24, Activation::tanh), {"3"}},
                                      {"6", make<LayerNorm>(), {"4"}},
                                      {"7", make<Dropout>(0.1f), {"6"}},
                                      {"8", make<Linear>(5), {"7"}}},
                                     {"8"}};
  auto one = std::make_unique<WholeNetwork>(device, "mlp", description);
  Adam::Options options;
  options.constants.epsilon = 1e-5;
  options.constants.weight_decay = 0.01;
  options.constants.decoupled = true;
  one->optimizer = std::make_unique<Adam>(one->stream, one->network.parameters, options);
  one->make_execution(one->optimizer->step_counter());
  compare_with_target(*one, kernels::ElementwiseLoss::mse);
  return one;
}

std::unique_ptr<WholeNetwork> make_discriminator(DeviceId device) {
  const GraphDescription description{{{"x", 28 * 28}}, discriminator("x", ""), {"5"}};
  auto one = std::make_unique<WholeNetwork>(device, "dcgan_discriminator", description);
  Adam::Options options;
  options.learning_rate = 2e-3;
  options.constants.beta1 = 0.5;
  options.constants.epsilon = 1e-3;
  one->optimizer = std::make_unique<Adam>(one->stream, one->network.parameters, options);
  one->make_execution(one->optimizer->step_counter());
  compare_with_target(*one, kernels::ElementwiseLoss::binary_cross_entropy);
  return one;
}

std::unique_ptr<WholeNetwork> make_actor_critic(DeviceId device) {
  const GraphDescription description{{{"x", 8}},
                                     {{"trunk", make<Linear>(24, Activation::tanh), {"x"}},
                                      {"policy", make<Linear>(3), {"trunk"}},
                                      {"value", make<Linear>(1), {"trunk"}}},
                                     {"policy", "value"}};
  auto one = std::make_unique<WholeNetwork>(device, "actor_critic", description);
  Adam::Options options;
  options.learning_rate = 3e-3;
  options.constants.epsilon = 1e-5;
  one->optimizer = std::make_unique<Adam>(one->stream, one->network.parameters, options);
  one->make_execution(one->optimizer->step_counter());
  const Labels labels = one->labels("labels");
  const Matrix returns = one->values("returns");
  one->evaluate_losses = [&one = *one, labels, returns] {
    const Value policy = one.outputs[0], value = one.outputs[1];
    kernels::softmax_cross_entropy_loss(one.stream, one.execution->value(policy), labels, one.loss_sum.view(),
                                        one.execution->gradient(policy));
    kernels::elementwise_loss(one.stream, kernels::ElementwiseLoss::mse, one.execution->value(value), returns,
                              one.loss_sum.view(), one.execution->gradient(value));
  };
  return one;
}

std::unique_ptr<WholeNetwork> make_generator(DeviceId device) {
  GraphDescription description{{{"x", 16}}, generator("x", "g."), {"d.5"}};
  for (auto& node : discriminator("g.6", "d.")) description.nodes.push_back(std::move(node));
  auto one = std::make_unique<WholeNetwork>(device, "dcgan_generator", description, std::vector<std::string>{"d.*"});
  RmsProp::Options options;
  options.learning_rate = 1e-3;
  options.constants.epsilon = 1e-3;
  one->optimizer = std::make_unique<RmsProp>(one->stream, one->network.parameters, options);
  one->make_execution(one->optimizer->step_counter());
  compare_with_target(*one, kernels::ElementwiseLoss::binary_cross_entropy);
  return one;
}

std::unique_ptr<WholeNetwork> make_gru_policy(DeviceId device) {
  const GraphDescription description{
      {{"x", 20 * 6}},
      {{"gru", make<Gru>(20, 12, Gru::Output::last_state), {"x"}}, {"head", make<Linear>(4), {"gru"}}},
      {"head"}};
  auto one = std::make_unique<WholeNetwork>(device, "gru_policy", description);
  Sgd::Options options;
  options.learning_rate = 0.1;
  options.constants.momentum = 0.9;
  options.constants.nesterov = true;
  one->optimizer = std::make_unique<Sgd>(one->stream, one->network.parameters, options);
  one->make_execution(one->optimizer->step_counter());
  const Labels labels = one->labels("target");
  one->evaluate_losses = [&one = *one, labels] {
    const Value output = one.outputs[0];
    kernels::softmax_cross_entropy_loss(one.stream, one.execution->value(output), labels, one.loss_sum.view(),
                                        one.execution->gradient(output));
  };
  return one;
}

using Maker = std::unique_ptr<WholeNetwork> (*)(DeviceId);

class WholeNetworks : public EveryDevice {
 protected:
  /// outputs: their names in the dump.
  void compare(Maker make_network, const std::vector<std::string>& outputs) {
    const auto one = make_network(device_);
    const auto expect_near = [&](const std::vector<float>& found, const std::string& name) {
      EXPECT_LE(relative_difference(found, one->dump.floats(one->prefix + name)), tolerance) << one->prefix << name;
    };
    const auto losses = one->dump.floats(one->prefix + "losses");
    for (int step = 0; step < steps; ++step) {
      const double loss = one->pass(), expected = losses[static_cast<std::size_t>(step)];
      EXPECT_NEAR(loss, expected, tolerance * expected) << "step " << step;
      if (step == 0) {
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          expect_near(download(one->stream, one->execution->value(one->outputs[i])), outputs[i]);
        }
        expect_near(download(one->stream, one->execution->gradient(one->input)), "x.grad");
        for (const auto& tensor : one->network.parameters.tensors()) {
          if (!tensor.spec.trainable) continue;
          expect_near(one->network.parameters.get_gradient(one->stream, tensor.name), "grad." + tensor.name);
        }
      }
      one->optimizer->step(one->stream);
    }
    for (const auto& tensor : one->network.parameters.tensors()) {
      expect_near(one->network.parameters.get(one->stream, tensor.name), "step10." + tensor.name);
    }
  }

  /// Three steps; with poison, everything that a step may not rely on is NaN before it.
  static std::vector<float> train(WholeNetwork& one, bool poison) {
    for (int step = 0; step < 3; ++step) {
      if (poison) one.execution->poison(one.stream);
      (void)one.pass();
      one.optimizer->step(one.stream);
    }
    std::vector<float> values(static_cast<std::size_t>(one.network.parameters.all().size));
    kernels::copy_to_host(one.stream, values.data(), one.network.parameters.all().data, values.size() * sizeof(float));
    return values;
  }

  void expect_nothing_left_over_matters(Maker make_network) {
    const auto plain = make_network(device_), poisoned = make_network(device_);
    EXPECT_EQ(train(*plain, false), train(*poisoned, true));
  }
};

TEST_P(WholeNetworks, MlpWithLayerNormAndDropout) {
  compare(make_mlp, {"output"});
}
TEST_P(WholeNetworks, DcganDiscriminator) {
  compare(make_discriminator, {"output"});
}
TEST_P(WholeNetworks, DcganGenerator) {
  compare(make_generator, {"output"});
}
TEST_P(WholeNetworks, GruPolicy) {
  compare(make_gru_policy, {"output"});
}
TEST_P(WholeNetworks, ActorCritic) {
  compare(make_actor_critic, {"policy", "value"});
}

TEST_P(WholeNetworks, PoisonBetweenStepsChangesNoBit) {
  for (const Maker maker : {make_mlp, make_discriminator, make_generator, make_gru_policy, make_actor_critic}) {
    expect_nothing_left_over_matters(maker);
  }
}

/// Gradients share memory: all of a deep network's together take less than each in a place of its own.
TEST_P(WholeNetworks, GradientsShareMemory) {
  Stream stream(device_);
  Graph graph;
  Value value = graph.input(64);
  for (int i = 0; i < 20; ++i) {
    value = graph.add(std::to_string(i), std::make_shared<Linear>(64, Activation::relu), value);
  }
  const Network network(stream, graph);
  const Index one_value = 32 * 64 * static_cast<Index>(sizeof(float));
  const Execution execution(network, {value}, {32, true});
  EXPECT_LE(execution.bytes(), (21 + 3) * one_value);
  const Execution forward_only(network, {value}, {32});
  EXPECT_LE(forward_only.bytes(), 4 * one_value);
}

MYNAH_ON_EVERY_DEVICE(WholeNetworks);

}  // namespace
}  // namespace mynah::tests
