// The graph: fan-out, shared inputs, what is differentiated, refused connections.

#include "engine/execution.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/layers/linear.h"
#include "engine/layers/standardization.h"
#include "engine/layers/sum.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

/// x -> hidden -> {two branches} -> sum with hidden itself and hidden again: a value used four times.
struct Branches {
  explicit Branches(DeviceId device) : stream(device), network(stream, make()) {
    network.parameters.initialize(stream, 5);
    execution = std::make_unique<Execution>(network, std::vector<Value>{output}, Execution::Options{rows, true, true});
    kernels::normal(stream, random_key(1, RandomStream::test), nullptr, 0.0f, 1.0f, flat(execution->value(input)));
  }

  Graph make() {
    Graph graph;
    input = graph.input(8);
    const Value scaled =
        graph.add("scale", std::make_shared<Standardization>(Standardization::Direction::standardize), input);
    const Value hidden = graph.add("0", std::make_shared<Linear>(12), scaled);
    const Value left = graph.add("1", std::make_shared<Linear>(12), hidden);
    const Value right = graph.add("2", std::make_shared<Linear>(12), hidden);
    output = graph.add("3", std::make_shared<Sum>(), {left, hidden, right, hidden});
    return graph;
  }

  static Vector flat(Matrix m) { return {m.data, m.rows * m.stride}; }

  /// L = Σ output · weight, so that dL/doutput = weight.
  double loss() {
    execution->forward(stream);
    std::vector<float> values(static_cast<std::size_t>(rows * 12));
    kernels::copy_to_host(stream, values.data(), execution->value(output).data, values.size() * sizeof(float));
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(values[i]) * weight(i);
    return sum;
  }
  static double weight(std::size_t i) { return std::sin(0.7 * static_cast<double>(i) + 0.3); }

  void backward() {
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
    std::vector<float> upstream(static_cast<std::size_t>(rows * 12));
    for (std::size_t i = 0; i < upstream.size(); ++i) upstream[i] = static_cast<float>(weight(i));
    execution->forward(stream);
    kernels::copy_to_device(stream, execution->gradient(output).data, upstream.data(), upstream.size() * sizeof(float));
    execution->backward(stream, output);
  }

  static constexpr Index rows = 5;
  Stream stream;
  Value input, output;
  Network network;
  std::unique_ptr<Execution> execution;
};

class Fan : public EveryDevice {};

// The graph's own part (which share is added where) in float: every directional derivative of a parameter tensor and of
// the input, against central differences. The steps keep clear of float's rounding: errors stay below 0.3 %.
TEST_P(Fan, GradientOfAValueUsedFourTimesIsTheSumOfItsShares) {
  Branches branches(device_);
  branches.backward();
  for (const auto& tensor : branches.network.parameters.tensors()) {
    if (!tensor.spec.trainable) continue;
    const auto start = branches.network.parameters.get(branches.stream, tensor.name);
    const auto gradient = branches.network.parameters.get_gradient(branches.stream, tensor.name);
    double norm = 0.0;
    for (const float g : gradient) norm += static_cast<double>(g) * g;
    norm = std::sqrt(norm);
    ASSERT_GT(norm, 0.0) << tensor.name;
    const double h = 0.1;
    const auto moved = [&](double sign) {
      std::vector<float> values = start;
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>(sign * h * gradient[i] / norm);
      branches.network.parameters.set(branches.stream, tensor.name, values);
      const double loss = branches.loss();
      branches.network.parameters.set(branches.stream, tensor.name, start);
      return loss;
    };
    EXPECT_NEAR((moved(1) - moved(-1)) / (2 * h), norm, 1e-4 * norm) << tensor.name;
  }
}

TEST_P(Fan, BackwardTwiceDoublesParameterGradientsAndRepeatsInputGradients) {
  Branches branches(device_);
  branches.backward();
  const auto once = branches.network.parameters.get_gradient(branches.stream, "0.weight");
  std::vector<float> input_once(8);
  kernels::copy_to_host(branches.stream, input_once.data(), branches.execution->gradient(branches.input).data, 32);
  std::vector<float> upstream(static_cast<std::size_t>(Branches::rows * 12));
  for (std::size_t i = 0; i < upstream.size(); ++i) upstream[i] = static_cast<float>(Branches::weight(i));
  kernels::copy_to_device(branches.stream, branches.execution->gradient(branches.output).data, upstream.data(),
                          upstream.size() * sizeof(float));
  branches.execution->backward(branches.stream, branches.output);
  const auto twice = branches.network.parameters.get_gradient(branches.stream, "0.weight");
  for (std::size_t i = 0; i < once.size(); ++i) EXPECT_NEAR(twice[i], 2 * once[i], 1e-4f);
  std::vector<float> input_twice(8);
  kernels::copy_to_host(branches.stream, input_twice.data(), branches.execution->gradient(branches.input).data, 32);
  EXPECT_EQ(input_once, input_twice);
}
MYNAH_ON_EVERY_DEVICE(Fan);

TEST(Graph, RefusesWhatDoesNotFit) {
  Graph graph;
  const Value x = graph.input(3);
  const Value y = graph.add("0", std::make_shared<Linear>(4), x);
  EXPECT_THROW(graph.add("1", std::make_shared<Sum>(), {x, y}), Error);
  EXPECT_THROW(graph.add("0", std::make_shared<Linear>(4), x), Error);
  EXPECT_THROW(graph.add("2", std::make_shared<Linear>(4), Value{17}), Error);
  EXPECT_THROW(graph.add("", std::make_shared<Linear>(4), x), Error);
  EXPECT_THROW(graph.input(0), Error);
  EXPECT_THROW(Linear(0), Error);
  EXPECT_EQ(graph.nodes().size(), 2u);
}

TEST(Parameters, NamesShapesAndRefusals) {
  Stream stream({});
  Graph graph;
  const Value x = graph.input(3);
  graph.add("0", std::make_shared<Linear>(4), x);
  Network network(stream, graph);
  EXPECT_EQ(network.parameters.trained_count(), 16);
  EXPECT_THROW(network.parameters.get(stream, "1.weight"), Error);
  EXPECT_THROW(network.parameters.set(stream, "0.bias", std::vector<float>(3)), Error);
  SafetensorsFile file;
  network.parameters.initialize(stream, 3);
  network.parameters.save(stream, file);
  EXPECT_EQ(file.at("0.weight").shape, (std::vector<Index>{4, 3}));
  Network other(stream, graph);
  other.parameters.load(stream, file);
  EXPECT_EQ(other.parameters.get(stream, "0.weight"), network.parameters.get(stream, "0.weight"));
  file.tensors.pop_back();
  EXPECT_THROW(other.parameters.load(stream, file), Error);
}

}  // namespace
}  // namespace mynah::tests
