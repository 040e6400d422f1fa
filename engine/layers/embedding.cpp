#include "engine/layers/embedding.h"

#include "kernels/elementwise.h"
#include "kernels/embedding.h"
#include "kernels/embedding_index.h"
#include "kernels/error.h"

namespace mynah {
namespace {

constexpr Index most_rows = Index{1} << 24;

/// Where nobody has a derivative to give; null: not wanted.
template <class Scalar>
void set_zero(Stream& stream, MatrixView<Scalar> x) {
  if (x.data == nullptr || x.empty()) return;
  if (x.stride == x.columns) return kernels::fill<Scalar>(stream, {x.data, x.rows * x.columns}, 0.0f);
  for (Index m = 0; m < x.rows; ++m) kernels::fill<Scalar>(stream, x.row(m), 0.0f);
}

}  // namespace

Embedding::Embedding(Index count, Index size, std::optional<Index> padding)
    : count_(count), size_(size), padding_(padding.value_or(-1)) {
  if (count < 1 || count > most_rows) {
    throw input_error("embedding layer", "a table of " + std::to_string(count) + " rows",
                      "give it 1 to 16777216: indices are floats, exact up to there");
  }
  if (size < 1)
    throw input_error("embedding layer", "rows of " + std::to_string(size) + " values", "give them at least 1");
  if (padding && (*padding < 0 || *padding >= count)) {
    throw input_error("embedding layer",
                      "padding row " + std::to_string(*padding) + " of a table of " + std::to_string(count) + " rows",
                      "give one in [0, " + std::to_string(count) + "), or none");
  }
}

Index Embedding::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) {
    throw input_error("embedding layer", "takes one input, got " + std::to_string(inputs.size()));
  }
  return inputs[0] * size_;
}

std::vector<TensorSpec> Embedding::tensors(std::span<const Index>) const {
  TensorSpec weight{"weight", {count_, size_}, Initialization::normal};
  weight.mean = 0.0;
  weight.deviation = 1.0;
  return {std::move(weight)};
}

void Embedding::check_indices(const std::string& place, MatrixView<const float> indices) const {
  for (Index r = 0; r < indices.rows; ++r) {
    for (Index i = 0; i < indices.columns; ++i) {
      const float value = indices.row(r).data[i];
      if (kernels::embedding_index(value, count_) >= 0) continue;
      throw input_error(place + " (embedding layer)",
                        "index [" + std::to_string(r) + ", " + std::to_string(i) + "] is " + std::to_string(value) +
                            ", no row of its table of " + std::to_string(count_),
                        "give whole numbers in [0, " + std::to_string(count_) + "), or make the table larger");
    }
  }
}

template <class Scalar>
void Embedding::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  kernels::embedding_forward<Scalar>(stream, pass.inputs[0], pass.tensors[0].matrix(), pass.output);
}

template <class Scalar>
void Embedding::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  if (pass.tensor_gradients[0].data != nullptr) {
    kernels::embedding_backward<Scalar>(stream, pass.inputs[0], pass.output_gradient, pass.tensor_gradients[0].matrix(),
                                        padding_);
  }
  set_zero<Scalar>(stream, pass.input_gradients[0]);
}

template <class Scalar>
void Embedding::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  const TensorViewOf<Scalar> dw = pass.tensor_tangents[0];
  if (dw.data == nullptr) return set_zero<Scalar>(stream, pass.output_tangent);
  kernels::embedding_forward<Scalar>(stream, pass.inputs[0], dw.matrix(), pass.output_tangent, padding_);
}

template <class Scalar>
void Embedding::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  if (pass.tensor_gradients[0].data != nullptr) {
    kernels::embedding_backward<Scalar>(stream, pass.inputs[0], pass.output_gradient, pass.tensor_gradients[0].matrix(),
                                        padding_);
  }
  set_zero<Scalar>(stream, pass.input_gradients[0]);
  set_zero<Scalar>(stream, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Embedding)

}  // namespace mynah
