#include "engine/named_graph.h"

#include <gmock/gmock.h>

#include "engine/execution.h"
#include "engine/layers/linear.h"
#include "engine/layers/sum.h"
#include "engine/network.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/random.h"

namespace mynah {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Layer> linear(Index outputs) {
  return std::make_shared<Linear>(outputs);
}

/// What connecting (or anything else) says; empty if it does not refuse.
template <class Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  return {};
}

GraphDescription two_headed() {
  return {{{"observation", 8}},
          {{"value", linear(1), {"trunk"}}, {"policy", linear(3), {"trunk"}}, {"trunk", linear(16), {"observation"}}},
          {"policy", "value"}};
}

TEST(NamedGraph, LayersMayStandInAnyOrder) {
  const NamedGraph named = connect(two_headed());
  EXPECT_EQ(named.graph.columns(named.at("policy")), 3);
  EXPECT_EQ(named.graph.columns(named.at("value")), 1);
  EXPECT_LT(named.at("trunk").index, named.at("value").index);
}

TEST(NamedGraph, ACycleIsNamed) {
  GraphDescription description = two_headed();
  description.nodes[2].inputs = {"observation", "value"};
  description.nodes[2].layer = std::make_shared<Sum>();
  const std::string text = refusal([&] { connect(description); });
  EXPECT_THAT(text, HasSubstr("stands in a cycle: 'value' needs 'trunk' needs 'value'"));
}

TEST(NamedGraph, AnInputThatIsNotThereIsRefusedWithTheNearestName) {
  GraphDescription description = two_headed();
  description.nodes[0].inputs = {"trnk"};
  const std::string text = refusal([&] { connect(description); });
  EXPECT_THAT(text, HasSubstr("layer 'value': uses 'trnk', which is neither an input nor a layer"));
  EXPECT_THAT(text, HasSubstr("'trunk'"));
}

TEST(NamedGraph, WhatNothingDependsOnIsRefused) {
  GraphDescription description = two_headed();
  description.inputs.push_back({"goal", 4});
  EXPECT_THAT(refusal([&] { connect(description); }), HasSubstr("input 'goal' (4 columns): dangles"));
  description = two_headed();
  description.outputs = {"policy"};
  EXPECT_THAT(refusal([&] { connect(description); }), HasSubstr("layer 'value': dangles"));
}

TEST(NamedGraph, ShapesThatDoNotFitNameTheLayer) {
  GraphDescription description = two_headed();
  description.nodes.push_back({"both", std::make_shared<Sum>(), {"policy", "value"}});
  description.outputs = {"both"};
  const std::string text = refusal([&] { connect(description); });
  EXPECT_THAT(text, HasSubstr("layer 'both' (sum layer): inputs of 3 and 1 columns cannot be added"));
}

TEST(SharedTensors, AreOneTensorWhoseGradientsAddUp) {
  const NamedGraph named = connect({{{"a", 5}, {"b", 5}},
                                    {{"left", linear(4), {"a"}},
                                     {"right", nullptr, {"b"}, "left"},
                                     {"sum", std::make_shared<Sum>(), {"left", "right"}}},
                                    {"sum"}});
  Stream stream{DeviceId{}};
  const Network network(stream, named.graph);
  ASSERT_EQ(network.parameters.tensors().size(), 2u);
  EXPECT_EQ(network.parameters.views(named.at("left"))[0].data, network.parameters.views(named.at("right"))[0].data);
  // Both uses in one pass give what each gives alone, added up.
  const Execution both(network, {named.at("sum")}, {3, true});
  kernels::uniform(stream, random_key(1, RandomStream::test), nullptr, -1.0f, 1.0f, network.parameters.trained());
  const auto fill_in = [&](Value value, std::uint32_t number) {
    const Matrix place = both.value(value);
    kernels::uniform(stream, random_key(2, RandomStream::test, number), nullptr, -1.0f, 1.0f,
                     {place.data, place.rows * place.stride});
  };
  const auto gradient = [&](bool left, bool right) {
    kernels::fill(stream, network.parameters.gradient(), 0.0f);
    for (const Value value : {named.at("a"), named.at("b")}) {
      const Matrix place = both.value(value);
      kernels::fill(stream, {place.data, place.rows * place.stride}, 0.0f);
    }
    if (left) fill_in(named.at("a"), 1);
    if (right) fill_in(named.at("b"), 2);
    both.forward(stream);
    const Matrix upstream = both.gradient(named.at("sum"));
    kernels::fill(stream, {upstream.data, upstream.rows * upstream.stride}, 1.0f);
    both.backward(stream, named.at("sum"));
    return network.parameters.get_gradient(stream, "left.weight");
  };
  const auto of_left = gradient(true, false), of_right = gradient(false, true), of_both = gradient(true, true);
  for (std::size_t i = 0; i < of_both.size(); ++i) EXPECT_NEAR(of_both[i], of_left[i] + of_right[i], 1e-6) << i;
}

TEST(SharedTensors, OtherSizesAreRefused) {
  EXPECT_THAT(refusal([&] {
                connect({{{"a", 5}, {"b", 6}},
                         {{"left", linear(4), {"a"}},
                          {"right", nullptr, {"b"}, "left"},
                          {"sum", std::make_shared<Sum>(), {"left", "right"}}},
                         {"sum"}});
              }),
              HasSubstr("shares the tensors of 'left', but its inputs have other columns"));
}

TEST(FrozenTensors, ByNameAndByPattern) {
  Stream stream{DeviceId{}};
  const NamedGraph named = connect(two_headed());
  const Network network(stream, named.graph, {"trunk.*", "value.bias"});
  EXPECT_EQ(network.parameters.trained_count(), 16 * 3 + 3 + 16);
  EXPECT_EQ(network.parameters.gradient_views(named.at("trunk"))[0].data, nullptr);
  EXPECT_NE(network.parameters.gradient_views(named.at("value"))[0].data, nullptr);
  EXPECT_EQ(network.parameters.gradient_views(named.at("value"))[1].data, nullptr);
  EXPECT_THAT(refusal([&] { Network(stream, named.graph, {"encoder.*"}); }),
              HasSubstr("'encoder.*' names no tensor\nthe network has trunk.weight"));
}

}  // namespace
}  // namespace mynah
