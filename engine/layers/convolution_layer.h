#pragma once

#include "engine/extent2d.h"
#include "engine/layer.h"
#include "kernels/convolution.h"

namespace mynah {

/// What Conv2d and ConvTranspose2d have in common, as torch.nn.Conv2d and torch.nn.ConvTranspose2d have it.
struct ConvolutionOptions {
  Index in_channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Index out_channels = 0;
  Extent2d kernel = 3;
  Extent2d stride = 1;
  Extent2d padding = 0;
  Extent2d dilation = 1;  ///< Between the taps of the kernel.
  Index groups = 1;       ///< Channels in so many groups, of which each goes out by itself.
  bool bias = true;
  kernels::Activation activation = kernels::Activation::none;
  Initialization initialization = Initialization::kaiming_uniform;  ///< As torch does it.
};

/// What Conv2d and ConvTranspose2d are: both are y = activation(z), z = A(w) x + b, with A linear in w, x in
/// one and Aᵀ in the other: a convolution and its transpose. So, with W(x, g) the gradient of <g, A(w) x> by w,
///
///   backward    dz = dy ⊙ activation'(z)     dx = Aᵀ(w) dz     dw = W(x, dz)     db = Σ_{rows, places} dz
///   tangent     ż = A(w) ẋ + A(ẇ) x + ḃ      ẏ = activation'(z) ⊙ ż
///   of both     dL/dx = Aᵀ(w) dL/dz + Aᵀ(ẇ) dL/dż     dL/dẋ = Aᵀ(w) dL/dż
///               dL/dw = W(x, dL/dz) + W(ẋ, dL/dż)     dL/db = Σ_{rows, places} dL/dz
///
/// dL/dz and dL/dż being those of kernels::activation_tangent_backward.
class ConvolutionLayer : public LayerOf<ConvolutionLayer> {
 public:
  Index out_height() const { return transposed_ ? geometry_.in_height : geometry_.out_height; }
  Index out_width() const { return transposed_ ? geometry_.in_width : geometry_.out_width; }

  std::string kind() const override { return kind_; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;
  Index tangent_saved_size(Index rows, std::span<const Index> inputs) const override;
  kernels::Activation output_activation() const override { return options_.activation; }

  MYNAH_LAYER_PASSES

 protected:
  /// transposed: from geometry's `out` to its `in`.
  ConvolutionLayer(std::string kind, const ConvolutionOptions& options, const kernels::ConvolutionGeometry& geometry,
                   bool transposed)
      : kind_(std::move(kind)), options_(options), geometry_(geometry), transposed_(transposed) {}

 private:
  Index image_size() const { return transposed_ ? geometry_.in_columns() : geometry_.out_columns(); }
  /// y = activation(A(w) x + b) and, with exchanged ends, dx = Aᵀ(w) dz.
  template <class Scalar>
  void apply(Stream& stream, bool transposed, MatrixView<const Scalar> x, MatrixView<const Scalar> w,
             VectorView<const Scalar> b, kernels::Activation activation, MatrixView<Scalar> y, MatrixView<Scalar> z,
             kernels::ProductOptions options) const;
  /// dw += W(x, dz)
  template <class Scalar>
  void add_weight_gradient(Stream& stream, MatrixView<const Scalar> x, MatrixView<const Scalar> dz,
                           TensorViewOf<Scalar> dw, kernels::ProductOptions options) const;
  /// Gradients of the tensors by what z and, if there is one, its tangent say.
  template <class Scalar>
  void add_bias_gradient(Stream& stream, MatrixView<const Scalar> dz,
                         std::span<const TensorViewOf<Scalar>> gradients) const;
  /// The bias among the tensors, or nothing.
  template <class Scalar>
  VectorView<Scalar> bias_of(std::span<const TensorViewOf<Scalar>> tensors) const {
    return options_.bias ? tensors[1].vector() : VectorView<Scalar>{};
  }
  /// A tensor's values in the shape the operations know, [geometry.out_channels, depth].
  template <class Scalar>
  MatrixView<Scalar> weights(TensorViewOf<Scalar> tensor) const {
    return {tensor.data, geometry_.out_channels, geometry_.depth()};
  }

  std::string kind_;
  ConvolutionOptions options_;
  kernels::ConvolutionGeometry geometry_;
  bool transposed_;
};

/// What the options say of kernel, stride, padding, dilation and groups. Throws input_error for options of the layer
/// `kind` that no convolution has.
kernels::ConvolutionGeometry geometry_without_extents(const std::string& kind, const ConvolutionOptions& options);

}  // namespace mynah
