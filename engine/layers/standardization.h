#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = (x - mean) / deviation per column, or its inverse y = x deviation + mean: the normalisation of observations and
/// actions as a part of the network, with the constants "mean" and "deviation" [columns].
///
/// Backward: dx = dy / deviation, and dx = dy deviation for the inverse. Linear in x, so that the tangent pass is the
/// same factor times ẋ, and its backward that factor times ȳ and u. Mean and deviation are constants: they have no
/// tangents and no gradients.
class Standardization : public LayerOf<Standardization> {
 public:
  enum class Direction { standardize, unstandardize };

  explicit Standardization(Direction direction) : direction_(direction) {}

  Direction direction() const { return direction_; }

  std::string kind() const override;
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  template <class Scalar>
  void scale(Stream& stream, VectorView<Scalar> deviation, MatrixView<const Scalar> x, MatrixView<Scalar> y) const;

  Direction direction_;
};

}  // namespace mynah
