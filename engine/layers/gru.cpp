#include "engine/layers/gru.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/gru.h"
#include "kernels/linear.h"

namespace mynah {

using kernels::Activation;
using kernels::ProductOptions;

Gru::Gru(Index steps, Index hidden, Output output) : steps_(steps), hidden_(hidden), output_(output) {
  if (steps < 1) throw input_error("gru layer", "has " + std::to_string(steps) + " steps", "give it at least 1");
  if (hidden < 1) {
    throw input_error("gru layer", "has " + std::to_string(hidden) + " hidden units", "give it at least 1");
  }
}

Index Gru::output_columns(std::span<const Index> inputs) const {
  if (inputs.empty() || inputs.size() > 2) {
    throw input_error("gru layer",
                      "takes a sequence and perhaps a state, got " + std::to_string(inputs.size()) + " inputs");
  }
  if (inputs[0] < steps_ || inputs[0] % steps_ != 0) {
    throw input_error("gru layer",
                      "the sequence has " + std::to_string(inputs[0]) + " columns, which are not " +
                          std::to_string(steps_) + " steps of equally many features",
                      "give it [steps, features] flat in a row");
  }
  if (inputs.size() == 2 && inputs[1] != hidden_) {
    throw input_error("gru layer", "the state before the sequence has " + std::to_string(inputs[1]) +
                                       " columns instead of " + std::to_string(hidden_));
  }
  return output_ == Output::every_state ? steps_ * hidden_ : hidden_;
}

std::vector<TensorSpec> Gru::tensors(std::span<const Index> inputs) const {
  // Kaiming's uniform bound is 1/√fan_in, and torch takes the number of hidden units for all four.
  const auto as_torch = Initialization::kaiming_uniform;
  return {{"weight_ih_l0", {3 * hidden_, inputs[0] / steps_}, as_torch, hidden_, hidden_},
          {"weight_hh_l0", {3 * hidden_, hidden_}, as_torch, hidden_, hidden_},
          {"bias_ih_l0", {3 * hidden_}, as_torch, hidden_, hidden_},
          {"bias_hh_l0", {3 * hidden_}, as_torch, hidden_, hidden_}};
}

/// What lies in saved, and alike in tangent_saved: for each step of each row the gates and the state before it, and
/// room for the gradients of the gates, which the backward passes use; forward uses that room as well.
template <class Scalar>
class Gru::Memory {
 public:
  static Index size(Index rows, Index steps, Index hidden) { return rows * steps * 9 * hidden; }

  Memory(VectorView<Scalar> memory, Index rows, Index steps, Index hidden)
      : data_(memory.data), rows_(rows), steps_(steps), hidden_(hidden) {}

  /// r | z | q | n of step t, [rows, 4 hidden].
  MatrixView<Scalar> gates(Index t) const { return step(data_, 4 * hidden_, t); }
  /// [rows, hidden]
  MatrixView<Scalar> state_before(Index t) const { return step(states(), hidden_, t); }
  /// [rows, 4 hidden]
  MatrixView<Scalar> gate_gradients(Index t) const { return step(gradients(), 4 * hidden_, t); }
  /// [rows, 3 hidden], instead of the gates' gradients.
  MatrixView<Scalar> state_projection() const { return {gradients(), rows_, 3 * hidden_}; }

  /// All steps of all rows, [rows steps, ...], the steps of a row behind each other.
  MatrixView<Scalar> all_gates() const { return {data_, rows_ * steps_, 4 * hidden_}; }
  MatrixView<Scalar> all_states() const { return {states(), rows_ * steps_, hidden_}; }
  MatrixView<Scalar> all_gate_gradients() const { return {gradients(), rows_ * steps_, 4 * hidden_}; }
  /// The states before steps 2, 3, ..., which are those after 1, 2, ...: [rows, (steps - 1) hidden].
  MatrixView<Scalar> states_between() const {
    return {states() + hidden_, rows_, (steps_ - 1) * hidden_, steps_ * hidden_};
  }

