#pragma once

#include "engine/layer.h"
#include "kernels/activation.h"

namespace mynah {

/// y = activation(x wᵀ + b), with weight [outputs, inputs] and bias [outputs] stored and initialised as
/// torch.nn.Linear.
///
/// Backward: with z = x wᵀ + b and dz = dy ⊙ activation'(z), taken from y alone,
///   dx = dz w,   dw = dzᵀ x,   db = Σ_rows dz.
class Linear : public Layer {
 public:
  explicit Linear(Index outputs, kernels::Activation activation = kernels::Activation::none,
                  Initialization initialization = Initialization::kaiming_uniform);

  std::string kind() const override { return "linear"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  void forward(Stream& stream, const ForwardPass& pass) const override;
  void backward(Stream& stream, const BackwardPass& pass) const override;

 private:
  Index outputs_;
  kernels::Activation activation_;
  Initialization initialization_;
};

}  // namespace mynah
