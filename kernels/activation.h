#pragma once

#include "kernels/operation.h"

/// Every activation: the name of its kind, and the struct of kernels/activation_functions.h that computes it. A new one
/// is a line here and a struct there, and nothing else.
#define MYNAH_ACTIVATIONS(X) \
  X(none, None)              \
  X(relu, Relu)              \
  X(leaky_relu, LeakyRelu)   \
  X(tanh, Tanh)              \
  X(sigmoid, Sigmoid)        \
  X(elu, Elu)                \
  X(gelu, Gelu)              \
  X(silu, Silu)              \
  X(softplus, Softplus)

namespace mynah::kernels {

/// Elementwise nonlinearities, y = f(x), with the values and defaults of torch.nn:
///
///   none        y = x
///   relu        y = max(x, 0); its derivative at 0 is 0; NaN stays NaN
///   leaky_relu  y = x if x > 0, else parameter x            parameter > 0, 0.01 by default
///   tanh        y = tanh x
///   sigmoid     y = 1 / (1 + e⁻ˣ)
///   elu         y = x if x > 0, else parameter (eˣ - 1)     parameter > 0, 1 by default
///   gelu        y = x Φ(x), Φ the standard normal distribution function (the exact form, not that with tanh)
///   silu        y = x / (1 + e⁻ˣ)
///   softplus    y = ln(1 + eˣ)
///
/// A backward pass needs one matrix of the forward pass, its *operand*: y where the derivative follows from y alone, so
/// that x need not be kept, and x for gelu and silu, which take some values twice.
class Activation {
 public:
#define MYNAH_KIND(name, type) name,
  enum Kind { MYNAH_ACTIVATIONS(MYNAH_KIND) };
#undef MYNAH_KIND

  /// With the default parameter.
  constexpr Activation(Kind kind = none) : Activation(kind, kind == leaky_relu ? 0.01f : 1.0f) {}
  constexpr Activation(Kind kind, float parameter) : kind_(kind), parameter_(parameter) {}

  constexpr Kind kind() const {
    return kind_;
  }
  constexpr float parameter() const {
    return parameter_;
  }
  /// "gelu".
  const char* name() const;
  /// Whether the operand of the backward pass is y; else it is x.
  bool keeps_output() const;

  friend constexpr bool operator==(Activation, Activation) = default;

 private:
  Kind kind_;
  float parameter_;
};

/// Every kind, in order.
VectorView<const Activation::Kind> activation_kinds();

/// y = f(x), elementwise; x and y [rows, columns] of any size. y may be x itself, and may not overlap it otherwise.
template <class Scalar = float>
void activation_forward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);

/// dx = dy f'(x), with f' taken from the operand; all [rows, columns]. dx may be dy itself.
///
/// It is also the tangent pass: for dy = ẋ it gives ẏ = f'(x) ẋ.
template <class Scalar = float>
void activation_backward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> operand, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx);

/// Backward of y = f(x) and ẏ = f'(x) ẋ together, given ȳ = dL/dy and u = dL/dẏ:
///
///   dL/dx = f'(x) ȳ + f''(x) ẋ u          dL/dẋ = f'(x) u
///
/// y_gradient and tangent_gradient hold ȳ and u before, dL/dx and dL/dẋ after. All [rows, columns]. f'' is 0 where f is
/// piecewise linear.
template <class Scalar = float>
void activation_tangent_backward(Stream& stream, Activation activation, ConstMatrixOf<Scalar> operand,
                                 ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_gradient,
                                 MatrixOf<Scalar> tangent_gradient);

MYNAH_CUDA_TWIN_OF_FLOATS(activation_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(activation_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(activation_tangent_backward)

namespace eigen {
template <class Scalar>
void activation_forward(Stream&, Activation, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y);
template <class Scalar>
void activation_backward(Stream&, Activation, ConstMatrixOf<Scalar> operand, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx);
template <class Scalar>
void activation_tangent_backward(Stream&, Activation, ConstMatrixOf<Scalar> operand, ConstMatrixOf<Scalar> x_tangent,
                                 MatrixOf<Scalar> y_gradient, MatrixOf<Scalar> tangent_gradient);
}  // namespace eigen

}  // namespace mynah::kernels
