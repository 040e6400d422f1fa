// Every Initialization through a network's parameters: the value of each tensor is that of the operation it names.

#include "kernels/initialization.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/network.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

TensorSpec spec(const std::string& name, Initialization initialization) {
  TensorSpec one;
  one.name = name;
  one.shape = {6, 3, 2};
  one.initialization = initialization;
  one.fan_in = 6;
  one.fan_out = 9;
  one.gain = 1.5;
  one.mean = 0.5;
  one.deviation = 0.25;
  one.low = -3.0;
  one.high = -2.0;
  one.value = 7.0;
  return one;
}

/// A layer that has a tensor of every initialisation and computes nothing.
class OneOfEach : public LayerOf<OneOfEach> {
 public:
  std::string kind() const override { return "one of each"; }
  Index output_columns(std::span<const Index> inputs) const override { return inputs[0]; }
  std::vector<TensorSpec> tensors(std::span<const Index>) const override {
    return {spec("zeros", Initialization::zeros),
            spec("ones", Initialization::ones),
            spec("kaiming_uniform", Initialization::kaiming_uniform),
            spec("xavier_uniform", Initialization::xavier_uniform),
            spec("kaiming_normal", Initialization::kaiming_normal),
            spec("xavier_normal", Initialization::xavier_normal),
            spec("orthogonal", Initialization::orthogonal),
            spec("truncated_normal", Initialization::truncated_normal),
            spec("normal", Initialization::normal),
            spec("uniform", Initialization::uniform),
            spec("constant", Initialization::constant)};
  }
  template <class Scalar>
  void run_forward(Stream&, const ForwardPassOf<Scalar>&) const {}
  template <class Scalar>
  void run_backward(Stream&, const BackwardPassOf<Scalar>&) const {}
  template <class Scalar>
  void run_tangent(Stream&, const TangentPassOf<Scalar>&) const {}
  template <class Scalar>
  void run_tangent_backward(Stream&, const TangentBackwardPassOf<Scalar>&) const {}
};

/// What the CPU's operation draws for tensor number `number` of seed 9.
std::vector<float> expected(const std::string& name, std::uint32_t number) {
  Stream stream{DeviceId{}};
  std::vector<float> values(36);
  const Vector out{values.data(), 36};
  const RandomKey key = random_key(9, RandomStream::initialization, number);
  if (name == "zeros") kernels::fill(stream, out, 0.0f);
  if (name == "ones") kernels::fill(stream, out, 1.0f);
  if (name == "kaiming_uniform") kernels::kaiming_uniform(stream, key, 6, out, 1.5);
  if (name == "xavier_uniform") kernels::xavier_uniform(stream, key, 6, 9, out, 1.5);
  if (name == "kaiming_normal") kernels::kaiming_normal(stream, key, 6, out, 1.5);
  if (name == "xavier_normal") kernels::xavier_normal(stream, key, 6, 9, out, 1.5);
  if (name == "orthogonal") kernels::orthogonal(stream, key, 1.5f, {values.data(), 6, 6});
  if (name == "truncated_normal") kernels::truncated_normal(stream, key, nullptr, 0.5f, 0.25f, out);
  if (name == "normal") kernels::normal(stream, key, nullptr, 0.5f, 0.25f, out);
  if (name == "uniform") kernels::uniform(stream, key, nullptr, -3.0f, -2.0f, out);
  if (name == "constant") kernels::fill(stream, out, 7.0f);
  return values;
}

class InitializationOfNetworks : public EveryDevice {};

TEST_P(InitializationOfNetworks, FillsEveryTensorAsItsSpecSays) {
  Stream stream(device_);
  Graph graph;
  graph.add("0", std::make_shared<OneOfEach>(), graph.input(3));
  Network network(stream, std::move(graph));
  network.parameters.initialize(stream, 9);
  std::uint32_t number = 0;
  for (const Parameters::Tensor& tensor : network.parameters.tensors()) {
    const auto found = network.parameters.get(stream, tensor.name);
    const auto wanted = expected(tensor.spec.name, number++);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      // Equal but for ties where libraries round the last bit of a double differently.
      EXPECT_NEAR(found[i], wanted[i], 1e-6f * std::fabs(wanted[i])) << tensor.name;
    }
  }
  EXPECT_EQ(number, 11u);
}
MYNAH_ON_EVERY_DEVICE(InitializationOfNetworks);

}  // namespace
}  // namespace mynah::tests
