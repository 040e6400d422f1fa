#pragma once

#include <optional>
#include <string>

#include "engine/network.h"
#include "kernels/mlp_inference.h"

namespace mynah {

/// A network as kernels/mlp_inference.h takes it: linear layers one behind the other, perhaps with the inputs
/// standardized before them and the outputs unstandardized behind them. It looks at the network's own memory.
struct MlpNetwork {
  kernels::MlpShape shape;
  const float* parameters = nullptr;
  kernels::MlpEnds ends;

  /// Empty where the network is of another kind; *reason then tells why.
  static std::optional<MlpNetwork> find(const Network& network, Value input, Value output, std::string* reason);
};

}  // namespace mynah
