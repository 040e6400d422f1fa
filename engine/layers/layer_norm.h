#pragma once

#include "engine/layer.h"

namespace mynah {

/// Layer normalisation, as torch.nn.LayerNorm: y = w x̂ + b, x̂ = (x - mean) / sqrt(variance + epsilon), over groups of
/// `size` neighbouring columns; by default all columns of a row are one group. Tensors "weight" and "bias" [size],
/// trained, ones and zeros at first. The same in both modes.
///
/// Forward keeps the mean and the reciprocal deviation r of every row and group. Backward: dx = r P(w dy),
/// dw = Σ dy x̂, db = Σ dy; tangent: ẏ = w r P(ẋ) + ẇ x̂ + ḃ. P, and the backward pass of both, are derived in
/// kernels/normalized_tangent.h.
class LayerNorm : public LayerOf<LayerNorm> {
 public:
  /// size 0: all columns. Errors: input_error for a negative size, or an epsilon that is not positive.
  explicit LayerNorm(Index size = 0, float epsilon = 1e-5f);

  std::string kind() const override { return "layer norm"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  Index group_size(Index columns) const { return size_ == 0 ? columns : size_; }

  Index size_;
  float epsilon_;
};

}  // namespace mynah
