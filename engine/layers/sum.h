#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = Σ_i x_i over two or more inputs of one size: residual connections.
///
/// Backward: dx_i = dy for every i. Tangent: ẏ = Σ_i ẋ_i; backward of both: dL/dx_i = ȳ, dL/dẋ_i = u.
class Sum : public LayerOf<Sum> {
 public:
  std::string kind() const override { return "sum"; }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES
};

}  // namespace mynah