 private:
  Scalar* states() const { return data_ + rows_ * steps_ * 4 * hidden_; }
  Scalar* gradients() const { return data_ + rows_ * steps_ * 5 * hidden_; }
  MatrixView<Scalar> step(Scalar* all, Index columns, Index t) const {
    return {all + t * columns, rows_, columns, steps_ * columns};
  }

  Scalar* data_;
  Index rows_, steps_, hidden_;
};

Index Gru::saved_size(Index rows, std::span<const Index>) const {
  return Memory<float>::size(rows, steps_, hidden_);
}

Index Gru::tangent_saved_size(Index rows, std::span<const Index>) const {
  return Memory<float>::size(rows, steps_, hidden_);
}

namespace {

/// Parts of what may not be there.
template <class Scalar>
MatrixView<Scalar> some_rows(MatrixView<Scalar> matrix, Index first, Index count) {
  return matrix.data == nullptr ? MatrixView<Scalar>{} : matrix.middle_rows(first, count);
}
template <class Scalar>
MatrixView<Scalar> some_columns(MatrixView<Scalar> matrix, Index first, Index count) {
  return matrix.data == nullptr ? MatrixView<Scalar>{} : matrix.middle_columns(first, count);
}
template <class Scalar>
VectorView<Scalar> some_elements(VectorView<Scalar> vector, Index first, Index count) {
  return vector.data == nullptr ? VectorView<Scalar>{} : VectorView<Scalar>{vector.data + first, count};
}

/// y += b in every row, as a product without inputs.
template <class Scalar>
void add_bias(Stream& stream, VectorView<Scalar> b, MatrixView<Scalar> y) {
  if (b.data == nullptr) return;
  kernels::linear_forward<Scalar>(stream, {y.data, y.rows, 0}, {b.data, b.size, 0}, b, Activation::none, y, {},
                                  {kernels::Precision::float32, true});
}

/// Whether the steps of all rows follow each other without gaps, so that [rows, steps columns] is [rows steps,
/// columns].
template <class Scalar>
bool is_dense(MatrixView<Scalar> sequence) {
  return sequence.data == nullptr || sequence.stride == sequence.columns || sequence.rows <= 1;
}

/// The blocks of W_ih and b_ih, by rows, and where they stand in a row of gates. Reset and update gate are neighbours
/// in both.
struct Part {
  Index of_weights, of_gates, count;
};

}  // namespace

/// The products with W_ih: over all steps at once where the sequence allows it, else for each step.
template <class Scalar>
class Gru::InputSide {
 public:
  InputSide(Stream& stream, Index steps, Index hidden, kernels::Precision precision)
      : stream_(stream),
        steps_(steps),
        precision_(precision),
        parts_{Part{0, 0, 2 * hidden}, Part{2 * hidden, 3 * hidden, hidden}} {}

  /// The blocks r, z, n of gates [rows steps, 4 hidden] become x wᵀ + b, or that is added to them.
  void forward(MatrixView<const Scalar> x, MatrixView<const Scalar> w, VectorView<const Scalar> b,
               MatrixView<Scalar> gates, bool add) const {
    const auto project = [&](MatrixView<const Scalar> of_x, MatrixView<Scalar> of_gates) {
      for (const Part& part : parts_) {
        kernels::linear_forward<Scalar>(stream_, of_x, w.middle_rows(part.of_weights, part.count),
                                        some_elements(b, part.of_weights, part.count), Activation::none,
                                        of_gates.middle_columns(part.of_gates, part.count), {}, {precision_, add});
      }
    };
    if (is_dense(x)) return project(all_of(x), gates);
    for (Index t = 0; t < steps_; ++t) project(step_of(x, t), rows_of_step(gates, t, x.rows));
  }

