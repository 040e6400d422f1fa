#pragma once

#include "engine/layer.h"

namespace mynah {

/// y = Σ_i x_i over two or more inputs of one size: residual connections.
///
/// Backward: dx_i = dy for every i. Tangent: ẏ = Σ_i ẋ_i; backward of both: dL/dx_i = ȳ, dL/dẋ_i = u.
class Sum : public LayerOf<Sum> {
 public:
  std::string kind() const override { return "sum"; }
  Index output_columns(std::span<const Index> inputs) const override;

  template <class Scalar>
  void run_forward(Stream& stream, const ForwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_backward(Stream& stream, const BackwardPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_tangent(Stream& stream, const TangentPassOf<Scalar>& pass) const;
  template <class Scalar>
  void run_tangent_backward(Stream& stream, const TangentBackwardPassOf<Scalar>& pass) const;
};

}  // namespace mynah
