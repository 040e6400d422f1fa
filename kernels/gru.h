#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// The elementwise half of a gated recurrent unit (Cho et al. 2014), in the variant of torch.nn.GRU, for one step of a
/// sequence; the products before it are linear_forward's. With x the input of the step, h the hidden state before it
/// and h' the one after:
///
///   r  = σ(a_r)              a_r = W_ir x + b_ir + W_hr h + b_hr       reset gate
///   z  = σ(a_z)              a_z = W_iz x + b_iz + W_hz h + b_hz       update gate
///   q  = W_hn h + b_hn                                                 what the state proposes
///   n  = tanh(i + r q)       i   = W_in x + b_in                       candidate
///   h' = (1 - z) n + z h
///
/// Four values belong to an element of the state, and stand beside each other in a row of 4 hidden columns, in the
/// order r | z | q | n of blocks of `hidden` columns: so that the products with W_hh (r, z, q) are one product. All
/// matrices have the same rows, of any number; hidden may be any size.

/// What comes from x, in the blocks of r, z and n, is completed with what comes from h and becomes the gates:
///
///   gates             [rows, 4 hidden]   before: W_ir x + b_ir | W_iz x + b_iz | anything | W_in x + b_in
///                                        after:  r | z | q | n
///   state_projection  [rows, 3 hidden]   W_hr h + b_hr | W_hz h + b_hz | W_hn h + b_hn
///   state             [rows, hidden]     h
///   next_state        [rows, hidden]     h', overwritten; may be `state` itself
///
/// No others may overlap.
template <class Scalar = float>
void gru_gates_forward(Stream& stream, ConstMatrixOf<Scalar> state_projection, ConstMatrixOf<Scalar> state,
                       MatrixOf<Scalar> gates, MatrixOf<Scalar> next_state);

/// Backward of the above, given g = dL/dh':
///
///   dL/dn = (1 - z) g      dL/di = (1 - n²) dL/dn      dL/dq   = r dL/di      dL/dr = q dL/di
///   dL/dz = (h - n) g      dL/da_z = z (1 - z) dL/dz   dL/da_r = r (1 - r) dL/dr
///
///   gates, state         as forward left them
///   next_state_gradient  [rows, hidden]     g
///   gate_gradients       [rows, 4 hidden]   dL/da_r | dL/da_z | dL/dq | dL/di, overwritten. The first two blocks and
///                                           the last are the gradient of what came from x, the first three that of
///                                           state_projection.
///   state_gradient       [rows, hidden]     z g, the share of dL/dh that passes by the products; overwritten, or added
///                                           to if `add`. May be empty, and may be next_state_gradient itself (not
///                                           with `add`).
template <class Scalar = float>
void gru_gates_backward(Stream& stream, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                        ConstMatrixOf<Scalar> next_state_gradient, bool add, MatrixOf<Scalar> gate_gradients,
                        MatrixOf<Scalar> state_gradient);

/// The directional derivative, a dot standing for it:
///
///   ṙ = r (1 - r) ȧ_r      ż = z (1 - z) ȧ_z      ṅ = (1 - n²) (i̇ + ṙ q + r q̇)
///   ḣ' = (1 - z) ṅ + ż (h - n) + z ḣ
///
///   gates, state        as forward left them
///   state_tangent       [rows, hidden]     ḣ
///   gate_tangents       [rows, 4 hidden]   before: ȧ_r | ȧ_z | q̇ | i̇, after: ṙ | ż | q̇ | ṅ
///   next_state_tangent  [rows, hidden]     ḣ', overwritten; may be state_tangent itself
template <class Scalar = float>
void gru_gates_tangent(Stream& stream, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                       ConstMatrixOf<Scalar> state_tangent, MatrixOf<Scalar> gate_tangents,
                       MatrixOf<Scalar> next_state_tangent);

