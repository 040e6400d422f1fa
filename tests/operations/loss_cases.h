#pragma once

#include "tests/operations/differentiable.h"

namespace mynah::tests {

/// A loss as a function of what it is given by the network, for the checks of derivatives.
struct LossCase {
  using In = Differentiable::In;
  using Out = Differentiable::Out;

  std::vector<Doubles> predictions;  ///< All with the same number of rows.
  /// Adds rows * L to sum (or empty), and overwrites the gradients (or, with null data, not).
  std::function<void(Stream&, In predictions, VectorView<double> sum, Out gradients)> evaluate;
  /// The Hessian of L times the directions.
  std::function<void(Stream&, In predictions, In directions, Out gradient_tangents)> tangent;
};

/// L [1, 1] = loss(predictions), 0 without rows. Its tangent is the gradient along the direction, <g, ẋ>, and that
/// function's gradient is H ẋ: so the tangent's backward checks all of the product of the Hessian with a direction
/// against differences of the gradient.
Differentiable differentiable(LossCase one);

}  // namespace mynah::tests
