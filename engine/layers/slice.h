#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = columns [first, first + count) of x: a part of an observation, or one of the heads of an output.
///
/// Backward: dx is dy in these columns and 0 in all others. Tangent: ẏ = these columns of ẋ; backward of both: dL/dx
/// and dL/dẋ are ȳ and u in these columns and 0 in all others.
class Slice : public LayerOf<Slice> {
 public:
  /// Errors: input_error for a negative beginning or count.
  Slice(Index first, Index count);

  std::string kind() const override { return "slice"; }
  Index output_columns(std::span<const Index> inputs) const override;

  MYNAH_LAYER_PASSES

 private:
  template <class Scalar>
  void cut_out(Stream& stream, MatrixView<const Scalar> x, MatrixView<Scalar> y) const;
  template <class Scalar>
  void put_back(Stream& stream, MatrixView<const Scalar> y, MatrixView<Scalar> x) const;

  Index first_;
  Index count_;
};

}  // namespace mynah
