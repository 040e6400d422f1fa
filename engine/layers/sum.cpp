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

namespace {

/// y = Σ of the matrices that are there.
template <class Scalar>
void add_up(Stream& stream, std::span<const MatrixView<const Scalar>> matrices, MatrixView<Scalar> y) {
  bool first = true;
  for (const MatrixView<const Scalar> matrix : matrices) {
    if (matrix.data == nullptr) continue;
    if (first) {
      kernels::copy<Scalar>(stream, matrix, y);
    } else {
      kernels::add<Scalar>(stream, matrix, y);
    }
    first = false;
  }
}

template <class Scalar>
void hand_out(Stream& stream, MatrixView<const Scalar> gradient, std::span<const MatrixView<Scalar>> shares) {
  for (const MatrixView<Scalar> share : shares) {
    if (share.data != nullptr) kernels::copy<Scalar>(stream, gradient, share);
  }
}

}  // namespace

template <class Scalar>
void Sum::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  add_up<Scalar>(stream, pass.inputs, pass.output);
}

template <class Scalar>
void Sum::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  hand_out<Scalar>(stream, pass.output_gradient, pass.input_gradients);
}

template <class Scalar>
void Sum::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  add_up<Scalar>(stream, pass.input_tangents, pass.output_tangent);
}

template <class Scalar>
void Sum::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  hand_out<Scalar>(stream, pass.output_gradient, pass.input_gradients);
  hand_out<Scalar>(stream, pass.output_tangent_gradient, pass.input_tangent_gradients);
}

MYNAH_LAYER(Sum)

}  // namespace mynah
