#pragma once

#include "engine/layer.h"

namespace mynah {

/// A gated recurrent unit over a sequence, with the equations, tensors and initialisation of torch.nn.GRU (one layer,
/// one direction): "weight_ih_l0" [3 hidden, features], "weight_hh_l0" [3 hidden, hidden], "bias_ih_l0" and
/// "bias_hh_l0" [3 hidden], their rows in the order of reset gate, update gate, candidate; uniform within ±1/√hidden.
///
/// The first input is the sequence, [steps, features] flat in the columns of a row; the second, if there is one, the
/// state before it, [hidden], which is zero otherwise. The output is the state after every step, [steps, hidden] flat,
/// or that after the last one. For t = 1 ... steps, with r, z, q, n as kernels/gru.h defines them:
///
///   h_t = (1 - z_t) n_t + z_t h_{t-1}
///
/// Backward runs through time: g_t = dL/dh_t is the output's gradient at t, if t is put out, plus what step t + 1 hands
/// back. With p = (a_r, a_z, q) and s = (a_r, a_z, i) before the gates' functions, and dL/dp, dL/ds from
/// kernels::gru_gates_backward,
///
///   dL/dh_{t-1} = z_t g_t + dL/dp_t W_hh                             the recursion
///   dL/dx_t = dL/ds_t W_ih                                           these need not wait for each other, and are
///   dW_ih = Σ_t dL/ds_tᵀ x_t          db_ih = Σ_t dL/ds_t            one product over all steps and rows
///   dW_hh = Σ_t dL/dp_tᵀ h_{t-1}      db_hh = Σ_t dL/dp_t
///
/// Tangent, forward through time:
///
///   ṡ_t = ẋ_t W_ihᵀ + x_t Ẇ_ihᵀ + ḃ_ih      ṗ_t = ḣ_{t-1} W_hhᵀ + h_{t-1} Ẇ_hhᵀ + ḃ_hh      kernels::gru_gates_tangent
///
/// Backward of both: one recursion for g_t = dL/dh_t and u_t = dL/dḣ_t together, with the gradients of p, s, ṗ and ṡ
/// from kernels::gru_gates_tangent_backward, P, S, Ṗ and Ṡ:
///
///   dL/dh_{t-1} = z g + ż u + P W_hh + Ṗ Ẇ_hh      dL/dḣ_{t-1} = z u + Ṗ W_hh
///   dL/dx_t = S W_ih + Ṡ Ẇ_ih      dL/dẋ_t = Ṡ W_ih
///   dW_ih = Σ_t Sᵀ x + Ṡᵀ ẋ        dW_hh = Σ_t Pᵀ h_{t-1} + Ṗᵀ ḣ_{t-1}        db_ih = Σ_t S        db_hh = Σ_t P
class Gru : public LayerOf<Gru> {
 public:
  enum class Output { every_state, last_state };

  /// Errors: input_error for no steps or no hidden units.
  Gru(Index steps, Index hidden, Output output = Output::every_state);

  std::string kind() const override { return "gru"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;
  Index tangent_saved_size(Index rows, std::span<const Index> inputs) const override;

  template <class Scalar>
  void run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const;

 private:
  template <class Scalar>
  class Memory;
  template <class Scalar>
  class InputSide;

  /// Columns of the output that belong to step t; empty where that step is not put out.
  template <class Scalar>
  MatrixView<Scalar> output_of(MatrixView<Scalar> output, Index t) const;
  /// Where the gradient of the state after step t is gathered: in the output's gradient, at its place or, if only the
  /// last state is put out, in place of it.
  template <class Scalar>
  MatrixView<Scalar> gradient_after(MatrixView<Scalar> output_gradient, Index t) const;
  /// The same for the state before step t; for the first step that is the second input's, which may be empty.
  template <class Scalar>
  MatrixView<Scalar> gradient_before(MatrixView<Scalar> output_gradient, std::span<const MatrixView<Scalar>> inputs,
                                     Index t) const;

  Index steps_;
  Index hidden_;
  Output output_;
};

}  // namespace mynah
