#pragma once

#include <memory>

#include "engine/layer.h"

namespace mynah {

/// Spectral normalisation (Miyato et al. 2018) of another layer's weight, as
/// torch.nn.utils.parametrizations.spectral_norm: the layer computes with W̃ = W / σ, σ = uᵀ W v an estimate of the
/// largest singular value of its tensor "weight", taken as a matrix [first extent, all others]. It holds the tensors of
/// the layer and the constants "weight_u" [first extent] and "weight_v" [all others].
///
/// Mode::train: **each forward pass writes these constants**: power iteration goes on from them for `iterations` steps.
/// Mode::evaluate: it computes with the constants as they are. Constants that were never trained (weight_u = 0) count
/// as new, and 15 steps come first, in either mode, as torch takes when it registers the parametrization.
///
/// u and v are constants in every derivative, and each pass keeps those that it used. With G the layer's own gradient
/// with respect to W̃ (kernels/spectral_norm.h has the derivations):
///
///   backward: dW = (G - <G, W̃> u vᵀ) / σ           tangent: that of W̃ is (Ẇ - s W̃) / σ, s = uᵀ Ẇ v
///
/// The backward pass of both needs the gradient U with respect to the tangent of W̃ as well. The layer's ẏ is linear in
/// it, ẏ = J_W̃ (tangent of W̃) + ..., so that U = J_W̃ᵀ u is the layer's ordinary backward pass of u = dL/dẏ. Where the
/// constants have not converged, the gradient is that of W / (uᵀ W v) and not of the true singular value, as in torch.
class SpectralNorm : public LayerOf<SpectralNorm> {
 public:
  /// `layer`: one with one input, whose first tensor is "weight". Errors: input_error for fewer than 1 iteration.
  explicit SpectralNorm(std::shared_ptr<const Layer> layer, int iterations = 1);

  std::string kind() const override { return "spectral norm " + layer_->kind(); }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;
  Index tangent_saved_size(Index rows, std::span<const Index> inputs) const override;
  kernels::Activation output_activation() const override { return layer_->output_activation(); }
  bool takes_input_activation() const override { return layer_->takes_input_activation(); }

  MYNAH_LAYER_PASSES

 private:
  std::shared_ptr<const Layer> layer_;
  int iterations_;
};

/// A linear layer with a spectrally normalised weight, activation(x W̃ᵀ + b): the layer of the discriminators of GANs.
class SpectralLinear : public SpectralNorm {
 public:
  explicit SpectralLinear(Index outputs, kernels::Activation activation = kernels::Activation::none,
                          Initialization initialization = Initialization::kaiming_uniform, int iterations = 1);
};

}  // namespace mynah
