#pragma once

#include "engine/layer.h"

namespace mynah {

/// Batch normalisation, as torch.nn.BatchNorm1d (one position) and BatchNorm2d (height * width positions): y = w x̂ + b,
/// x̂ = (x - mean) / sqrt(variance + epsilon) per channel. A row holds channels * positions columns, the positions of a
/// channel being neighbours. Tensors [channels]: "weight" and "bias", trained, ones and zeros at first; "running_mean"
/// and "running_var", constants, zeros and ones at first, names and meaning as torch's (the running variance is the
/// unbiased one). torch's num_batches_tracked is left out.
///
/// Mode::train: mean and variance are the batch's, over rows and positions, and **forward writes the running
/// constants**: running = (1 - momentum) running + momentum batch's. A forward pass of the same batch twice moves them
/// twice. Errors: input_error when there is but one value a channel (one row, one position), whose deviation is
/// nothing; torch refuses it as well. Mode::evaluate: mean and variance are the running ones. Without rows nothing
/// happens, in either mode.
///
/// Forward keeps mean and reciprocal deviation r of each channel. In train mode they change with x: backward
/// dx = r P(w dy), tangent ẏ = w r P(ẋ) + ẇ x̂ + ḃ, with P and the backward pass of both derived in
/// kernels/normalized_tangent.h. In evaluate mode P(a) = a. In both: dw = Σ dy x̂, db = Σ dy.
class BatchNorm : public LayerOf<BatchNorm> {
 public:
  /// Errors: input_error for sizes below 1, an epsilon that is not positive, or a momentum outside of [0, 1].
  explicit BatchNorm(Index channels, Index positions = 1, float epsilon = 1e-5f, float momentum = 0.1f);

  std::string kind() const override { return "batch norm"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  Index channels_, positions_;
  float epsilon_, momentum_;
};

}  // namespace mynah
