#include "engine/layers/reshape.h"

#include "kernels/elementwise.h"
#include "kernels/error.h"

namespace mynah {

Reshape::Reshape(std::vector<Index> extents) : extents_(std::move(extents)) {
  if (extents_.empty()) throw input_error("reshape layer", "has no extents", "give it at least one");
  for (const Index extent : extents_) {
    if (extent < 0) {
      throw input_error("reshape layer", "extents " + text() + " are not all 0 or more", "state every extent");
    }
  }
}

/// "[3, 8, 8]"
std::string Reshape::text() const {
  std::string result = "[";
  for (const Index extent : extents_) result += (result.size() > 1 ? ", " : "") + std::to_string(extent);
  return result + "]";
}

Index Reshape::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) throw input_error("reshape layer", "takes one input, got " + std::to_string(inputs.size()));
  Index product = 1;
  for (const Index extent : extents_) product *= extent;
  if (product != inputs[0]) {
    throw input_error("reshape layer", "an input of " + std::to_string(inputs[0]) + " columns is not " + text() +
                                           ", which has " + std::to_string(product) + " values");
  }
  return inputs[0];
}

namespace {

/// to = from, or 0 where `from` is null; nothing where `to` is.
template <class Scalar>
void pass_on(Stream& stream, MatrixView<const Scalar> from, MatrixView<Scalar> to) {
  if (to.data == nullptr) return;
  if (from.data == nullptr) {
    kernels::zero<Scalar>(stream, to);
  } else {
    kernels::copy<Scalar>(stream, from, to);
  }
}

}  // namespace

template <class Scalar>
void Reshape::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  pass_on<Scalar>(stream, pass.inputs[0], pass.output);
}

template <class Scalar>
void Reshape::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  pass_on<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
}

template <class Scalar>
void Reshape::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  pass_on<Scalar>(stream, pass.input_tangents[0], pass.output_tangent);
}

template <class Scalar>
void Reshape::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  pass_on<Scalar>(stream, pass.output_gradient, pass.input_gradients[0]);
  pass_on<Scalar>(stream, pass.output_tangent_gradient, pass.input_tangent_gradients[0]);
}

MYNAH_LAYER(Reshape)

}  // namespace mynah
