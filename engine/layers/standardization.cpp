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

template <class Scalar>
void Standardization::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const auto operation =
      direction_ == Direction::standardize ? kernels::standardize<Scalar> : kernels::unstandardize<Scalar>;
  operation(stream, pass.inputs[0], pass.tensors[0].vector(), pass.tensors[1].vector(), pass.output);
}

/// y = x times what standardisation multiplies by: its backward pass, and its tangent pass as well.
template <class Scalar>
void Standardization::scale(Stream& stream, VectorView<Scalar> deviation, MatrixView<const Scalar> x,
                            MatrixView<Scalar> y) const {
  if (y.data == nullptr) return;
  const auto operation = direction_ == Direction::standardize ? kernels::standardize_backward<Scalar>
                                                              : kernels::unstandardize_backward<Scalar>;
  operation(stream, x, deviation, y);
}

template <class Scalar>
void Standardization::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  scale<Scalar>(stream, pass.tensors[1].vector(), pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void Standardization::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  scale<Scalar>(stream, pass.tensors[1].vector(), pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void Standardization::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  scale<Scalar>(stream, pass.tensors[1].vector(), pass.output_gradient, pass.input_gradients[0]);
  scale<Scalar>(stream, pass.tensors[1].vector(), pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Standardization)

}  // namespace mynah