  /// dx = dL/ds w, overwritten or added to; dw and db are added to. Any of them may be empty.
  void backward(MatrixView<const Scalar> x, MatrixView<const Scalar> w, MatrixView<const Scalar> gate_gradients,
                MatrixView<Scalar> dx, bool add, MatrixView<Scalar> dw, VectorView<Scalar> db) const {
    const auto pull_back = [&](MatrixView<const Scalar> of_x, MatrixView<const Scalar> of_gates,
                               MatrixView<Scalar> of_dx) {
      for (const Part& part : parts_) {
        kernels::linear_backward<Scalar>(
            stream_, of_x, w.middle_rows(part.of_weights, part.count),
            of_gates.middle_columns(part.of_gates, part.count), of_dx, some_rows(dw, part.of_weights, part.count),
            some_elements(db, part.of_weights, part.count), {}, {precision_, add || part.of_weights > 0});
      }
    };
    if (dx.data == nullptr && dw.data == nullptr && db.data == nullptr) return;
    if (is_dense(x) && is_dense(dx)) return pull_back(all_of(x), gate_gradients, all_of(dx));
    for (Index t = 0; t < steps_; ++t) {
      pull_back(step_of(x, t), rows_of_step(gate_gradients, t, x.rows), step_of(dx, t));
    }
  }

 private:
  template <class T>
  MatrixView<T> all_of(MatrixView<T> sequence) const {
    return {sequence.data, sequence.rows * steps_, sequence.columns / steps_};
  }
  template <class T>
  MatrixView<T> step_of(MatrixView<T> sequence, Index t) const {
    const Index columns = sequence.columns / steps_;
    return some_columns(sequence, t * columns, columns);
  }
  /// Step t of every row, of a matrix [rows steps, columns].
  template <class T>
  MatrixView<T> rows_of_step(MatrixView<T> all, Index t, Index rows) const {
    return {all.data + t * all.stride, rows, all.columns, steps_ * all.stride};
  }

  Stream& stream_;
  Index steps_;
  kernels::Precision precision_;
  Part parts_[2];
};

template <class Scalar>
MatrixView<Scalar> Gru::output_of(MatrixView<Scalar> output, Index t) const {
  if (output_ == Output::every_state) return output.middle_columns(t * hidden_, hidden_);
  return t == steps_ - 1 ? output : MatrixView<Scalar>{};
}

template <class Scalar>
MatrixView<Scalar> Gru::gradient_after(MatrixView<Scalar> output_gradient, Index t) const {
  return output_ == Output::every_state ? output_of(output_gradient, t) : output_gradient;
}

template <class Scalar>
MatrixView<Scalar> Gru::gradient_before(MatrixView<Scalar> output_gradient, std::span<const MatrixView<Scalar>> inputs,
                                        Index t) const {
  if (t > 0) return gradient_after(output_gradient, t - 1);
  return inputs.size() < 2 ? MatrixView<Scalar>{} : inputs[1];
}

namespace {

/// The state before the first step, or its tangent.
template <class Scalar>
void begin_with(Stream& stream, std::span<const MatrixView<const Scalar>> inputs, MatrixView<Scalar> state) {
  if (inputs.size() < 2 || inputs[1].data == nullptr) {
    kernels::zero<Scalar>(stream, state);
  } else {
    kernels::copy<Scalar>(stream, inputs[1], state);
  }
}

}  // namespace

template <class Scalar>
void Gru::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const Index rows = pass.output.rows;
  if (rows == 0) return;
  const Memory<Scalar> memory(pass.saved, rows, steps_, hidden_);
  const InputSide<Scalar> input(stream, steps_, hidden_, pass.settings.precision);
  input.forward(pass.inputs[0], pass.tensors[0].matrix(), pass.tensors[2].vector(), memory.all_gates(), false);
  begin_with<Scalar>(stream, pass.inputs, memory.state_before(0));
  for (Index t = 0; t < steps_; ++t) {
    const MatrixView<Scalar> state = memory.state_before(t);
    const MatrixView<Scalar> next = t + 1 < steps_ ? memory.state_before(t + 1) : output_of(pass.output, t);
    kernels::linear_forward<Scalar>(stream, state, pass.tensors[1].matrix(), pass.tensors[3].vector(), Activation::none,
                                    memory.state_projection(), {}, {pass.settings.precision});
    kernels::gru_gates_forward<Scalar>(stream, memory.state_projection(), state, memory.gates(t), next);
  }
  if (output_ == Output::last_state || steps_ == 1) return;
  kernels::copy<Scalar>(stream, memory.states_between(), pass.output.middle_columns(0, (steps_ - 1) * hidden_));
}