/// Backward of both, given g = dL/dh' and u = dL/dḣ'. Of h' and ḣ',
///
///   to n:  N = (1 - z) g - ż u      to z:  Z = (h - n) g + (ḣ - ṅ) u      to ṅ:  (1 - z) u      to ż:  (h - n) u
///
/// of n = tanh c and ṅ = (1 - n²) ċ, where c = i + r q, and since d(1 - n²)/dc ċ = -2 n ṅ,
///
///   to ċ:  Ċ = (1 - n²) (1 - z) u      to c:  C = (1 - n²) N - 2 n ṅ (1 - z) u
///
/// of c and ċ = i̇ + ṙ q + r q̇,
///
///   to i:  C      to q:  r C + ṙ Ċ      to r:  R = q C + q̇ Ċ      to i̇:  Ċ      to q̇:  r Ċ      to ṙ:  q Ċ
///
/// and of r = σ(a_r) and ṙ = r (1 - r) ȧ_r, since d(r (1 - r))/da_r ȧ_r = (1 - 2 r) ṙ, and of z alike,
///
///   to a_r:  r (1 - r) R + (1 - 2 r) ṙ q Ċ              to ȧ_r:  r (1 - r) q Ċ
///   to a_z:  z (1 - z) Z + (1 - 2 z) ż (h - n) u        to ȧ_z:  z (1 - z) (h - n) u
///
///   gates, state                    as forward left them
///   gate_tangents, state_tangent    as gru_gates_tangent left them
///   next_state_gradient             [rows, hidden]     g
///   next_state_tangent_gradient     [rows, hidden]     u
///   gate_gradients                  [rows, 4 hidden]   of a_r | a_z | q | i, overwritten
///   gate_tangent_gradients          [rows, 4 hidden]   of ȧ_r | ȧ_z | q̇ | i̇, overwritten
///   state_gradient                  [rows, hidden]     z g + ż u, the share that passes by the products
///   state_tangent_gradient          [rows, hidden]     z u
///
/// The last two are overwritten, or added to if `add`; either may be empty, and may be the gradient of the next state
/// (tangent) itself (not with `add`).
template <class Scalar>
struct GruTangentBackward {
  MatrixView<const Scalar> gates, state, gate_tangents, state_tangent;
  MatrixView<const Scalar> next_state_gradient, next_state_tangent_gradient;
  bool add = false;
  MatrixView<Scalar> gate_gradients, gate_tangent_gradients;
  MatrixView<Scalar> state_gradient, state_tangent_gradient;
};
template <class Scalar = float>
void gru_gates_tangent_backward(Stream& stream, const std::type_identity_t<GruTangentBackward<Scalar>>& step);

MYNAH_CUDA_TWIN_OF_FLOATS(gru_gates_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(gru_gates_backward)
MYNAH_CUDA_TWIN_OF_FLOATS(gru_gates_tangent)
MYNAH_CUDA_TWIN_OF_FLOATS(gru_gates_tangent_backward)

namespace eigen {
template <class Scalar>
void gru_gates_forward(Stream&, ConstMatrixOf<Scalar> state_projection, ConstMatrixOf<Scalar> state,
                       MatrixOf<Scalar> gates, MatrixOf<Scalar> next_state);
template <class Scalar>
void gru_gates_backward(Stream&, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                        ConstMatrixOf<Scalar> next_state_gradient, bool add, MatrixOf<Scalar> gate_gradients,
                        MatrixOf<Scalar> state_gradient);
template <class Scalar>
void gru_gates_tangent(Stream&, ConstMatrixOf<Scalar> gates, ConstMatrixOf<Scalar> state,
                       ConstMatrixOf<Scalar> state_tangent, MatrixOf<Scalar> gate_tangents,
                       MatrixOf<Scalar> next_state_tangent);
template <class Scalar>
void gru_gates_tangent_backward(Stream&, const std::type_identity_t<GruTangentBackward<Scalar>>& step);
}  // namespace eigen

}  // namespace mynah::kernels
