#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = activation(z), z = x wᵀ + b, with weight [outputs, inputs] and bias [outputs] stored and initialised as
/// torch.nn.Linear.
///
/// Backward: with dz = dy ⊙ activation'(z), taken from y or from z,
///   dx = dz w,   dw = dzᵀ x,   db = Σ_rows dz.
///
/// Tangent: ż = ẋ wᵀ + x ẇᵀ + ḃ, ẏ = activation'(z) ⊙ ż. Backward of both: with dL/dz and dL/dż from
/// kernels::activation_tangent_backward,
///   dL/dx = dL/dz w + dL/dż ẇ,   dL/dẋ = dL/dż w,   dL/dw = (dL/dz)ᵀ x + (dL/dż)ᵀ ẋ,   dL/db = Σ_rows dL/dz.
class Linear : public LayerOf<Linear> {
 public:
  explicit Linear(Index outputs, kernels::Activation activation = kernels::Activation::none,
                  Initialization initialization = Initialization::kaiming_uniform);

  std::string kind() const override { return "linear"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;
  Index tangent_saved_size(Index rows, std::span<const Index> inputs) const override;
  kernels::Activation output_activation() const override { return activation_; }
  bool takes_input_activation() const override { return true; }
  bool overwrites_tensor_gradients() const override { return true; }
  bool steps_with_gradient() const override { return true; }

  MYNAH_LAYER_PASSES

 private:
  Index outputs_;
  kernels::Activation activation_;
  Initialization initialization_;
};

}  // namespace mynah
