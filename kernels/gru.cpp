#include "kernels/gru.h"

#include "kernels/operation_count.h"

namespace mynah::kernels {
namespace {

template <class Gates, class State>
bool fits(const Gates& gates, const State& state, Index blocks = 4) {
  return gates.rows == state.rows && gates.columns == blocks * state.columns;
}

template <class State, class Other>
bool fits_or_is_empty(const Other& other, const State& state) {
  return other.data == nullptr || same_shape(other, state);
}

}  // namespace

template <class Scalar>
void gru_gates_forward(Stream& stream, ConstMatrixOf<Scalar> state_projection, ConstMatrixOf<Scalar> state,
                       MatrixOf<Scalar> gates, MatrixOf<Scalar> next_state) {
  require(fits(gates, state), "gru_gates_forward", "state [rows, hidden] and gates [rows, 4 hidden]");
  require(fits(state_projection, state, 3), "gru_gates_forward", "state_projection [rows, 3 hidden]");
  require(same_shape(next_state, state), "gru_gates_forward", "next_state [rows, hidden]");
  if (state.empty()) return;
  if (is_only_counted(stream, state_projection, state, gates, next_state)) return;
  MYNAH_CALL_TWIN(gru_gates_forward, stream, state_projection, state, gates, next_state);
}

template <class Scalar>
void gru_gates_backward(Stream& stream, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                        ConstMatrixOf<Scalar> next_state_gradient, bool add, MatrixOf<Scalar> gate_gradients,
                        MatrixOf<Scalar> state_gradient) {
  require(fits(gates, state), "gru_gates_backward", "state [rows, hidden] and gates [rows, 4 hidden]");
  require(same_shape(next_state_gradient, state), "gru_gates_backward", "next_state_gradient [rows, hidden]");
  require(fits(gate_gradients, state), "gru_gates_backward", "gate_gradients [rows, 4 hidden]");
  require(fits_or_is_empty(state_gradient, state), "gru_gates_backward", "state_gradient [rows, hidden], or empty");
  if (state.empty()) return;
  if (is_only_counted(stream, gates, state, next_state_gradient, gate_gradients, changed(state_gradient, add))) return;
  MYNAH_CALL_TWIN(gru_gates_backward, stream, gates, state, next_state_gradient, add, gate_gradients, state_gradient);
}

template <class Scalar>
void gru_gates_tangent(Stream& stream, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                       ConstMatrixOf<Scalar> state_tangent, MatrixOf<Scalar> gate_tangents,
                       MatrixOf<Scalar> next_state_tangent) {
  require(fits(gates, state), "gru_gates_tangent", "state [rows, hidden] and gates [rows, 4 hidden]");
  require(fits(gate_tangents, state), "gru_gates_tangent", "gate_tangents [rows, 4 hidden]");
  require(same_shape(state_tangent, state) && same_shape(next_state_tangent, state), "gru_gates_tangent",
          "the states' tangents [rows, hidden]");
  if (state.empty()) return;
  if (is_only_counted(stream, gates, state, state_tangent, gate_tangents, next_state_tangent)) return;
  MYNAH_CALL_TWIN(gru_gates_tangent, stream, gates, state, state_tangent, gate_tangents, next_state_tangent);
}

template <class Scalar>
void gru_gates_tangent_backward(Stream& stream, const std::type_identity_t<GruTangentBackward<Scalar>>& step) {
  const char* const name = "gru_gates_tangent_backward";
  require(fits(step.gates, step.state), name, "state [rows, hidden] and gates [rows, 4 hidden]");
  require(fits(step.gate_tangents, step.state) && same_shape(step.state_tangent, step.state), name,
          "the tangents of gates [rows, 4 hidden] and state [rows, hidden]");
  require(same_shape(step.next_state_gradient, step.state) && same_shape(step.next_state_tangent_gradient, step.state),
          name, "the gradients of the next state and its tangent [rows, hidden]");
  require(fits(step.gate_gradients, step.state) && fits(step.gate_tangent_gradients, step.state), name,
          "the gradients of gates and their tangents [rows, 4 hidden]");
  require(
      fits_or_is_empty(step.state_gradient, step.state) && fits_or_is_empty(step.state_tangent_gradient, step.state),
      name, "the gradients of the state and its tangent [rows, hidden], or empty");
  if (step.state.empty()) return;
  if (is_only_counted(stream, Untold{})) return;
  MYNAH_CALL_TWIN(gru_gates_tangent_backward, stream, step);
}

MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_forward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_backward)
MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(gru_gates_tangent_backward)

}  // namespace mynah::kernels
