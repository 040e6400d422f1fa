#pragma once

#include "engine/layer.h"

/// For layers that end with an activation: where the operand of its backward pass lies. It is the output or, for the
/// activations that do not keep it, the value before, dense [rows, columns] at the beginning of what the layer saves.
namespace mynah {

/// How many values of Layer::saved_size() that takes.
inline Index activation_operand_size(kernels::Activation activation, Index rows, Index columns) {
  return activation.keeps_output() ? 0 : rows * columns;
}

/// Where a forward pass leaves the value before the activation; empty where nobody needs it.
template <class Scalar>
MatrixView<Scalar> kept_before_activation(kernels::Activation activation, const ForwardPassOf<Scalar>& pass) {
  if (activation.keeps_output()) return {};
  return {pass.saved.data, pass.output.rows, pass.output.columns};
}

template <class Scalar>
MatrixView<const Scalar> activation_operand(kernels::Activation activation, MatrixView<const Scalar> output,
                                            VectorView<Scalar> saved) {
  if (activation.keeps_output()) return output;
  return {saved.data, output.rows, output.columns};
}

}  // namespace mynah
