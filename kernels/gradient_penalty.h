#pragma once

#include "kernels/operation.h"

namespace mynah::kernels {

/// What the norm of a critic's input gradient is drawn to, and how strongly.
struct GradientPenaltyOptions {
  double weight = 10.0;
  double target_norm = 1.0;
  bool one_sided = false;  ///< true: only norms above the target are penalised.
};

/// Gradient penalty (Gulrajani et al. 2017, "Improved training of Wasserstein GANs", equation 3; with target_norm 0 and
/// weight γ/2 the R1 penalty of Mescheder et al. 2018), value and gradient in one pass, given the gradient g_m = ∇_x
/// D(x_m) of each row:
///
///   P = weight / rows Σ_m d_m²      d_m = ‖g_m‖ - target_norm, or max(0, ‖g_m‖ - target_norm) if one-sided
///   direction_m = dP/dg_m = 2 weight / rows d_m g_m / ‖g_m‖, and 0 where ‖g_m‖ = 0
///
/// gradient, direction [rows, columns]; direction may be gradient itself. loss_sum (one double in device memory, or
/// empty) is added rows * P, as by the losses of kernels/loss.h. The norm is summed in double, in a fixed order.
template <class Scalar = float>
void gradient_penalty_loss(Stream& stream, const GradientPenaltyOptions& options, ConstMatrixOf<Scalar> gradient,
                           VectorView<double> loss_sum, MatrixOf<Scalar> direction);

MYNAH_CUDA_TWIN_OF_FLOATS(gradient_penalty_loss)

namespace eigen {
template <class Scalar>
void gradient_penalty_loss(Stream&, const GradientPenaltyOptions&, ConstMatrixOf<Scalar> gradient,
                           VectorView<double> loss_sum, MatrixOf<Scalar> direction);
}  // namespace eigen

}  // namespace mynah::kernels
