#include "kernels/gru.h"

#include <algorithm>

#include "kernels/activation.h"
#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {
namespace {

/// The elements of one block of a row, as an array.
template <class Scalar>
auto block(MatrixView<Scalar> gates, Index row, Index number) {
  const Index hidden = gates.columns / 4;
  return map(gates.middle_columns(number * hidden, hidden).row(row)).array();
}

template <class Scalar>
auto array_of(MatrixView<Scalar> matrix, Index row) {
  return map(matrix.row(row)).array();
}

/// Rows that are taken through all of forward at a time, so that they stay in the first-level cache meanwhile.
constexpr Index rows_at_a_time = 4;

template <class Scalar>
void add_or_overwrite(bool add, MatrixView<Scalar> matrix, Index row, const auto& values) {
  if (matrix.data == nullptr) return;
  if (add) {
    array_of(matrix, row) += values;
  } else {
    array_of(matrix, row) = values;
  }
}

}  // namespace

/// The exponentials are activation_forward's, over rows of neighbouring values.
template <class Scalar>
void gru_gates_forward(Stream& stream, ConstMatrixOf<Scalar> state_projection, ConstMatrixOf<Scalar> state,
                       MatrixOf<Scalar> gates, MatrixOf<Scalar> next_state) {
  const Index hidden = state.columns;
  for (Index first = 0; first < state.rows; first += rows_at_a_time) {
    const Index count = std::min(rows_at_a_time, state.rows - first);
    const MatrixView<Scalar> some = gates.middle_rows(first, count);
    const MatrixView<Scalar> reset_and_update = some.middle_columns(0, 2 * hidden);
    const MatrixView<Scalar> candidate = some.middle_columns(3 * hidden, hidden);
    for (Index m = 0; m < count; ++m) {
      const auto projection = array_of(state_projection, first + m);
      array_of(reset_and_update, m) += projection.head(2 * hidden);
      block(some, m, 2) = projection.tail(hidden);
    }
    eigen::activation_forward<Scalar>(stream, Activation::sigmoid, reset_and_update, reset_and_update);
    for (Index m = 0; m < count; ++m) array_of(candidate, m) += block(some, m, 0) * block(some, m, 2);
    eigen::activation_forward<Scalar>(stream, Activation::tanh, candidate, candidate);
    for (Index m = 0; m < count; ++m) {
      const auto z = block(some, m, 1), n = block(some, m, 3);
      array_of(next_state, first + m) = (Scalar(1) - z) * n + z * array_of(state, first + m);
    }
  }
}

template <class Scalar>
void gru_gates_backward(Stream&, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                        ConstMatrixOf<Scalar> next_state_gradient, bool add, MatrixOf<Scalar> gate_gradients,
                        MatrixOf<Scalar> state_gradient) {
  const Scalar one(1);
  for (Index m = 0; m < state.rows; ++m) {
    const auto r = block(gates, m, 0), z = block(gates, m, 1), q = block(gates, m, 2), n = block(gates, m, 3);
    const auto h = array_of(state, m), g = array_of(next_state_gradient, m);
    auto of_i = block(gate_gradients, m, 3);
    of_i = (one - n * n) * (one - z) * g;
    block(gate_gradients, m, 2) = r * of_i;
    block(gate_gradients, m, 1) = z * (one - z) * (h - n) * g;
    block(gate_gradients, m, 0) = r * (one - r) * q * of_i;
    add_or_overwrite(add, state_gradient, m, z * g);
  }
}

