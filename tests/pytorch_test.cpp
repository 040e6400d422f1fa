// Networks beside PyTorch: outputs, every gradient and ten optimizer steps, from the dumps that
// tests/pytorch/make_dumps.py wrote. The differences allowed are relative to the largest value of each tensor.

#include <gtest/gtest.h>

#include <sstream>

#include "engine/adam.h"
#include "engine/execution.h"
#include "engine/loss.h"
#include "engine/mlp.h"
#include "engine/safetensors.h"
#include "kernels/elementwise.h"
#include "tests/every_device.h"
#include "tests/network_values.h"

namespace mynah::tests {
namespace {

constexpr double tolerance = 1e-5;

std::vector<Index> numbers(const std::string& text) {
  std::vector<Index> result;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) result.push_back(std::stoll(part));
  return result;
}

/// The network of one dump, with everything needed to train it on the dump's batch.
struct DumpedNetwork {
  DumpedNetwork(DeviceId device, const std::string& name)
      : stream(device),
        dump(load_dump(name)),
        network(stream, make_graph()),
        execution(network, {output}, {dump.at("input").shape[0], true, true}),
        adam(stream, network.parameters, adam_options()) {
    for (const auto& tensor : network.parameters.tensors()) {
      network.parameters.set(stream, tensor.name, dump.floats("initial." + tensor.name));
    }
    upload(stream, dump.floats("input"), execution.value(input));
    if (dump.metadata_at("loss") == "mse") {
      target_values = Buffer<float>(stream, std::span<const float>(dump.floats("target")));
      targets.values = {target_values.data(), execution.rows(), network.graph.columns(output)};
    } else {
      loss = Loss::softmax_cross_entropy;
      const auto classes = dump.int64s("target");
      const std::vector<std::int32_t> labels(classes.begin(), classes.end());
      target_labels = Buffer<std::int32_t>(stream, std::span<const std::int32_t>(labels));
      targets.labels = target_labels.view();
    }
  }

  Graph make_graph() {
    const auto layers = numbers(dump.metadata_at("layers"));
    MlpOptions options;
    options.inputs = layers.front();
    options.hidden.assign(layers.begin() + 1, layers.end() - 1);
    options.outputs = layers.back();
    Graph graph;
    input = graph.input(options.inputs);
    output = add_mlp(graph, input, options);
    return graph;
  }

  Adam::Options adam_options() const {
    Adam::Options options;
    options.learning_rate = std::stod(dump.metadata_at("learning_rate"));
    options.constants.weight_decay = std::stof(dump.metadata_at("weight_decay"));
    options.constants.decoupled = dump.metadata_at("optimizer") == "adamw";
    return options;
  }

  /// Forward, loss and backward; returns the loss.
  double run() {
    Buffer<double> sum(stream.device(), 1);
    sum.upload(stream, 0.0);
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
    execution.forward(stream);
    evaluate_loss(stream, loss, execution.value(output), targets, sum.view(), execution.gradient(output));
    execution.backward(stream, output);
    return sum.download(stream)[0] / static_cast<double>(execution.rows());
  }

  Stream stream;
  SafetensorsFile dump;
  Value input, output;
  Network network;
  Execution execution;
  Adam adam;
  Loss loss = Loss::mse;
  Buffer<float> target_values;
  Buffer<std::int32_t> target_labels;
  Targets targets;
};

class PyTorch : public EveryDevice {
 protected:
  void compare(const std::string& name) {
    DumpedNetwork dumped(device_, name);
    const SafetensorsFile& dump = dumped.dump;
    const double loss = dumped.run();
    EXPECT_NEAR(loss, dump.floats("loss")[0], tolerance * dump.floats("loss")[0]);
    EXPECT_LT(
        relative_difference(download(dumped.stream, dumped.execution.value(dumped.output)), dump.floats("output")),
        tolerance);
    EXPECT_LT(relative_difference(download(dumped.stream, dumped.execution.gradient(dumped.input)),
                                  dump.floats("input.grad")),
              tolerance);
    for (const auto& tensor : dumped.network.parameters.tensors()) {
      EXPECT_LT(relative_difference(dumped.network.parameters.get_gradient(dumped.stream, tensor.name),
                                    dump.floats("grad." + tensor.name)),
                tolerance)
          << tensor.name;
    }
    const auto losses = dump.floats("losses");
    for (std::size_t step = 0; step < losses.size(); ++step) {
      EXPECT_NEAR(dumped.run(), losses[step], tolerance * losses[step]) << "step " << step;
      dumped.adam.step(dumped.stream);
      compare_parameters(dumped, "step" + std::to_string(step + 1) + ".");
    }
  }

  /// Weights after this step, where the dump has them.
  static void compare_parameters(DumpedNetwork& dumped, const std::string& prefix) {
    for (const auto& tensor : dumped.network.parameters.tensors()) {
      if (dumped.dump.find(prefix + tensor.name) == nullptr) continue;
      EXPECT_LT(relative_difference(dumped.network.parameters.get(dumped.stream, tensor.name),
                                    dumped.dump.floats(prefix + tensor.name)),
                tolerance)
          << prefix << tensor.name;
    }
  }
};

TEST_P(PyTorch, Mlp17x256x6Mse) {
  compare("mlp_17_256_6_mse");
}
TEST_P(PyTorch, Mlp4x64x64x2CrossEntropy) {
  compare("mlp_4_64_64_2_cross_entropy");
}
TEST_P(PyTorch, Mlp11x32x16x3Mse) {
  compare("mlp_11_32_16_3_mse");
}
TEST_P(PyTorch, Mlp11x32x16x3MseAdamW) {
  compare("mlp_11_32_16_3_mse_adamw");
}
MYNAH_ON_EVERY_DEVICE(PyTorch);

}  // namespace
}  // namespace mynah::tests
