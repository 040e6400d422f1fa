#include "kernels/activation.h"

#include "kernels/activation_functions.h"
#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {
namespace {

/// y = f(x), one element after another.
template <class Scalar>
void map_forward(Activation activation, MatrixView<const Scalar> x, MatrixView<Scalar> y) {
  const auto p = static_cast<Scalar>(activation.parameter());
  visit_activation(activation.kind(), [&](auto function) {
    using Function = decltype(function);
    map(y) = map(x).unaryExpr([p](Scalar value) { return Function::value(value, p); });
  });
}

template <class Scalar>
void map_backward(Activation activation, MatrixView<const Scalar> operand, MatrixView<const Scalar> dy,
                  MatrixView<Scalar> dx) {
  const auto p = static_cast<Scalar>(activation.parameter());
  visit_activation(activation.kind(), [&](auto function) {
    using Function = decltype(function);
    map(dx) = map(operand).binaryExpr(
        map(dy), [p](Scalar kept, Scalar gradient) { return Function::gradient(kept, gradient, p); });
  });
}

}  // namespace

template <class Scalar>
void activation_forward(Stream&, Activation activation, ConstMatrixOf<Scalar> x, MatrixOf<Scalar> y) {
  map_forward<Scalar>(activation, x, y);
}

template <class Scalar>
void activation_backward(Stream&, Activation activation, ConstMatrixOf<Scalar> operand, ConstMatrixOf<Scalar> dy,
                         MatrixOf<Scalar> dx) {
  map_backward<Scalar>(activation, operand, dy, dx);
}

template <class Scalar>
void activation_tangent_backward(Stream&, Activation activation, ConstMatrixOf<Scalar> operand,
                                 ConstMatrixOf<Scalar> x_tangent, MatrixOf<Scalar> y_gradient,
                                 MatrixOf<Scalar> tangent_gradient) {
  const auto p = static_cast<Scalar>(activation.parameter());
  visit_activation(activation.kind(), [&](auto function) {
    using Function = decltype(function);
    for (Index m = 0; m < operand.rows; ++m) {
      const auto kept = map(operand.row(m)).array();
      auto g = map(y_gradient.row(m)).array();
      auto u = map(tangent_gradient.row(m)).array();
      const auto tangent = map(x_tangent.row(m)).array();
      for (Index c = 0; c < operand.columns; ++c) {
        g[c] = Function::gradient(kept[c], g[c], p) + Function::second_derivative(kept[c], p) * tangent[c] * u[c];
        u[c] = Function::gradient(kept[c], u[c], p);
      }
    }
  });
}

template <>
void activation_forward<float>(Stream&, Activation activation, ConstMatrix x, Matrix y) {
  using namespace vectorized;
  if (activation == Activation::none) return operations().copy(x.rows, x.columns, rows_of(x), rows_of(y));
  if (activation == Activation::relu) return operations().relu(x.rows, x.columns, rows_of(x), rows_of(y));
  map_forward<float>(activation, x, y);
}

template <>
void activation_backward<float>(Stream&, Activation activation, ConstMatrix operand, ConstMatrix dy, Matrix dx) {
  using namespace vectorized;
  if (activation == Activation::none) return operations().copy(dy.rows, dy.columns, rows_of(dy), rows_of(dx));
  if (activation == Activation::relu) {
    return operations().relu_backward(dy.rows, dy.columns, rows_of(operand), rows_of(dy), rows_of(dx));
  }
  map_backward<float>(activation, operand, dy, dx);
}

MYNAH_FOR_DOUBLE(activation_forward)
MYNAH_FOR_DOUBLE(activation_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(activation_tangent_backward)

}  // namespace mynah::kernels::eigen
