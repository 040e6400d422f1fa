#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = activation(x), by itself: behind a layer that does not end with one, such as a normalisation.
///
/// Backward: dx = dy ⊙ f'(x). Tangent: ẏ = f'(x) ⊙ ẋ; backward of both: dL/dx = f'(x) ⊙ ȳ + f''(x) ⊙ ẋ ⊙ u,
/// dL/dẋ = f'(x) ⊙ u.
class Nonlinearity : public LayerOf<Nonlinearity> {
 public:
  explicit Nonlinearity(kernels::Activation activation) : activation_(activation) {}

  std::string kind() const override { return activation_.name(); }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  template <class Pass>
  auto operand(const Pass& pass) const {
    return activation_.keeps_output() ? pass.output : pass.inputs[0];
  }

  kernels::Activation activation_;
};

}  // namespace mynah
