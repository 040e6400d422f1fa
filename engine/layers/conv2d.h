#pragma once

#include "engine/layers/convolution_layer.h"

namespace mynah {

/// Of Conv2d, as of torch.nn.Conv2d; the padding is zeros around the image.
using Conv2dOptions = ConvolutionOptions;

/// y = activation(z), z = x * w + b: a two-dimensional convolution (torch's word for a cross-correlation) of images
/// [in_channels, in_height, in_width], flat in the columns of x, into images [out_channels, out_height, out_width],
/// with out = floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. weight [out_channels, in_channels /
/// groups, kernel height, width] and bias [out_channels] are those of torch.nn.Conv2d.
///
/// Its passes are derived at ConvolutionLayer, and z at kernels::convolution_forward.
class Conv2d : public ConvolutionLayer {
 public:
  /// Errors: input_error for options that fit no image.
  explicit Conv2d(const Conv2dOptions& options);
};

}  // namespace mynah
