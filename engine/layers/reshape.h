#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = x, taken as an array of other extents: [channels, height, width] for a convolution behind a linear layer, or one
/// extent to flatten. Values lie row-major in the columns of a row, so that nothing moves; the layer states the extents
/// and refuses an input that has not as many columns.
///
/// Backward: dx = dy. Tangent: ẏ = ẋ; backward of both: dL/dx = ȳ, dL/dẋ = u.
class Reshape : public LayerOf<Reshape> {
 public:
  /// Errors: input_error for no extents, or one that is negative.
  explicit Reshape(std::vector<Index> extents);

  std::string kind() const override { return "reshape"; }
  Index output_columns(std::span<const Index> inputs) const override;
  const std::vector<Index>& extents() const { return extents_; }

  MYNAH_LAYER_PASSES

 private:
  std::string text() const;

  std::vector<Index> extents_;
};

}  // namespace mynah
