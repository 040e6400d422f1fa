#pragma once

#include <memory>

#include "engine/layer.h"

namespace mynah {

/// Another layer of one input, applied to every step of a sequence with the same tensors: x is [steps, features] flat
/// in the columns of a row, y [steps, outputs of the layer], and for t = 1 ... steps
///
///   y_t = layer(x_t)
///
/// Backward, tangent and its backward are those of the layer at each step; gradients of its tensors add up over the
/// steps. Rows without gaps between them are taken as rows * steps rows at once, so that a linear layer is one product;
/// else the steps come one after the other.
///
/// For layers whose rows do not depend on each other and that draw no random numbers. The tensors have the layer's own
/// names.
class Stepwise : public LayerOf<Stepwise> {
 public:
  /// Errors: input_error for no steps.
  Stepwise(Index steps, std::shared_ptr<const Layer> layer);

  std::string kind() const override { return "stepwise " + layer_->kind(); }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;
  Index tangent_saved_size(Index rows, std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  Index steps_;
  std::shared_ptr<const Layer> layer_;
};

}  // namespace mynah
