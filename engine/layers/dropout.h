#pragma once

#include "engine/layer.h"

namespace mynah {

/// Dropout with probability p, as torch.nn.Dropout: in Mode::train y = x ⊙ m / (1 - p) with the mask m of
/// kernels::dropout_forward, drawn for this node and step anew; in Mode::evaluate y = x. Torch draws other numbers.
///
/// With D = diag(m / (1 - p)), y = D x is linear. Backward: dx = D dy, with the same mask drawn again, so that nothing
/// is kept. Tangent: ẏ = D ẋ; backward of both: dL/dx = D ȳ, dL/dẋ = D u.
class Dropout : public LayerOf<Dropout> {
 public:
  /// Errors: input_error unless 0 <= p < 1.
  explicit Dropout(float p = 0.5f);

  std::string kind() const override { return "dropout"; }
  Index output_columns(std::span<const Index> inputs) const override;
  bool draws_random_numbers() const override { return true; }

  MYNAH_LAYER_PASSES

 private:
  template <class Scalar>
  void apply(Stream& stream, const PassSettings& settings, MatrixView<const Scalar> x, MatrixView<Scalar> y) const;

  float p_;
};

}  // namespace mynah
