#include "engine/layers/linear.h"

#include "engine/activation_operand.h"
#include "kernels/error.h"
#include "kernels/linear.h"

namespace mynah {

using kernels::Activation;

Linear::Linear(Index outputs, Activation activation, Initialization initialization)
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

Index Linear::saved_size(Index rows, std::span<const Index>) const {
  return activation_operand_size(activation_, rows, outputs_);
}

Index Linear::tangent_saved_size(Index rows, std::span<const Index>) const {
  return activation_ == Activation::none ? 0 : rows * outputs_;
}

template <class Scalar>
void Linear::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::linear_forward<Scalar>(stream, pass.inputs[0], pass.tensors[0].matrix(), pass.tensors[1].vector(),
                                  activation_, pass.output, kept_before_activation(activation_, pass),
                                  {pass.settings.precision});
}

template <class Scalar>
void Linear::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (activation_ != Activation::none && !pass.output_gradient_is_before_activation) {
    kernels::activation_backward<Scalar>(stream, activation_,
                                         activation_operand<Scalar>(activation_, pass.output, pass.saved),
                                         pass.output_gradient, pass.output_gradient);
  }
  const kernels::InputActivation<Scalar> input_activation{pass.input_activation, pass.input_activation_operand};
  const MatrixView<Scalar> dw = pass.tensor_gradients[0].matrix();
  const VectorView<Scalar> db = pass.tensor_gradients[1].vector();
  if constexpr (std::is_same_v<Scalar, float>) {
    if (pass.step != nullptr) {
      return kernels::linear_backward_and_step(stream, pass.inputs[0], pass.tensors[0].matrix(),
                                               pass.tensors[1].vector(), pass.output_gradient, pass.input_gradients[0],
                                               dw, db, *pass.step, input_activation);
    }
  }
  kernels::linear_backward<Scalar>(
      stream, pass.inputs[0], pass.tensors[0].matrix(), pass.output_gradient, pass.input_gradients[0], dw, db,
      input_activation, {.precision = pass.settings.precision, .overwrite_weights = pass.overwrites_tensor_gradients});
}

template <class Scalar>
void Linear::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  // ż is kept apart where the activation hides it: f' may be 0.
  const bool plain = activation_ == Activation::none;
  const MatrixView<Scalar> dz =
      plain ? pass.output_tangent
            : MatrixView<Scalar>{pass.tangent_saved.data, pass.output_tangent.rows, pass.output_tangent.columns};
  const auto precision = pass.settings.precision;
  const MatrixView<const Scalar> dx = pass.input_tangents[0];
  const TensorViewOf<Scalar> dw = pass.tensor_tangents[0];
  if (dx.data != nullptr) {
    kernels::linear_forward<Scalar>(stream, dx, pass.tensors[0].matrix(), pass.tensor_tangents[1].vector(),
                                    Activation::none, dz, {}, {precision});
  }
  if (dx.data == nullptr && dw.data == nullptr) {  // ż = ḃ, a product over no inputs
    kernels::linear_forward<Scalar>(stream, pass.inputs[0].middle_columns(0, 0), {pass.tensors[0].data, outputs_, 0, 1},
                                    pass.tensor_tangents[1].vector(), Activation::none, dz, {}, {precision});
  }
  if (dw.data != nullptr) {
    const VectorView<Scalar> db = dx.data == nullptr ? pass.tensor_tangents[1].vector() : VectorView<Scalar>{};
    kernels::linear_forward<Scalar>(stream, pass.inputs[0], dw.matrix(), db, Activation::none, dz, {},
                                    {precision, dx.data != nullptr});
  }
  if (plain) return;
  kernels::activation_backward<Scalar>(
      stream, activation_, activation_operand<Scalar>(activation_, pass.output, pass.saved), dz, pass.output_tangent);
}

template <class Scalar>
void Linear::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const MatrixView<Scalar> of_z = pass.output_gradient;
  const MatrixView<Scalar> of_dz = pass.output_tangent_gradient;
  if (activation_ != Activation::none) {
    kernels::activation_tangent_backward<Scalar>(
        stream, activation_, activation_operand<Scalar>(activation_, pass.output, pass.saved),
        MatrixView<const Scalar>{pass.tangent_saved.data, of_z.rows, of_z.columns}, of_z, of_dz);
  }
  const kernels::ProductOptions first{pass.settings.precision}, second{pass.settings.precision, true};
  const MatrixView<Scalar> dx = pass.input_gradients[0], of_dx = pass.input_tangent_gradients[0];
  const MatrixView<Scalar> of_w = pass.tensor_gradients[0].matrix();
  const MatrixView<const Scalar> w = pass.tensors[0].matrix(), x = pass.inputs[0], x_tangent = pass.input_tangents[0];
  kernels::linear_backward<Scalar>(stream, x, w, of_z, dx, of_w, pass.tensor_gradients[1].vector(), {}, first);
  if (x_tangent.data != nullptr) {
    kernels::linear_backward<Scalar>(stream, x_tangent, w, of_dz, of_dx, of_w, {}, {}, first);
  } else if (of_dx.data != nullptr) {
    kernels::linear_backward<Scalar>(stream, x, w, of_dz, of_dx, {}, {}, {}, first);
  }
  if (pass.tensor_tangents[0].data != nullptr && dx.data != nullptr) {
    kernels::linear_backward<Scalar>(stream, x, pass.tensor_tangents[0].matrix(), of_dz, dx, {}, {}, {}, second);
  }
}

MYNAH_LAYER(Linear)

}  // namespace mynah
