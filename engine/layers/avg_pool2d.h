#pragma once

#include <optional>

#include "engine/extent2d.h"
#include "engine/layer.h"
#include "kernels/pooling.h"

namespace mynah {

/// Of AvgPool2d, as of torch.nn.AvgPool2d.
struct AvgPool2dOptions {
  Index channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Extent2d kernel = 2;
  std::optional<Extent2d> stride = std::nullopt;  ///< none: that of the kernel
  Extent2d padding = 0;                           ///< Zeros around the image, which count; at most half of the kernel.
};

/// y = the mean of each window of images [channels, in_height, in_width], flat in the columns of x, into images
/// [channels, out_height, out_width] with out = floor((in + 2 padding - kernel) / stride) + 1.
///
/// It is a linear map y = A x: dx = Aᵀ dy, ẏ = A ẋ, and of both dL/dx = Aᵀ ȳ, dL/dẋ = Aᵀ u.
class AvgPool2d : public LayerOf<AvgPool2d> {
 public:
  /// Errors: input_error for options that fit no image.
  explicit AvgPool2d(const AvgPool2dOptions& options);

  Index out_height() const { return geometry_.out_height(); }
  Index out_width() const { return geometry_.out_width(); }

  std::string kind() const override { return "avg_pool2d"; }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  kernels::PoolingGeometry geometry_;
};

}  // namespace mynah
