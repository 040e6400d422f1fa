#include "engine/layers/standardization.h"

#include "kernels/error.h"
#include "kernels/standardization.h"

namespace mynah {

std::string Standardization::kind() const {
  return direction_ == Direction::standardize ? "standardization" : "unstandardization";
}

Index Standardization::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error(kind() + " layer", "takes one input, got " + std::to_string(inputs.size()));
  return inputs[0];
}

std::vector<TensorSpec> Standardization::tensors(std::span<const Index> inputs) const {
  return {{"mean", {inputs[0]}, Initialization::zeros, 0, 0, false},
          {"deviation", {inputs[0]}, Initialization::ones, 0, 0, false}};
}

void Standardization::forward(Stream& stream, const ForwardPass& pass) const {
  const auto operation = direction_ == Direction::standardize ? kernels::standardize : kernels::unstandardize;
  operation(stream, pass.inputs[0], pass.tensors[0].vector(), pass.tensors[1].vector(), pass.output);
}

void Standardization::backward(Stream& stream, const BackwardPass& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  const auto operation =
      direction_ == Direction::standardize ? kernels::standardize_backward : kernels::unstandardize_backward;
  operation(stream, pass.output_gradient, pass.tensors[1].vector(), pass.input_gradients[0]);
}

}  // namespace mynah
