#include "engine/layers/dropout.h"

#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Dropout::Dropout(float p) : p_(p) {
  if (!(p >= 0.0f && p < 1.0f)) {
    throw input_error("dropout layer", "the probability to drop an element is " + std::to_string(p),
                      "give one in [0, 1); 0.1 to 0.5 are usual");
  }
}

Index Dropout::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error("dropout layer", "takes one input, got " + std::to_string(inputs.size()));
  return inputs[0];
}

/// y = D x; nothing where nobody wants y.
template <class Scalar>
void Dropout::apply(Stream& stream, const PassSettings& settings, MatrixView<const Scalar> x,
                    MatrixView<Scalar> y) const {
  if (y.data == nullptr || x.data == nullptr) return;
  if (settings.mode == Mode::train) {
    kernels::dropout_forward<Scalar>(stream, settings.random, settings.step, p_, x, y);
  } else {
    kernels::copy<Scalar>(stream, x, y);
  }
}

template <class Scalar>
void Dropout::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  apply<Scalar>(stream, pass.settings, pass.inputs[0], pass.output);
}

template <class Scalar>
void Dropout::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  apply<Scalar>(stream, pass.settings, pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void Dropout::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  apply<Scalar>(stream, pass.settings, pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void Dropout::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  apply<Scalar>(stream, pass.settings, pass.output_gradient, pass.input_gradients[0]);
  apply<Scalar>(stream, pass.settings, pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Dropout)

}  // namespace mynah
