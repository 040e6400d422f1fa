#include "engine/layers/stepwise.h"

#include <algorithm>

#include "kernels/error.h"

namespace mynah {
namespace {

/// How the rows of a pass are taken: all steps of all rows at once, or step by step.
struct Parts {
  Index steps = 1;
  bool together = true;

  Index count() const { return together ? 1 : steps; }

  template <class T>
  MatrixView<T> of(MatrixView<T> sequence, Index part) const {
    if (sequence.data == nullptr) return {};
    const Index columns = sequence.columns / steps;
    if (together) {
      if (sequence.stride != sequence.columns) {
        throw Error(Error::Cause::internal, "stepwise layer", "a gradient or tangent has gaps that its value has not");
      }
      return {sequence.data, sequence.rows * steps, columns};
    }
    return sequence.middle_columns(part * columns, columns);
  }
  /// Of what the layer saves.
  template <class T>
  VectorView<T> of(VectorView<T> saved, Index part) const {
    const Index size = saved.size / count();
    return {saved.data + part * size, size};
  }
};

/// The same in every pass, since what is saved lies accordingly: gradients and tangents have the strides of their
/// values.
template <class Pass>
Parts parts_of(Index steps, const Pass& pass) {
  const auto dense = [](const auto& matrix) { return matrix.stride == matrix.columns; };
  return {steps, dense(pass.inputs[0]) && dense(pass.output)};
}

/// The larger of what both ways of taking the rows need.
template <class Size>
Index largest(Index rows, Index steps, const Size& size) {
  return std::max(size(rows * steps), steps * size(rows));
}

}  // namespace

Stepwise::Stepwise(Index steps, std::shared_ptr<const Layer> layer) : steps_(steps), layer_(std::move(layer)) {
  if (layer_ == nullptr) throw input_error("stepwise layer", "has no layer to apply");
  if (steps < 1) throw input_error("stepwise layer", "has " + std::to_string(steps) + " steps", "give it at least 1");
}

Index Stepwise::output_columns(std::span<const Index> inputs) const {
  if (inputs.size() != 1) {
    throw input_error(kind() + " layer", "takes one sequence, got " + std::to_string(inputs.size()) + " inputs");
  }
  if (inputs[0] % steps_ != 0) {
    throw input_error(kind() + " layer",
                      "the sequence has " + std::to_string(inputs[0]) + " columns, which are not " +
                          std::to_string(steps_) + " steps of equally many features",
                      "give it [steps, features] flat in a row");
  }
  const Index features = inputs[0] / steps_;
  return steps_ * layer_->output_columns({&features, 1});
}

std::vector<TensorSpec> Stepwise::tensors(std::span<const Index> inputs) const {
  const Index features = inputs[0] / steps_;
  return layer_->tensors({&features, 1});
}

Index Stepwise::saved_size(Index rows, std::span<const Index> inputs) const {
  const Index features = inputs[0] / steps_;
  return largest(rows, steps_, [&](Index taken) { return layer_->saved_size(taken, {&features, 1}); });
}

Index Stepwise::tangent_saved_size(Index rows, std::span<const Index> inputs) const {
  const Index features = inputs[0] / steps_;
  return largest(rows, steps_, [&](Index taken) { return layer_->tangent_saved_size(taken, {&features, 1}); });
}

template <class Scalar>
void Stepwise::run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
  const Parts parts = parts_of(steps_, pass);
  for (Index part = 0; part < parts.count(); ++part) {
    const MatrixView<const Scalar> input = parts.of(pass.inputs[0], part);
    ForwardPassOf<Scalar> one = pass;
    one.inputs = {&input, 1};
    one.output = parts.of(pass.output, part);
    one.saved = parts.of(pass.saved, part);
    layer_->forward(stream, one);
  }
}

template <class Scalar>
void Stepwise::run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
  const Parts parts = parts_of(steps_, pass);
  for (Index part = 0; part < parts.count(); ++part) {
    const MatrixView<const Scalar> input = parts.of(pass.inputs[0], part);
    const MatrixView<Scalar> input_gradient = parts.of(pass.input_gradients[0], part);
    BackwardPassOf<Scalar> one = pass;
    one.inputs = {&input, 1};
    one.output = parts.of(pass.output, part);
    one.output_gradient = parts.of(pass.output_gradient, part);
    one.input_gradients = {&input_gradient, 1};
    one.saved = parts.of(pass.saved, part);
    layer_->backward(stream, one);
  }
}

template <class Scalar>
void Stepwise::run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
  const Parts parts = parts_of(steps_, pass);
  for (Index part = 0; part < parts.count(); ++part) {
    const MatrixView<const Scalar> input = parts.of(pass.inputs[0], part);
    const MatrixView<const Scalar> input_tangent = parts.of(pass.input_tangents[0], part);
    TangentPassOf<Scalar> one = pass;
    one.inputs = {&input, 1};
    one.output = parts.of(pass.output, part);
    one.input_tangents = {&input_tangent, 1};
    one.output_tangent = parts.of(pass.output_tangent, part);
    one.saved = parts.of(pass.saved, part);
    one.tangent_saved = parts.of(pass.tangent_saved, part);
    layer_->tangent(stream, one);
  }
}

template <class Scalar>
void Stepwise::run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
  const Parts parts = parts_of(steps_, pass);
  for (Index part = 0; part < parts.count(); ++part) {
    const MatrixView<const Scalar> input = parts.of(pass.inputs[0], part);
    const MatrixView<const Scalar> input_tangent = parts.of(pass.input_tangents[0], part);
    const MatrixView<Scalar> input_gradient = parts.of(pass.input_gradients[0], part);
    const MatrixView<Scalar> input_tangent_gradient = parts.of(pass.input_tangent_gradients[0], part);
    TangentBackwardPassOf<Scalar> one = pass;
    one.inputs = {&input, 1};
    one.output = parts.of(pass.output, part);
    one.input_tangents = {&input_tangent, 1};
    one.output_gradient = parts.of(pass.output_gradient, part);
    one.output_tangent_gradient = parts.of(pass.output_tangent_gradient, part);
    one.input_gradients = {&input_gradient, 1};
    one.input_tangent_gradients = {&input_tangent_gradient, 1};
    one.saved = parts.of(pass.saved, part);
    one.tangent_saved = parts.of(pass.tangent_saved, part);
    layer_->tangent_backward(stream, one);
  }
}

MYNAH_LAYER(Stepwise)

}  // namespace mynah
