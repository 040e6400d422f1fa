#include "engine/layers/concatenation.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Index Concatenation::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() < 2) {
    throw input_error("concatenation layer", "takes two or more inputs, got " + std::to_string(inputs.size()));
  }
  Index columns = 0;
  for (const Index of_input : inputs) columns += of_input;
  return columns;
}

namespace {

/// y = the parts side by side; a part that is null is zero and has the columns of the input in its place.
template <class Scalar>
void put_together(Stream& stream, std::span<const MatrixView<const Scalar>> inputs,
                  std::span<const MatrixView<const Scalar>> parts, MatrixView<Scalar> y) {
  if (y.empty()) return;
  Index first = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const MatrixView<Scalar> place = y.middle_columns(first, inputs[i].columns);
    if (parts[i].data == nullptr) {
      kernels::zero<Scalar>(stream, place);
    } else {
      kernels::copy<Scalar>(stream, parts[i], place);
    }
    first += inputs[i].columns;
  }
}

/// The other way round: the columns of y where each input stands, for those that are wanted.
template <class Scalar>
void take_apart(Stream& stream, std::span<const MatrixView<const Scalar>> inputs, MatrixView<const Scalar> y,
                std::span<const MatrixView<Scalar>> parts) {
  if (y.empty()) return;
  Index first = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (parts[i].data != nullptr) {
      kernels::copy<Scalar>(stream, y.middle_columns(first, inputs[i].columns), parts[i]);
    }
    first += inputs[i].columns;
  }
}

}  // namespace

template <class Scalar>
void Concatenation::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  put_together<Scalar>(stream, pass.inputs, pass.inputs, pass.output);
}

template <class Scalar>
void Concatenation::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  take_apart<Scalar>(stream, pass.inputs, pass.output_gradient, pass.input_gradients);
}

template <class Scalar>
void Concatenation::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  put_together<Scalar>(stream, pass.inputs, pass.input_tangents, pass.output_tangent);
}

template <class Scalar>
void Concatenation::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  take_apart<Scalar>(stream, pass.inputs, pass.output_gradient, pass.input_gradients);
  take_apart<Scalar>(stream, pass.inputs, pass.output_tangent_gradient, pass.input_tangent_gradients);
}

MYNAH_LAYER(Concatenation)

}  // namespace mynah
