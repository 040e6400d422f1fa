#pragma once

#include <map>

#include "engine/graph.h"

namespace mynah {

/// A network described by names, in any order, as a configuration file or a person writes it.
struct GraphDescription {
  struct Input {
    std::string name;
    Index columns = 0;
  };
  struct Node {
    std::string name;  ///< Prefixes the layer's tensors.
    std::shared_ptr<const Layer> layer;
    std::vector<std::string> inputs;     ///< Names of inputs and layers.
    std::string shares_tensors_of = {};  ///< Another layer, in place of tensors of its own; `layer` is then null.
  };
  std::vector<Input> inputs;
  std::vector<Node> nodes;
  std::vector<std::string> outputs;
};

struct NamedGraph {
  Graph graph;
  std::map<std::string, Value> values;  ///< of every input and layer

  /// Errors: input_error for a name that is not there, with the nearest that is.
  Value at(const std::string& name) const;
};

/// Orders the layers and connects them. Errors (input_error): a name that stands twice; a layer that uses a name that
/// is not there; layers that wait for each other, naming the cycle; an input or a layer that no output depends on; and
/// what Graph::add refuses.
NamedGraph connect(const GraphDescription& description);

}  // namespace mynah