template <class Scalar>
void Gru::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  const Index rows = pass.output.rows;
  if (rows == 0) return;
  const Memory<Scalar> memory(pass.saved, rows, steps_, hidden_);
  const MatrixView<const Scalar> w = pass.tensors[1].matrix();
  for (Index t = steps_ - 1; t >= 0; --t) {
    const MatrixView<Scalar> before = gradient_before(pass.output_gradient, pass.input_gradients, t);
    const bool add = t > 0 && output_ == Output::every_state;
    kernels::gru_gates_backward<Scalar>(stream, memory.gates(t), memory.state_before(t),
                                        gradient_after(pass.output_gradient, t), add, memory.gate_gradients(t), before);
    if (before.data == nullptr) continue;
    kernels::linear_backward<Scalar>(stream, memory.state_before(t), w,
                                     memory.gate_gradients(t).middle_columns(0, 3 * hidden_), before, {}, {}, {},
                                     {pass.settings.precision, true});
  }
  const MatrixView<Scalar> gate_gradients = memory.all_gate_gradients();
  kernels::linear_backward<Scalar>(stream, memory.all_states(), w, gate_gradients.middle_columns(0, 3 * hidden_), {},
                                   pass.tensor_gradients[1].matrix(), pass.tensor_gradients[3].vector(), {},
                                   {pass.settings.precision});
  const InputSide<Scalar> input(stream, steps_, hidden_, pass.settings.precision);
  input.backward(pass.inputs[0], pass.tensors[0].matrix(), gate_gradients, pass.input_gradients[0], false,
                 pass.tensor_gradients[0].matrix(), pass.tensor_gradients[2].vector());
}

template <class Scalar>
void Gru::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  const Index rows = pass.output.rows;
  if (rows == 0) return;
  const Memory<Scalar> memory(pass.saved, rows, steps_, hidden_);
  const Memory<Scalar> tangents(pass.tangent_saved, rows, steps_, hidden_);
  const ProductOptions added{pass.settings.precision, true};
  const InputSide<Scalar> input(stream, steps_, hidden_, pass.settings.precision);
  const MatrixView<Scalar> all = tangents.all_gates();
  const auto& theta = pass.tensor_tangents;
  // Everything but what hangs on the state's own tangent, for all steps.
  kernels::zero<Scalar>(stream, all);
  if (pass.input_tangents[0].data != nullptr) {
    input.forward(pass.input_tangents[0], pass.tensors[0].matrix(), {}, all, true);
  }
  if (theta[0].data != nullptr) input.forward(pass.inputs[0], theta[0].matrix(), {}, all, true);
  if (theta[1].data != nullptr) {
    kernels::linear_forward<Scalar>(stream, memory.all_states(), theta[1].matrix(), {}, Activation::none,
                                    all.middle_columns(0, 3 * hidden_), {}, added);
  }
  add_bias(stream, some_elements(theta[2].vector(), 0, 2 * hidden_), all.middle_columns(0, 2 * hidden_));
  add_bias(stream, some_elements(theta[2].vector(), 2 * hidden_, hidden_), all.middle_columns(3 * hidden_, hidden_));
  add_bias(stream, theta[3].vector(), all.middle_columns(0, 3 * hidden_));

  begin_with<Scalar>(stream, pass.input_tangents, tangents.state_before(0));
  for (Index t = 0; t < steps_; ++t) {
    const MatrixView<Scalar> state = tangents.state_before(t);
    const MatrixView<Scalar> next = t + 1 < steps_ ? tangents.state_before(t + 1) : output_of(pass.output_tangent, t);
    kernels::linear_forward<Scalar>(stream, state, pass.tensors[1].matrix(), {}, Activation::none,
                                    tangents.gates(t).middle_columns(0, 3 * hidden_), {}, added);
    kernels::gru_gates_tangent<Scalar>(stream, memory.gates(t), memory.state_before(t), state, tangents.gates(t), next);
  }
  if (output_ == Output::last_state || steps_ == 1) return;
  kernels::copy<Scalar>(stream, tangents.states_between(),
                        pass.output_tangent.middle_columns(0, (steps_ - 1) * hidden_));
}

