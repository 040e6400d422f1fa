#include "engine/layers/linear.h"

#include "kernels/error.h"
#include "kernels/linear.h"

namespace mynah {

Linear::Linear(Index outputs, kernels::Activation activation, Initialization initialization)
    : outputs_(outputs), activation_(activation), initialization_(initialization) {
  if (outputs < 1)
    throw input_error("linear layer", "has " + std::to_string(outputs) + " outputs", "give it at least 1");
}

Index Linear::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error("linear layer", "takes one input, got " + std::to_string(inputs.size()));
  return outputs_;
}

std::vector<TensorSpec> Linear::tensors(std::span<const Index> inputs) const {
  const bool as_torch = initialization_ == Initialization::kaiming_uniform;
  return {{"weight", {outputs_, inputs[0]}, initialization_, inputs[0], outputs_},
          {"bias", {outputs_}, as_torch ? initialization_ : Initialization::zeros, inputs[0], outputs_}};
}

void Linear::forward(Stream& stream, const ForwardPass& pass) const {
  kernels::linear_forward(stream, pass.inputs[0], pass.tensors[0].matrix(), pass.tensors[1].vector(), activation_,
                          pass.output);
}

void Linear::backward(Stream& stream, const BackwardPass& pass) const {
  if (activation_ != kernels::Activation::none) {
    kernels::activation_backward(stream, activation_, pass.output, pass.output_gradient, pass.output_gradient);
  }
  kernels::linear_backward(stream, pass.inputs[0], pass.tensors[0].matrix(), pass.output_gradient,
                           pass.input_gradients[0], pass.tensor_gradients[0].matrix(),
                           pass.tensor_gradients[1].vector());
}

}  // namespace mynah
