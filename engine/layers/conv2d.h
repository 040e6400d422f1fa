#pragma once

#include "engine/layers/convolution_passes.h"

namespace mynah {

/// Of Conv2d, as of torch.nn.Conv2d.
struct Conv2dOptions {
  Index in_channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Index out_channels = 0;
  Extent2d kernel = 3;
  Extent2d stride = 1;
  Extent2d padding = 0;   ///< Zeros around the image.
  Extent2d dilation = 1;  ///< Between the taps of the kernel.
  Index groups = 1;       ///< Channels in so many groups, of which each goes out by itself.
  bool bias = true;
  kernels::Activation activation = kernels::Activation::none;
  Initialization initialization = Initialization::kaiming_uniform;  ///< As torch does it.
};

/// y = activation(z), z = x * w + b: a two-dimensional convolution (torch's word for a cross-correlation) of images
/// [in_channels, in_height, in_width], flat in the columns of x, into images [out_channels, out_height, out_width],
/// with out = floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. weight [out_channels, in_channels /
/// groups, kernel height, width] and bias [out_channels] are those of torch.nn.Conv2d.
///
/// Its passes are derived at ConvolutionPasses, and z at kernels::convolution_forward.
class Conv2d : public LayerOf<Conv2d> {
 public:
  /// Errors: input_error for options that fit no image.
  explicit Conv2d(const Conv2dOptions& options);

  Index out_height() const { return out_height_; }
  Index out_width() const { return out_width_; }

  std::string kind() const override { return "conv2d"; }
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
  Conv2dOptions options_;
  ConvolutionPasses passes_;
  Index out_height_, out_width_;
};

}  // namespace mynah
