#pragma once

#include <functional>

#include "engine/execution.h"
#include "kernels/gradient_penalty.h"

/// Second derivatives, composed of the layers' tangent passes; no layer knows of them.
namespace mynah {

/// A loss as a function of a network's output.
struct OutputLoss {
  /// Writes dL/dy for the output y.
  std::function<void(Stream&, ConstMatrix output, Matrix gradient)> gradient;
  /// Writes H ẏ, H being the Hessian d²L/dy² (or what stands for it: the Fisher information of a distribution).
  std::function<void(Stream&, ConstMatrix output, ConstMatrix output_tangent, Matrix product)> curvature;
};

/// Adds to the network's gradient buffer, for the direction p in execution.parameter_tangent() and the inputs in
/// execution.value(input):
///
///   hessian_vector_product        ∇²L p       = d/dε ∇L(θ + ε p), by forward-over-reverse (Pearlmutter 1994)
///   gauss_newton_vector_product   Jᵀ H J p    (Schraudolph 2002); with H the Fisher information of the output's
///                                             distribution this is the Fisher-vector product of natural gradients
///
/// The execution has gradients and parameter_tangents, and `output` among its outputs. Exact up to rounding; nothing is
/// allocated.
void add_hessian_vector_product(Stream& stream, const Execution& execution, Value output, const OutputLoss& loss);
void add_gauss_newton_vector_product(Stream& stream, const Execution& execution, Value output, const OutputLoss& loss);

/// The gradient penalty of a critic, and its gradient with respect to the critic's parameters: for a fixed v = dP/dg
/// the penalty's gradient is that of <v, ∇_x D> = Ḋ, the derivative of D along v, whose backward pass the layers state.
class GradientPenalty {
 public:
  /// input: where the penalised rows go in; output [rows, 1]. The network must outlive it and keep its place. Errors:
  /// input_error if the output has more than one column.
  GradientPenalty(const Network& network, Value input, Value output, Index rows,
                  const kernels::GradientPenaltyOptions& options, Execution::Options settings = {});

  /// Where the caller writes the rows, [rows, columns of input].
  Matrix rows() const { return first_.value(input_); }
  /// ∇_x D of each row, after add_gradient().
  ConstMatrix input_gradient() const { return first_.gradient(input_); }

  /// Adds dP/dθ to the network's gradient buffer, and rows * P to penalty_sum (one double in device memory, or empty).
  void add_gradient(Stream& stream, VectorView<double> penalty_sum) const;

 private:
  Value input_, output_;
  kernels::GradientPenaltyOptions options_;
  Execution first_;   ///< ∇_x D
  Execution second_;  ///< the derivative along v, and its backward pass
};

}  // namespace mynah
