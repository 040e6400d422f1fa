#pragma once

#include <optional>

#include "engine/extent2d.h"
#include "engine/layer.h"
#include "kernels/pooling.h"

namespace mynah {

/// Of MaxPool2d, as of torch.nn.MaxPool2d.
struct MaxPool2dOptions {
  Index channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Extent2d kernel = 2;
  std::optional<Extent2d> stride = std::nullopt;  ///< none: that of the kernel
  Extent2d padding = 0;                           ///< Around the image, never the largest; at most half of a window.
  Extent2d dilation = 1;                          ///< Between the elements of a window.
};

/// y = the largest element of each window of images [channels, in_height, in_width], flat in the columns of x, into
/// images [channels, out_height, out_width] with out = floor((in + 2 padding - dilation (kernel - 1) - 1) / stride)
/// + 1.
///
/// With p(w) the position of the largest element of window w, which forward keeps:
///
///   backward  dx_e = Σ_w dy_w [p(w) = e]      tangent  ẏ_w = ẋ_p(w)
///   of both   dL/dx_e = Σ_w ȳ_w [p(w) = e]    dL/dẋ_e = Σ_w u_w [p(w) = e]      the positions do not move
class MaxPool2d : public LayerOf<MaxPool2d> {
 public:
  /// Errors: input_error for options that fit no image.
  explicit MaxPool2d(const MaxPool2dOptions& options);

  Index out_height() const { return geometry_.out_height(); }
  Index out_width() const { return geometry_.out_width(); }

  std::string kind() const override { return "max_pool2d"; }
  Index output_columns(std::span<const Index> inputs) const override;
  Index saved_size(Index rows, std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  kernels::PoolingGeometry geometry_;
};

}  // namespace mynah
