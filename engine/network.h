#pragma once

#include "engine/graph.h"
#include "engine/parameters.h"

namespace mynah {

/// A graph with its parameters on one device.
struct Network {
  DeviceId device;
  Graph graph;
  Parameters parameters;

  /// frozen: names of tensors that are not trained, or patterns such as "encoder.*": see Parameters.
  Network(Stream& stream, Graph structure, const std::vector<std::string>& frozen = {})
      : device(stream.device()), graph(std::move(structure)), parameters(stream, graph, frozen) {}
};

}  // namespace mynah
