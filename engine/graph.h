#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/layer.h"

namespace mynah {

/// A value in a Graph: a matrix [rows, columns] that the graph computes; rows are chosen when it runs.
struct Value {
  int index = -1;
  friend bool operator==(Value, Value) = default;
};

/// Layers and how they are connected: the structure of a network, without parameters, values or a device. Values are
/// numbered in the order in which they were added, which is an order in which they can be computed: a layer can only
/// use what is there already, so there are no cycles.
class Graph {
 public:
  struct Node {
    std::string name;                    ///< Prefix of its tensors' names; empty for an input.
    std::shared_ptr<const Layer> layer;  ///< Null for an input of the network.
    std::vector<Value> inputs;
    Index columns = 0;
    int tensors_of = -1;  ///< The node whose tensors it uses: itself, or the one it shares them with.
  };

  /// An input of `columns` columns.
  Value input(Index columns);

  /// The output of `layer` for `inputs`; the same value may be used by several layers. `name` is unique in the graph
  /// and prefixes the names of the layer's tensors ("0" gives "0.weight"). Errors: input_error, naming the layer.
  Value add(std::string name, std::shared_ptr<const Layer> layer, std::vector<Value> inputs);
  Value add(std::string name, std::shared_ptr<const Layer> layer, Value input) {
    return add(std::move(name), std::move(layer), std::vector<Value>{input});
  }

  /// The output of the layer of `owner`, with the same tensors, for other inputs of the same sizes: parameters shared
  /// between two uses. Their gradients add up. `name` is for messages. Errors: input_error, naming the layer.
  Value share(std::string name, Value owner, std::vector<Value> inputs);

  /// The output of another layer with the tensors of `owner`, which have to be of the same shapes: one set of weights
  /// run in two ways, such as a sequence at once and step by step. Errors: input_error, naming the layer.
  Value share(std::string name, Value owner, std::shared_ptr<const Layer> layer, std::vector<Value> inputs);

  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(Value value) const;
  Index columns(Value value) const { return node(value).columns; }
  std::vector<Index> input_columns(const Node& node) const;
  /// Whether the node's tensors are its own.
  bool owns_tensors(std::size_t node) const { return nodes_[node].tensors_of == static_cast<int>(node); }

 private:
  Value append(Node node);

  std::vector<Node> nodes_;
};

}  // namespace mynah
