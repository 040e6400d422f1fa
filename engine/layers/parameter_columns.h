#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = [x, p]: x with trained columns behind it that are the same in every row, "value" [count], zeros at first; such
/// as the log-deviations of a Gaussian policy that do not depend on the observation.
///
/// Backward: dx = the first columns of dy, dp = Σ_m of the others. Tangent: ẏ = [ẋ, ṗ]; linear, so that its backward is
/// the same of ȳ for x and p, and of u for ẋ.
class ParameterColumns : public LayerOf<ParameterColumns> {
 public:
  /// Errors: input_error unless count is 0 or more.
  explicit ParameterColumns(Index count);

  std::string kind() const override { return "parameter columns"; }
  Index output_columns(std::span<const Index> inputs) const override;
  std::vector<TensorSpec> tensors(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  Index count_;
};

}  // namespace mynah
