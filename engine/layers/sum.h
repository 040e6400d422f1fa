#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = Σ_i x_i over two or more inputs of one size: residual connections.
///
/// Backward: dx_i = dy for every i.
class Sum : public Layer {
 public:
  std::string kind() const override { return "sum"; }
  Index output_columns(std::span<const Index> inputs) const override;
  void forward(Stream& stream, const ForwardPass& pass) const override;
  void backward(Stream& stream, const BackwardPass& pass) const override;
};

}  // namespace mynah
