#include "engine/layers/sum.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Index Sum::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() < 2)
    throw input_error("sum layer", "takes two or more inputs, got " + std::to_string(inputs.size()));
  for (const Index columns : inputs) {
    if (columns != inputs[0]) {
      throw input_error(
          "sum layer",
          "inputs of " + std::to_string(inputs[0]) + " and " + std::to_string(columns) + " columns cannot be added",
          "give both the same number of columns, for example with a linear layer");
    }
  }
  return inputs[0];
}

void Sum::forward(Stream& stream, const ForwardPass& pass) const {
  kernels::copy(stream, pass.inputs[0], pass.output);
  for (const ConstMatrix input : pass.inputs.subspan(1)) kernels::add(stream, input, pass.output);
}

void Sum::backward(Stream& stream, const BackwardPass& pass) const {
  for (const Matrix gradient : pass.input_gradients) {
    if (gradient.data != nullptr) kernels::copy(stream, pass.output_gradient, gradient);
  }
}

}  // namespace mynah
