#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = (x_1 | x_2 | ...): the columns of two or more inputs side by side, such as an observation and an action.
///
/// Backward: dx_i = the columns of dy where x_i stands. Tangent: ẏ = (ẋ_1 | ẋ_2 | ...), with zeros for an input that
/// does not move; backward of both: dL/dx_i and dL/dẋ_i are those columns of ȳ and u.
class Concatenation : public LayerOf<Concatenation> {
 public:
  std::string kind() const override { return "concatenation"; }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES
};

}  // namespace mynah
