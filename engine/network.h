#pragma once

#include "engine/graph.h"
#include "engine/parameters.h"

namespace mynah {

/// A graph with its parameters on one device.
struct Network {
  DeviceId device;
  Graph graph;
  Parameters parameters;

  Network(Stream& stream, Graph structure)
      : device(stream.device()), graph(std::move(structure)), parameters(stream, graph) {}
};

}  // namespace mynah
