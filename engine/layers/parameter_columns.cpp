#include "engine/layers/parameter_columns.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/reduction.h"

namespace mynah {

ParameterColumns::ParameterColumns(Index count) : count_(count) {
  if (count < 0) {
    throw input_error("parameter columns layer", "has " + std::to_string(count) + " columns", "give it 0 or more");
  }
}

Index ParameterColumns::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error(kind() + " layer", "takes one input, got " + std::to_string(inputs.size()));
  return inputs[0] + count_;
}

std::vector<TensorSpec> ParameterColumns::tensors(std::span<const Index>) const {
  return {{"value", {count_}, Initialization::zeros}};
}

namespace {

/// y = [x, p]; 0 where x or p is null.
template <class Scalar>
void append(Stream& stream, MatrixView<const Scalar> x, VectorView<Scalar> p, MatrixView<Scalar> y) {
  if (y.empty()) return;
  const Index columns = y.columns - p.size;
  if (x.data == nullptr) {
    kernels::zero<Scalar>(stream, y.middle_columns(0, columns));
  } else {
    kernels::copy<Scalar>(stream, x, y.middle_columns(0, columns));
  }
  const MatrixView<Scalar> behind = y.middle_columns(columns, p.size);
  if (p.data == nullptr) return kernels::zero<Scalar>(stream, behind);
  // A linear layer without inputs is its bias in every row.
  kernels::linear_forward<Scalar>(stream, {nullptr, y.rows, 0}, {nullptr, p.size, 0}, p, kernels::Activation::none,
                                  behind);
}

/// x = the first columns of y, where wanted.
template <class Scalar>
void take_first(Stream& stream, MatrixView<const Scalar> y, MatrixView<Scalar> x) {
  if (x.data != nullptr && !x.empty()) kernels::copy<Scalar>(stream, y.middle_columns(0, x.columns), x);
}

/// p += Σ_m of the other columns, where wanted.
template <class Scalar>
void add_sums(Stream& stream, MatrixView<const Scalar> y, VectorView<Scalar> p) {
  if (p.data != nullptr) kernels::column_sums<Scalar>(stream, y.middle_columns(y.columns - p.size, p.size), p, true);
}

}  // namespace

template <class Scalar>
void ParameterColumns::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  append<Scalar>(stream, pass.inputs[0], pass.tensors[0].vector(), pass.output);
}

template <class Scalar>
void ParameterColumns::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  take_first<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
  add_sums<Scalar>(stream, pass.output_gradient, pass.tensor_gradients[0].vector());
}

template <class Scalar>
void ParameterColumns::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  append<Scalar>(stream, pass.input_tangents[0], {pass.tensor_tangents[0].data, count_}, pass.output_tangent);
}

template <class Scalar>
void ParameterColumns::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  take_first<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
  add_sums<Scalar>(stream, pass.output_gradient, pass.tensor_gradients[0].vector());
  take_first<Scalar>(stream, pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(ParameterColumns)

}  // namespace mynah