template <class Scalar>
void gru_gates_tangent(Stream&, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                       ConstMatrixOf<Scalar> state_tangent, MatrixOf<Scalar> gate_tangents,
                       MatrixOf<Scalar> next_state_tangent) {
  const Scalar one(1);
  for (Index m = 0; m < state.rows; ++m) {
    const auto r = block(gates, m, 0), z = block(gates, m, 1), q = block(gates, m, 2), n = block(gates, m, 3);
    auto r_tangent = block(gate_tangents, m, 0), z_tangent = block(gate_tangents, m, 1);
    auto n_tangent = block(gate_tangents, m, 3);
    const auto q_tangent = block(gate_tangents, m, 2);
    r_tangent *= r * (one - r);
    z_tangent *= z * (one - z);
    n_tangent = (one - n * n) * (n_tangent + r_tangent * q + r * q_tangent);
    array_of(next_state_tangent, m) =
        (one - z) * n_tangent + z_tangent * (array_of(state, m) - n) + z * array_of(state_tangent, m);
  }
}

template <class Scalar>
void gru_gates_tangent_backward(Stream&, const std::type_identity_t<GruTangentBackward<Scalar>>& step) {
  const Scalar one(1), two(2);
  for (Index m = 0; m < step.state.rows; ++m) {
    const auto r = block(step.gates, m, 0), z = block(step.gates, m, 1);
    const auto q = block(step.gates, m, 2), n = block(step.gates, m, 3);
    const auto r_tangent = block(step.gate_tangents, m, 0), z_tangent = block(step.gate_tangents, m, 1);
    const auto q_tangent = block(step.gate_tangents, m, 2), n_tangent = block(step.gate_tangents, m, 3);
    const auto h = array_of(step.state, m), h_tangent = array_of(step.state_tangent, m);
    const auto g = array_of(step.next_state_gradient, m), u = array_of(step.next_state_tangent_gradient, m);
    auto of_r = block(step.gate_gradients, m, 0), of_z = block(step.gate_gradients, m, 1);
    auto of_q = block(step.gate_gradients, m, 2), of_i = block(step.gate_gradients, m, 3);
    auto of_r_tangent = block(step.gate_tangent_gradients, m, 0),
         of_z_tangent = block(step.gate_tangent_gradients, m, 1);
    auto of_q_tangent = block(step.gate_tangent_gradients, m, 2),
         of_i_tangent = block(step.gate_tangent_gradients, m, 3);

    of_i_tangent = (one - n * n) * (one - z) * u;
    of_i = (one - n * n) * ((one - z) * g - z_tangent * u) - two * n * n_tangent * (one - z) * u;
    of_q_tangent = r * of_i_tangent;
    of_q = r * of_i + r_tangent * of_i_tangent;
    of_r_tangent = r * (one - r) * q * of_i_tangent;
    of_r = r * (one - r) * (q * of_i + q_tangent * of_i_tangent) + (one - two * r) * r_tangent * q * of_i_tangent;
    of_z_tangent = z * (one - z) * (h - n) * u;
    of_z = z * (one - z) * ((h - n) * g + (h_tangent - n_tangent) * u) + (one - two * z) * z_tangent * (h - n) * u;
    // g is needed no more after the first of these, u no more after the second: either may be overwritten.
    add_or_overwrite(step.add, step.state_gradient, m, z * g + z_tangent * u);
    add_or_overwrite(step.add, step.state_tangent_gradient, m, z * u);
  }
}

template <>
void gru_gates_forward<float>(Stream&, ConstMatrix state_projection, ConstMatrix state, Matrix gates,
                              Matrix next_state) {
  using namespace vectorized;
  operations().gru_gates_forward(state.rows, state.columns, rows_of(state_projection), rows_of(state), rows_of(gates),
                                 rows_of(next_state));
}

template <>
void gru_gates_backward<float>(Stream&, ConstMatrix gates, ConstMatrix state, ConstMatrix next_state_gradient, bool add,
                               Matrix gate_gradients, Matrix state_gradient) {
  using namespace vectorized;
  operations().gru_gates_backward(state.rows, state.columns, rows_of(gates), rows_of(state),
                                  rows_of(next_state_gradient), add, rows_of(gate_gradients), rows_of(state_gradient));
}

MYNAH_FOR_DOUBLE(gru_gates_forward)
MYNAH_FOR_DOUBLE(gru_gates_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_tangent_backward)

}  // namespace mynah::kernels::eigen
