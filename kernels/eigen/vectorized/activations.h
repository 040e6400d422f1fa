#pragma once

#include "kernels/eigen/vectorized/elementwise.h"
#include "kernels/eigen/vectorized/vector_math.h"

/// The activations of kernels/activation.h; each struct is the twin of that of the same name in
/// kernels/activation_functions.h, which says why the formulas are what they are.
namespace mynah::kernels::eigen::vectorized {
namespace {

#define MYNAH_ACTIVATION_FUNCTION [[maybe_unused]] MYNAH_INLINE static Vec

struct None {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return x; }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec, Vec g, Vec) { return g; }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec, Vec) { return Vec{}; }
};

struct Relu {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return rectified(x); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec) { return y > Vec{} ? g : Vec{}; }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec, Vec) { return Vec{}; }
};

struct LeakyRelu {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec p) { return x > Vec{} ? x : p * x; }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec p) { return y > Vec{} ? g : p * g; }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec, Vec) { return Vec{}; }
};

struct Tanh {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return tanh(x); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec) { return g * (1.0f - y * y); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec y, Vec) { return -2.0f * y * (1.0f - y * y); }
};

struct Sigmoid {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return sigmoid(x); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec) { return g * y * (1.0f - y); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec y, Vec) { return y * (1.0f - y) * (1.0f - 2.0f * y); }
};

struct Elu {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec p) { return x > Vec{} ? x : p * expm1_of_negative(at_most(x, 0.0f)); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec p) { return y > Vec{} ? g : g * (y + p); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec y, Vec p) { return y > Vec{} ? Vec{} : y + p; }
};

struct Gelu {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return x * normal(x).distribution; }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec x, Vec g, Vec) {
    const Normal at_x = normal(x);
    return g * (at_x.distribution + x * at_x.density);
  }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec x, Vec) { return (2.0f - x * x) * normal(x).density; }
};

struct Silu {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return x * sigmoid(x); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec x, Vec g, Vec) {
    const Vec s = sigmoid(x);
    return g * s * (1.0f + x * (1.0f - s));
  }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec x, Vec) {
    const Vec s = sigmoid(x);
    return s * (1.0f - s) * (2.0f + x * (1.0f - 2.0f * s));
  }
};

struct Softplus {
  MYNAH_ACTIVATION_FUNCTION value(Vec x, Vec) { return rectified(x) + log1p_of_fraction(exp(-magnitude(x))); }
  MYNAH_ACTIVATION_FUNCTION gradient(Vec y, Vec g, Vec) { return g * -expm1_of_negative(-y); }
  MYNAH_ACTIVATION_FUNCTION second_derivative(Vec y, Vec) {
    const Vec s = -expm1_of_negative(-y);
    return s * (1.0f - s);
  }
};

#undef MYNAH_ACTIVATION_FUNCTION

template <class Function>
void activation_forward(float parameter, Size rows, Size columns, ConstRows x, Rows y) {
  const Vec p = broadcast(parameter);
  map_rows(
      rows, columns, x, y, [p](Vec value) __attribute__((always_inline)) { return Function::value(value, p); });
}

template <class Function>
void activation_backward(float parameter, Size rows, Size columns, ConstRows operand, ConstRows dy, Rows dx) {
  const Vec p = broadcast(parameter);
  map_rows(
      rows, columns, operand, dy,
      dx, [p](Vec kept, Vec gradient) __attribute__((always_inline)) { return Function::gradient(kept, gradient, p); });
}

template <class Function>
void activation_tangent_backward(float parameter, Size rows, Size columns, ConstRows operand, ConstRows x_tangent,
                                 Rows y_gradient, Rows tangent_gradient) {
  const Vec p = broadcast(parameter);
  const bool contiguous = operand.stride == columns && x_tangent.stride == columns && y_gradient.stride == columns &&
                          tangent_gradient.stride == columns;
  for_each_run(rows, columns, contiguous, [&](Size m, Size n) {
    const float* kept = operand.data + m * operand.stride;
    const float* tangent = x_tangent.data + m * x_tangent.stride;
    float* g = y_gradient.data + m * y_gradient.stride;
    float* u = tangent_gradient.data + m * tangent_gradient.stride;
    for_each_vector(n, [&](Size i, auto... some) {
      const Vec at = load(kept + i, some...), of_tangent = load(u + i, some...);
      const Vec bent = Function::second_derivative(at, p) * load(tangent + i, some...) * of_tangent;
      store(g + i, Function::gradient(at, load(g + i, some...), p) + bent, some...);
      store(u + i, Function::gradient(at, of_tangent, p), some...);
    });
  });
}

template <class Function>
constexpr ActivationOperations activation_operations() {
  return {activation_forward<Function>, activation_backward<Function>, activation_tangent_backward<Function>};
}

/// In the order of Activations.
constexpr Activations all_activations() {
  return {activation_operations<None>(), activation_operations<Relu>(),    activation_operations<LeakyRelu>(),
          activation_operations<Tanh>(), activation_operations<Sigmoid>(), activation_operations<Elu>(),
          activation_operations<Gelu>(), activation_operations<Silu>(),    activation_operations<Softplus>()};
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
