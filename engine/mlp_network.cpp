#include "engine/mlp_network.h"

#include <algorithm>
#include <vector>

#include "engine/layers/linear.h"
#include "engine/layers/standardization.h"

namespace mynah {
namespace {

bool is_standardization(const Graph::Node& node, Standardization::Direction direction) {
  const auto* layer = dynamic_cast<const Standardization*>(node.layer.get());
  return layer != nullptr && layer->kind() == Standardization(direction).kind();
}

}  // namespace

std::optional<MlpNetwork> MlpNetwork::find(const Network& network, Value input, Value output, std::string* reason) {
  MlpNetwork found;
  const Parameters& parameters = network.parameters;
  found.parameters = parameters.all().data;
  const auto constants = [&](Value value, ConstVector& mean, ConstVector& deviation) {
    const std::vector<TensorView> tensors = parameters.views(value);
    mean = tensors[0].vector();
    deviation = tensors[1].vector();
    return network.graph.node(value).inputs[0];
  };
  Value at = output;
  if (at != input && is_standardization(network.graph.node(at), Standardization::Direction::unstandardize)) {
    at = constants(at, found.ends.output_mean, found.ends.output_deviation);
  }
  std::vector<Value> chain;
  while (at != input && dynamic_cast<const Linear*>(network.graph.node(at).layer.get()) != nullptr) {
    chain.push_back(at);
    at = network.graph.node(at).inputs[0];
  }
  if (at != input && is_standardization(network.graph.node(at), Standardization::Direction::standardize)) {
    at = constants(at, found.ends.input_mean, found.ends.input_deviation);
  }
  *reason = at != input || chain.empty()                    ? "the network is more than linear layers and scaling"
            : chain.size() > kernels::MlpShape::most_layers ? "the network has more than 8 layers"
                                                            : "";
  if (!reason->empty()) return std::nullopt;
  found.shape.inputs = network.graph.columns(input);
  std::reverse(chain.begin(), chain.end());
  for (const Value value : chain) {
    kernels::MlpLayer& layer = found.shape.layers[static_cast<std::size_t>(found.shape.layer_count++)];
    const std::vector<TensorView> tensors = parameters.views(value);
    layer.outputs = network.graph.columns(value);
    layer.activation = network.graph.node(value).layer->output_activation();
    layer.weight = tensors[0].data - found.parameters;
    layer.bias = tensors[1].data - found.parameters;
  }
  return found;
}

}  // namespace mynah
