#pragma once

#include "engine/extent2d.h"
#include "engine/layer.h"
#include "kernels/convolution.h"

namespace mynah {

/// What Conv2d and ConvTranspose2d have in common. Both are y = activation(z), z = A(w) x + b, with A linear in w, x in
/// one and Aᵀ in the other: a convolution and its transpose. So, with W(x, g) the gradient of <g, A(w) x> by w,
///
///   backward    dz = dy ⊙ activation'(z)     dx = Aᵀ(w) dz     dw = W(x, dz)     db = Σ_{rows, places} dz
///   tangent     ż = A(w) ẋ + A(ẇ) x + ḃ      ẏ = activation'(z) ⊙ ż
///   of both     dL/dx = Aᵀ(w) dL/dz + Aᵀ(ẇ) dL/dż     dL/dẋ = Aᵀ(w) dL/dż
///               dL/dw = W(x, dL/dz) + W(ẋ, dL/dż)     dL/db = Σ_{rows, places} dL/dz
///
/// dL/dz and dL/dż being those of kernels::activation_tangent_backward.
class ConvolutionPasses {
 public:
  /// transposed: from geometry's `out` to its `in`.
  ConvolutionPasses(const kernels::ConvolutionGeometry& geometry, bool transposed, bool bias,
                    kernels::Activation activation)
      : geometry_(geometry), transposed_(transposed), bias_(bias), activation_(activation) {}

  Index input_columns() const { return transposed_ ? geometry_.out_columns() : geometry_.in_columns(); }
  Index output_columns() const { return transposed_ ? geometry_.in_columns() : geometry_.out_columns(); }
  Index output_channels() const { return transposed_ ? geometry_.in_channels : geometry_.out_channels; }
  kernels::Activation activation() const { return activation_; }

  /// Weight and, where there is one, bias, in the shapes and with the initial values of torch.
  std::vector<TensorSpec> tensors(Initialization initialization) const;
  Index saved_size(Index rows) const;
  Index tangent_saved_size(Index rows) const;

  template <class Scalar>
  void forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const;
  template <class Scalar>
  void tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const;

 private:
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
    return bias_ ? tensors[1].vector() : VectorView<Scalar>{};
  }
  /// A tensor's values in the shape the operations know, [geometry.out_channels, depth].
  template <class Scalar>
  MatrixView<Scalar> weights(TensorViewOf<Scalar> tensor) const {
    return {tensor.data, geometry_.out_channels, geometry_.depth()};
  }

  kernels::ConvolutionGeometry geometry_;
  bool transposed_, bias_;
  kernels::Activation activation_;
};

/// Throws input_error for options of the layer `kind` that no convolution has.
void check_convolution_options(const std::string& kind, const kernels::ConvolutionGeometry& geometry);

/// Throws input_error unless there is one input, of images [channels, height, width].
void check_image_columns(const std::string& kind, std::span<const Index> inputs, Index channels, Index height,
                         Index width);

}  // namespace mynah
