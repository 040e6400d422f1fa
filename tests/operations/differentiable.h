#pragma once

#include <functional>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "engine/layer.h"
#include "tests/guarded.h"

/// Functions of matrices with their derivative passes, in double, on the CPU.
namespace mynah::tests {

using Doubles = GuardedMatrix<double>;

/// y_1, y_2, ... = f(x_1, x_2, ...). Everything is checked at the given inputs; parameters are inputs as well.
struct Differentiable {
  using In = std::span<const MatrixView<const double>>;
  using Out = std::span<const MatrixView<double>>;
  struct Extent {
    Index rows, columns;
  };

  std::vector<Doubles> inputs;
  std::vector<Extent> outputs;
  std::function<void(Stream&, In inputs, Out outputs)> forward;
  /// Called after forward. input_gradients hold NaN before, those of `accumulated` inputs a number that is added to.
  std::function<void(Stream&, In inputs, In outputs, Out output_gradients, Out input_gradients)> backward;
  /// ẏ = J ẋ; null where there is no tangent pass.
  std::function<void(Stream&, In inputs, In outputs, In input_tangents, Out output_tangents)> tangent;
  /// Called after tangent: from ȳ and u, the gradients of Σ ȳ ⊙ y + Σ u ⊙ ẏ with respect to x and to ẋ.
  /// input_tangent_gradients with null data need not be computed: those of parameters.
  std::function<void(Stream&, In inputs, In outputs, In input_tangents, Out output_gradients,
                     Out output_tangent_gradients, Out input_gradients, Out input_tangent_gradients)>
      tangent_backward;
  std::vector<bool> accumulated;    ///< by input; empty: none. Inputs whose gradients are added to.
  std::vector<bool> no_derivative;  ///< by input; empty: none. Inputs that are not varied.
  double step = 1e-4;               ///< of the central differences
};

/// Backward against central differences: relative error (of the largest element of each gradient) below 1e-6.
void expect_gradient(const Differentiable& function);

/// Tangent against central differences, its backward against central differences of Σ ȳ ⊙ y + Σ u ⊙ ẏ: relative error
/// below 1e-6; and <u, J v> = <Jᵀ u, v> for backward and tangent: below 1e-12.
void expect_tangent(const Differentiable& function);

/// A layer as a function of its inputs and its trained tensors. `prepare` may set the values of any tensor, given its
/// name and [rows, columns] (they are standard normal, deviations and variances positive, otherwise) and of the inputs,
/// named "input0", ...
struct LayerCase {
  std::shared_ptr<const Layer> layer;
  Index rows = 0;
  std::vector<Index> input_columns;
  Mode mode = Mode::evaluate;
  std::function<void(const std::string& name, Doubles& values)> prepare;
  std::vector<bool> constant_inputs;  ///< Inputs without a derivative, such as indices; empty: none.
  std::uint32_t seed = 7;
  Index padding = 0;  ///< between rows of inputs, output and their gradients
};
Differentiable differentiable(const LayerCase& one);

}  // namespace mynah::tests
