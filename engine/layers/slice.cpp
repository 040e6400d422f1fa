#include "engine/layers/slice.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Slice::Slice(Index first, Index count) : first_(first), count_(count) {
  if (first < 0 || count < 0) {
    throw input_error("slice layer",
                      "begins at column " + std::to_string(first) + " and has " + std::to_string(count) + " columns",
                      "give it numbers that are not negative");
  }
}

Index Slice::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error("slice layer", "takes one input, got " + std::to_string(inputs.size()));
  if (first_ > inputs[0] || count_ > inputs[0] - first_) {
    throw input_error("slice layer", "columns " + std::to_string(first_) + " to " + std::to_string(first_ + count_) +
                                         " (exclusive) are not all within the " + std::to_string(inputs[0]) +
                                         " columns of its input");
  }
  return count_;
}

/// y = the columns of x; 0 if x is null.
template <class Scalar>
void Slice::cut_out(Stream& stream, MatrixView<const Scalar> x, MatrixView<Scalar> y) const {
  if (y.empty()) return;
  if (x.data == nullptr) {
    kernels::zero<Scalar>(stream, y);
  } else {
    kernels::copy<Scalar>(stream, x.middle_columns(first_, count_), y);
  }
}

/// x = y in its columns, 0 beside them; nothing if x is null.
template <class Scalar>
void Slice::put_back(Stream& stream, MatrixView<const Scalar> y, MatrixView<Scalar> x) const {
  if (x.data == nullptr || x.empty()) return;
  const Index end = first_ + count_;
  kernels::zero<Scalar>(stream, x.middle_columns(0, first_));
  kernels::copy<Scalar>(stream, y, x.middle_columns(first_, count_));
  kernels::zero<Scalar>(stream, x.middle_columns(end, x.columns - end));
}

template <class Scalar>
void Slice::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  cut_out<Scalar>(stream, pass.inputs[0], pass.output);
}

template <class Scalar>
void Slice::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  put_back<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void Slice::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  cut_out<Scalar>(stream, pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void Slice::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  put_back<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
  put_back<Scalar>(stream, pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Slice)

}  // namespace mynah
