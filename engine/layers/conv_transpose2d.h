#pragma once

#include "engine/layers/convolution_layer.h"

namespace mynah {

/// Of ConvTranspose2d, as of torch.nn.ConvTranspose2d; as much as the padding is taken away around the result.
struct ConvTranspose2dOptions : ConvolutionOptions {
  Extent2d output_padding = 0;  ///< Added to the result below and to the right; less than stride or than dilation.
};

/// y = activation(z), z = x *ᵀ w + b: the transpose of a convolution, from images [in_channels, in_height, in_width],
/// flat in the columns of x, to images [out_channels, out_height, out_width], with out = (in - 1) stride - 2 padding +
/// dilation (kernel - 1) + output_padding + 1. weight [in_channels, out_channels / groups, kernel height, width] and
/// bias [out_channels] are those of torch.nn.ConvTranspose2d.
///
/// Its passes are derived at ConvolutionLayer, and z at kernels::convolution_transposed, where the convolution that
/// this is the transpose of goes from out to in.
class ConvTranspose2d : public ConvolutionLayer {
 public:
  /// Errors: input_error for options that fit no image.
  explicit ConvTranspose2d(const ConvTranspose2dOptions& options);
};

}  // namespace mynah
