#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = (x - mean) / deviation per column, or its inverse y = x deviation + mean: the normalisation of observations and
/// actions as a part of the network, with the constants "mean" and "deviation" [columns].
///
/// Backward: dx = dy / deviation, and dx = dy deviation for the inverse.
class Standardization : public Layer {
 public:
  enum class Direction { standardize, unstandardize };

  explicit Standardization(Direction direction) : direction_(direction) {}

  std::string kind() const override;
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  void forward(Stream& stream, const ForwardPass& pass) const override;
  void backward(Stream& stream, const BackwardPass& pass) const override;

 private:
  Direction direction_;
};

}  // namespace mynah
