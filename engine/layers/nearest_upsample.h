#pragma once

#include "engine/extent2d.h"
#include "engine/layer.h"
#include "kernels/pooling.h"

namespace mynah {

/// Of NearestUpsample.
struct NearestUpsampleOptions {
  Index channels = 0, in_height = 0, in_width = 0;  ///< of the images that go in
  Extent2d factor = 2;                              ///< Each at least 1.
};

/// Images [channels, in_height, in_width], flat in the columns of x, become larger by whole factors: every element is
/// repeated, as torch.nn.Upsample does with mode "nearest".
///
/// It is a linear map y = A x: dx = Aᵀ dy, ẏ = A ẋ, and of both dL/dx = Aᵀ ȳ, dL/dẋ = Aᵀ u.
class NearestUpsample : public LayerOf<NearestUpsample> {
 public:
  /// Errors: input_error for extents or factors below 1.
  explicit NearestUpsample(const NearestUpsampleOptions& options);

  Index out_height() const { return geometry_.in_height * geometry_.factor_height; }
  Index out_width() const { return geometry_.in_width * geometry_.factor_width; }

  std::string kind() const override { return "nearest_upsample"; }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  kernels::UpsamplingGeometry geometry_;
};

}  // namespace mynah
