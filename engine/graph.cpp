#include "engine/graph.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {

Value Graph::input(Index columns) {
  if (columns < 1) {
    throw input_error("network input", "has " + std::to_string(columns) + " columns", "give it at least 1");
  }
  nodes_.push_back({"", nullptr, {}, columns});
  return {static_cast<int>(nodes_.size()) - 1};
}

Value Graph::add(std::string name, std::shared_ptr<const Layer> layer, std::vector<Value> inputs) {
  if (layer == nullptr) throw input_error("layer '" + name + "'", "is null");
  if (name.empty())
    throw input_error("layer of kind " + layer->kind(), "has no name", "names prefix the tensors' names");
  return append({std::move(name), std::move(layer), std::move(inputs), 0, static_cast<int>(nodes_.size())});
}

Value Graph::share(std::string name, Value owner, std::vector<Value> inputs) {
  const Node& original = node(owner);
  if (original.layer == nullptr) {
    throw input_error("layer '" + name + "'", "cannot share the tensors of an input of the network", "name a layer");
  }
  const Value used = append({std::move(name), original.layer, std::move(inputs), 0, original.tensors_of});
  const Node& first = nodes_[static_cast<std::size_t>(node(used).tensors_of)];
  if (input_columns(node(used)) != input_columns(first)) {
    const std::string place = "layer '" + node(used).name + "'";
    nodes_.pop_back();
    throw input_error(place, "shares the tensors of '" + first.name + "', but its inputs have other columns",
                      "give both uses inputs of the same sizes");
  }
  return used;
}

Value Graph::share(std::string name, Value owner, std::shared_ptr<const Layer> layer, std::vector<Value> inputs) {
  const Node& original = node(owner);
  if (layer == nullptr || original.layer == nullptr) {
    throw input_error("layer '" + name + "'", "cannot share the tensors of an input of the network", "name a layer");
  }
  const Value used = append({std::move(name), std::move(layer), std::move(inputs), 0, original.tensors_of});
  const Node& last = nodes_.back();
  const Node& first = nodes_[static_cast<std::size_t>(last.tensors_of)];
  const auto specs = last.layer->tensors(input_columns(last)), owned = first.layer->tensors(input_columns(first));
  const bool same = std::equal(specs.begin(), specs.end(), owned.begin(), owned.end(),
                               [](const TensorSpec& a, const TensorSpec& b) { return a.shape == b.shape; });
  if (!same) {
    const std::string place = "layer '" + last.name + "'", other = first.name;
    nodes_.pop_back();
    throw input_error(place, "shares the tensors of '" + other + "', but needs tensors of other shapes",
                      "share them with a layer of the same sizes");
  }
  return used;
}

Value Graph::append(Node node) {
  for (const Node& other : nodes_) {
    if (other.name == node.name) {
      throw input_error("layer '" + node.name + "'", "stands in the network already", "rename one");
    }
  }
  for (const Value input : node.inputs) {
    if (input.index < 0 || input.index >= static_cast<int>(nodes_.size())) {
      throw input_error("layer '" + node.name + "' (" + node.layer->kind() + ")",
                        "uses a value that is not in this graph",
                        "use the values that this graph's input() and add() returned");
    }
  }
  try {
    node.columns = node.layer->output_columns(input_columns(node));
  } catch (const Error& error) {  // which of the network's layers it is
    throw Error(error.cause(), "layer '" + node.name + "' (" + error.place() + ")", error.problem(), error.remedy());
  }
  nodes_.push_back(std::move(node));
  return {static_cast<int>(nodes_.size()) - 1};
}

const Graph::Node& Graph::node(Value value) const {
  if (value.index < 0 || value.index >= static_cast<int>(nodes_.size())) {
    throw Error(Error::Cause::internal, "graph", "no value " + std::to_string(value.index));
  }
  return nodes_[static_cast<std::size_t>(value.index)];
}

std::vector<Index> Graph::input_columns(const Node& node) const {
  std::vector<Index> columns;
  for (const Value input : node.inputs) columns.push_back(this->columns(input));
  return columns;
}

}  // namespace mynah