template <class Scalar>
void Gru::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const Index rows = pass.output.rows;
  if (rows == 0) return;
  const Memory<Scalar> memory(pass.saved, rows, steps_, hidden_);
  const Memory<Scalar> tangents(pass.tangent_saved, rows, steps_, hidden_);
  const ProductOptions added{pass.settings.precision, true};
  const MatrixView<const Scalar> w = pass.tensors[1].matrix(), w_tangent = pass.tensor_tangents[1].matrix();
  for (Index t = steps_ - 1; t >= 0; --t) {
    const bool add = t > 0 && output_ == Output::every_state;
    const MatrixView<Scalar> before = gradient_before(pass.output_gradient, pass.input_gradients, t);
    const MatrixView<Scalar> tangent_before =
        gradient_before(pass.output_tangent_gradient, pass.input_tangent_gradients, t);
    kernels::gru_gates_tangent_backward<Scalar>(
        stream, {memory.gates(t), memory.state_before(t), tangents.gates(t), tangents.state_before(t),
                 gradient_after(pass.output_gradient, t), gradient_after(pass.output_tangent_gradient, t), add,
                 memory.gate_gradients(t), tangents.gate_gradients(t), before, tangent_before});
    const MatrixView<const Scalar> state = memory.state_before(t);
    const MatrixView<const Scalar> of_p = memory.gate_gradients(t).middle_columns(0, 3 * hidden_);
    const MatrixView<const Scalar> of_p_tangent = tangents.gate_gradients(t).middle_columns(0, 3 * hidden_);
    const auto hand_back = [&](MatrixView<const Scalar> from, MatrixView<const Scalar> weights, MatrixView<Scalar> to) {
      if (weights.data == nullptr || to.data == nullptr) return;
      kernels::linear_backward<Scalar>(stream, state, weights, from, to, {}, {}, {}, added);
    };
    hand_back(of_p, w, before);
    hand_back(of_p_tangent, w_tangent, before);
    hand_back(of_p_tangent, w, tangent_before);
  }
  const auto& of = pass.tensor_gradients;
  const MatrixView<Scalar> gradients = memory.all_gate_gradients(), tangent_gradients = tangents.all_gate_gradients();
  kernels::linear_backward<Scalar>(stream, memory.all_states(), w, gradients.middle_columns(0, 3 * hidden_), {},
                                   of[1].matrix(), of[3].vector(), {}, added);
  kernels::linear_backward<Scalar>(stream, tangents.all_states(), w, tangent_gradients.middle_columns(0, 3 * hidden_),
                                   {}, of[1].matrix(), {}, {}, added);

  const InputSide<Scalar> input(stream, steps_, hidden_, pass.settings.precision);
  const MatrixView<const Scalar> x = pass.inputs[0], x_tangent = pass.input_tangents[0];
  const MatrixView<Scalar> dx = pass.input_gradients[0];
  const MatrixView<const Scalar> w_ih = pass.tensors[0].matrix(), w_ih_tangent = pass.tensor_tangents[0].matrix();
  input.backward(x, w_ih, gradients, dx, false, of[0].matrix(), of[2].vector());
  const bool moves = x_tangent.data != nullptr;
  input.backward(moves ? x_tangent : x, w_ih, tangent_gradients, pass.input_tangent_gradients[0], false,
                 moves ? of[0].matrix() : MatrixView<Scalar>{}, {});
  if (w_ih_tangent.data != nullptr) input.backward(x, w_ih_tangent, tangent_gradients, dx, true, {}, {});
}

MYNAH_LAYER(Gru)

}  // namespace mynah
