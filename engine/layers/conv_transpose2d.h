#pragma once

#include "engine/layers/convolution_passes.h"

namespace mynah {

/// Of ConvTranspose2d, as of torch.nn.ConvTranspose2d.
struct ConvTranspose2dOptions {
  Index in_channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Index out_channels = 0;
  Extent2d kernel = 3;
  Extent2d stride = 1;
  Extent2d padding = 0;         ///< So much is taken away around the result.
  Extent2d output_padding = 0;  ///< Added to the result below and to the right; less than stride or than dilation.
  Extent2d dilation = 1;        ///< Between the taps of the kernel.
  Index groups = 1;             ///< Channels in so many groups, of which each goes out by itself.
  bool bias = true;
  kernels::Activation activation = kernels::Activation::none;
  Initialization initialization = Initialization::kaiming_uniform;  ///< As torch does it.
};

/// y = activation(z), z = x *ᵀ w + b: the transpose of a convolution, from images [in_channels, in_height, in_width],
/// flat in the columns of x, to images [out_channels, out_height, out_width], with out = (in - 1) stride - 2 padding +
/// dilation (kernel - 1) + output_padding + 1. weight [in_channels, out_channels / groups, kernel height, width] and
/// bias [out_channels] are those of torch.nn.ConvTranspose2d.
///
/// Its passes are derived at ConvolutionPasses, and z at kernels::convolution_transposed, where the convolution that
/// this is the transpose of goes from out to in.
class ConvTranspose2d : public LayerOf<ConvTranspose2d> {
 public:
  /// Errors: input_error for options that fit no image.
  explicit ConvTranspose2d(const ConvTranspose2dOptions& options);

  Index out_height() const { return out_height_; }
  Index out_width() const { return out_width_; }

  std::string kind() const override { return "conv_transpose2d"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index>) const override {
    return passes_.tensors(options_.initialization);
  }
  Index saved_size(Index rows, std::span<const Index>) const override { return passes_.saved_size(rows); }
  Index tangent_saved_size(Index rows, std::span<const Index>) const override {
    return passes_.tangent_saved_size(rows);
  }
  kernels::Activation output_activation() const override { return options_.activation; }

  template <class Scalar>
  void run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const {
    passes_.forward(stream, pass);
  }
  template <class Scalar>
  void run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const {
    passes_.backward(stream, pass);
  }
  template <class Scalar>
  void run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const {
    passes_.tangent(stream, pass);
  }
  template <class Scalar>
  void run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const {
    passes_.tangent_backward(stream, pass);
  }

 private:
  ConvTranspose2dOptions options_;
  ConvolutionPasses passes_;
  Index out_height_, out_width_;
};

}  // namespace mynah
