#pragma once

#include <string>
#include <vector>

#include "engine/graph.h"
#include "kernels/activation.h"

namespace mynah {

/// What a multilayer perceptron looks like.
struct MlpOptions {
  Index inputs = 0;
  std::vector<Index> hidden = {256, 256};
  Index outputs = 0;
  kernels::Activation activation = kernels::Activation::relu;
  Initialization initialization = Initialization::kaiming_uniform;
};

/// Adds linear layers with the activation between them (none after the last) on top of `input`. Layers are numbered as
/// in torch.nn.Sequential(Linear, ReLU, Linear, ...): tensors are "0.weight", "0.bias", "2.weight", ... behind
/// `prefix`.
Value add_mlp(Graph& graph, Value input, const MlpOptions& options, const std::string& prefix = {});

/// "relu" <-> Activation::relu. Errors: input_error naming the known activations.
kernels::Activation parse_activation(const std::string& name);
std::string activation_name(kernels::Activation activation);
/// "none, relu, ...": all of them.
std::string activation_names();

}  // namespace mynah
