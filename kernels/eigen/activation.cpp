#include "kernels/activation.h"

#include "kernels/activation_functions.h"
#include "kernels/eigen/activation_map.h"
#include "kernels/eigen/map.h"
#include "kernels/eigen/shared_work.h"
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

template <class Scalar>
void map_tangent_backward(Activation activation, MatrixView<const Scalar> operand, MatrixView<const Scalar> x_tangent,
                          MatrixView<Scalar> y_gradient, MatrixView<Scalar> tangent_gradient) {
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

/// The vectorised operations of a kind: the member of vectorized::Activations that bears its name. Null: there is none.
template <class Table>
const vectorized::ActivationOperations* vectorized_operations(const Table& table, Activation::Kind kind) {
  switch (kind) {
#define MYNAH_CASE(name, type)              \
  case Activation::name:                    \
    if constexpr (requires { table.name; }) \
      return &table.name;                   \
    else                                    \
      return nullptr;
    MYNAH_ACTIVATIONS(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return nullptr;
}

const vectorized::ActivationOperations* vectorized_operations(Activation activation) {
  return vectorized_operations(vectorized::operations().activations, activation.kind());
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
  map_tangent_backward<Scalar>(activation, operand, x_tangent, y_gradient, tangent_gradient);
}

void map_activation(Activation activation, ConstMatrix x, Matrix y) {
  using namespace vectorized;
  const ActivationOperations* use = vectorized_operations(activation);
  if (use == nullptr) return map_forward<float>(activation, x, y);
  use->forward(activation.parameter(), x.rows, x.columns, rows_of(x), rows_of(y));
}

void map_activation_gradient(Activation activation, ConstMatrix operand, ConstMatrix dy, Matrix dx) {
  using namespace vectorized;
  const ActivationOperations* use = vectorized_operations(activation);
  if (use == nullptr) return map_backward<float>(activation, operand, dy, dx);
  use->backward(activation.parameter(), dy.rows, dy.columns, rows_of(operand), rows_of(dy), rows_of(dx));
}

template <>
void activation_forward<float>(Stream& stream, Activation activation, ConstMatrix x, Matrix y) {
  share(stream, x.rows * x.columns >= least_shared_elements, [&](const vectorized::Team& team) {
    const SharedPart own(x.rows, team);
    map_activation(activation, own.of(x), own.of(y));
  });
}

template <>
void activation_backward<float>(Stream& stream, Activation activation, ConstMatrix operand, ConstMatrix dy, Matrix dx) {
  share(stream, dy.rows * dy.columns >= least_shared_elements, [&](const vectorized::Team& team) {
    const SharedPart own(dy.rows, team);
    map_activation_gradient(activation, own.of(operand), own.of(dy), own.of(dx));
  });
}

template <>
void activation_tangent_backward<float>(Stream&, Activation activation, ConstMatrix operand, ConstMatrix x_tangent,
                                        Matrix y_gradient, Matrix tangent_gradient) {
  using namespace vectorized;
  const ActivationOperations* use = vectorized_operations(activation);
  if (use == nullptr) {
    return map_tangent_backward<float>(activation, operand, x_tangent, y_gradient, tangent_gradient);
  }
  use->tangent_backward(activation.parameter(), operand.rows, operand.columns, rows_of(operand), rows_of(x_tangent),
                        rows_of(y_gradient), rows_of(tangent_gradient));
}

MYNAH_FOR_DOUBLE(activation_forward)
MYNAH_FOR_DOUBLE(activation_backward)
MYNAH_FOR_DOUBLE(activation_tangent_backward)

}  // namespace mynah::kernels::eigen
