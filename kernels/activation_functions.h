#pragma once

#include <cmath>

#include "kernels/activation.h"
#include "kernels/host_device.h"

namespace mynah::kernels {

/// The functions of kernels/activation.h, one text for both twins. Each struct has
///
///   keeps_output                        whether `operand` is y; else it is x
///   value(x, p)                         f(x), p being the parameter
///   gradient(operand, g, p)             g f'(x)
///   second_derivative(operand, p)       f''(x)
namespace activation_functions {

#define MYNAH_ACTIVATION_FUNCTION \
  template <class Scalar>         \
  MYNAH_HOST_DEVICE static inline Scalar

struct None {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) { return x; }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar, Scalar g, Scalar) { return g; }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar, Scalar) { return Scalar(0); }
};

/// Not max(x, 0): which of its arguments a maximum returns for NaN depends on the device. The gradient is selected
/// rather than multiplied, so that an infinite one times 0 is 0.
struct Relu {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) { return x <= Scalar(0) ? Scalar(0) : x; }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar) { return y > Scalar(0) ? g : Scalar(0); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar, Scalar) { return Scalar(0); }
};

/// y has the sign of x, since p > 0.
struct LeakyRelu {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar p) { return x > Scalar(0) ? x : p * x; }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar p) { return y > Scalar(0) ? g : p * g; }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar, Scalar) { return Scalar(0); }
};

/// f' = 1 - y², f'' = -2 y f'.
struct Tanh {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) {
    using std::tanh;
    return tanh(x);
  }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar) { return g * (Scalar(1) - y * y); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar y, Scalar) { return Scalar(-2) * y * (Scalar(1) - y * y); }
};

/// f' = y (1 - y), f'' = f' (1 - 2 y). The exponential is of a number that is not positive, so that it cannot overflow.
struct Sigmoid {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) {
    using std::exp;
    const Scalar e = exp(x > Scalar(0) ? -x : x);
    return (x > Scalar(0) ? Scalar(1) : e) / (Scalar(1) + e);
  }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar) { return g * y * (Scalar(1) - y); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar y, Scalar) {
    return y * (Scalar(1) - y) * (Scalar(1) - Scalar(2) * y);
  }
};

/// Below 0: f' = p eˣ = y + p = f''.
struct Elu {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar p) {
    using std::expm1;
    return x > Scalar(0) ? x : p * expm1(x);
  }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar p) { return y > Scalar(0) ? g : g * (y + p); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar y, Scalar p) { return y > Scalar(0) ? Scalar(0) : y + p; }
};

/// With the density φ(x) = Φ'(x), φ'(x) = -x φ(x):  f' = Φ + x φ,  f'' = (2 - x²) φ.
struct Gelu {
  static constexpr bool keeps_output = false;
  MYNAH_ACTIVATION_FUNCTION distribution(Scalar x) {
    using std::erfc;
    return Scalar(0.5) * erfc(-x * Scalar(0.70710678118654752440));
  }
  MYNAH_ACTIVATION_FUNCTION density(Scalar x) {
    using std::exp;
    return Scalar(0.39894228040143267794) * exp(Scalar(-0.5) * x * x);
  }
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) { return x * distribution(x); }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar x, Scalar g, Scalar) { return g * (distribution(x) + x * density(x)); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar x, Scalar) { return (Scalar(2) - x * x) * density(x); }
};

/// With s = sigmoid(x):  f' = s (1 + x (1 - s)),  f'' = s (1 - s) (2 + x (1 - 2 s)).
struct Silu {
  static constexpr bool keeps_output = false;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar p) { return x * Sigmoid::value(x, p); }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar x, Scalar g, Scalar p) {
    const Scalar s = Sigmoid::value(x, p);
    return g * s * (Scalar(1) + x * (Scalar(1) - s));
  }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar x, Scalar p) {
    const Scalar s = Sigmoid::value(x, p);
    return s * (Scalar(1) - s) * (Scalar(2) + x * (Scalar(1) - Scalar(2) * s));
  }
};

/// max(x, 0) + ln(1 + e^-|x|), which cannot overflow. f' = sigmoid(x) = 1 - e⁻ʸ, f'' = f' (1 - f').
struct Softplus {
  static constexpr bool keeps_output = true;
  MYNAH_ACTIVATION_FUNCTION value(Scalar x, Scalar) {
    using std::exp;
    using std::log1p;
    return (x > Scalar(0) ? x : Scalar(0)) + log1p(exp(x > Scalar(0) ? -x : x));
  }
  MYNAH_ACTIVATION_FUNCTION gradient(Scalar y, Scalar g, Scalar) {
    using std::expm1;
    return g * -expm1(-y);
  }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Scalar y, Scalar) {
    using std::expm1;
    const Scalar s = -expm1(-y);
    return s * (Scalar(1) - s);
  }
};

#undef MYNAH_ACTIVATION_FUNCTION

}  // namespace activation_functions

/// visitor(Function{}) with the struct of a kind.
template <class Visitor>
inline decltype(auto) visit_activation(Activation::Kind kind, const Visitor& visitor) {
  switch (kind) {
#define MYNAH_CASE(name, type) \
  case Activation::name:       \
    return visitor(activation_functions::type{});
    MYNAH_ACTIVATIONS(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return visitor(activation_functions::None{});
}

}  // namespace mynah::kernels
