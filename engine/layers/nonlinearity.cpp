#include "engine/layers/nonlinearity.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Index Nonlinearity::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error(kind() + " layer", "takes one input, got " + std::to_string(inputs.size()));
  return inputs[0];
}

template <class Scalar>
void Nonlinearity::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::activation_forward<Scalar>(stream, activation_, pass.inputs[0], pass.output);
}

template <class Scalar>
void Nonlinearity::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  if (pass.output_gradient_is_before_activation) {
    kernels::copy<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
    return;
  }
  kernels::activation_backward<Scalar>(stream, activation_, operand(pass), pass.output_gradient,
                                       pass.input_gradients[0]);
}

template <class Scalar>
void Nonlinearity::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  kernels::activation_backward<Scalar>(stream, activation_, operand(pass), pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void Nonlinearity::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  if (pass.input_gradients[0].data == nullptr) return;
  kernels::activation_tangent_backward<Scalar>(stream, activation_, operand(pass), pass.input_tangents[0],
                                               pass.output_gradient, pass.output_tangent_gradient);
  kernels::copy<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
  if (pass.input_tangent_gradients[0].data == nullptr) return;
  kernels::copy<Scalar>(stream, pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Nonlinearity)

}  // namespace mynah
