#pragma once

#include <type_traits>

#include "kernels/operation.h"

/// Every elementwise loss: the name of its kind, and the struct of kernels/loss_functions.h that computes it. A new one
/// is a line here and a struct there, and nothing else.
#define MYNAH_ELEMENTWISE_LOSSES(X)                \
  X(mse, SquaredError)                             \
  X(l1, AbsoluteError)                             \
  X(huber, Huber)                                  \
  X(binary_cross_entropy, LogitBinaryCrossEntropy) \
  X(hinge, Hinge)                                  \
  X(wasserstein, Wasserstein)

namespace mynah::kernels {

/// Losses: value and gradient in one pass over the prediction. Those of classes are in kernels/classification.h, that
/// of normal distributions in kernels/gaussian_likelihood.h; what stands here holds for all of them.
///
/// A loss L is a mean over the rows of a batch. `loss_sum` (one double in device memory, or empty) is *added* rows * L,
/// so that a sum over the batches of an epoch, divided by the rows seen, is the mean over the data set whatever the
/// batch sizes. `gradient` (or empty) is overwritten with dL/dprediction. Sums have a fixed order. No rows: nothing
/// changes. NaN in, NaN out.
///
/// `weights` [rows], or empty for 1 each, multiply the losses of the rows: L = 1/rows Σ_m weight_m loss_m. The divisor
/// stays the number of rows, so that a batch's gradient does not depend on which rows share it; to divide by the sum of
/// the weights instead (as torch.nn.functional.mse_loss(weight=...) does), scale them to a mean of 1.
///
/// The *tangent* of a loss is the derivative of its gradient along a direction ṗ of the prediction, the product of the
/// loss's Hessian with ṗ,
///
///   gradient_tangent = H_L ṗ        [rows, columns], overwritten
///
/// what Hessian-vector products (Pearlmutter 1994) and Gauss-Newton products (Schraudolph 2002) need of a loss. It is 0
/// where the loss is piecewise linear.

/// A loss that compares prediction and target element by element,
///
///   L = 1/(rows columns) Σ_mc weight_m f(p_mc, t_mc)       gradient_mc = weight_m f'(p_mc, t_mc) / (rows columns)
///
/// f' and f'' being derivatives with respect to p, and d = p - t:
///
///   mse                   f = d²                                      torch.nn.MSELoss
///   l1                    f = |d|;  f' = 0 for d = 0                  torch.nn.L1Loss
///   huber                 f = d²/2 if |d| <= delta,                   torch.nn.HuberLoss
///                         else delta (|d| - delta/2)                  parameter: delta > 0, 1 by default
///   binary_cross_entropy  f = -q t ln σ(p) - (1 - t) ln(1 - σ(p)),    torch.nn.BCEWithLogitsLoss, t in [0, 1]
///                         σ the sigmoid: p is a logit of any size     parameter: q >= 0, pos_weight, 1 by default
///   hinge                 f = max(0, 1 - t p), t = ±1;  f' = 0        SVMs; discriminators (Lim and Ye 2017):
///                         where t p = 1                               t = 1 for what is real, -1 for what is generated
///   wasserstein           f = t p, t = ±1                             critics (Arjovsky et al. 2017): 1 for what is
///                                                                     generated, -1 for what is real
///
/// A generator's loss against a hinge discriminator or a critic is wasserstein with t = -1: the mean of -p.
class ElementwiseLoss {
 public:
#define MYNAH_KIND(name, type) name,
  enum Kind { MYNAH_ELEMENTWISE_LOSSES(MYNAH_KIND) };
#undef MYNAH_KIND

  constexpr ElementwiseLoss(Kind kind, float parameter = 1.0f) : kind_(kind), parameter_(parameter) {}

  constexpr Kind kind() const {
    return kind_;
  }
  constexpr float parameter() const {
    return parameter_;
  }
  /// "huber".
  const char* name() const;

  friend constexpr bool operator==(ElementwiseLoss, ElementwiseLoss) = default;

 private:
  Kind kind_;
  float parameter_;
};

/// Every kind, in order.
VectorView<const ElementwiseLoss::Kind> elementwise_loss_kinds();

/// What predictions are compared with: a matrix, or one number for all of them (a batch that is real, or generated).
template <class Scalar>
struct LossTargetOf {
  MatrixView<const Scalar> values;  ///< null: constant
  Scalar constant = Scalar(0);

  constexpr LossTargetOf(Scalar constant_) : constant(constant_) {}
  constexpr LossTargetOf(MatrixView<const Scalar> values_) : values(values_) {}
  constexpr LossTargetOf(MatrixView<Scalar> values_) : values(values_) {}

  constexpr bool is_constant() const { return values.data == nullptr; }
};
/// Not deduced, as the views of kernels/view.h.
template <class Scalar>
using LossTarget = std::type_identity_t<LossTargetOf<Scalar>>;

/// prediction, target, gradient [rows, columns]. gradient may be prediction itself.
template <class Scalar = float>
void elementwise_loss(Stream& stream, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                      VectorView<double> loss_sum, MatrixOf<Scalar> gradient, ConstVectorOf<Scalar> weights = {});

/// gradient_tangent_mc = weight_m f''(p_mc, t_mc) ṗ_mc / (rows columns). All matrices [rows, columns]; gradient_tangent
/// may be prediction or prediction_tangent itself.
template <class Scalar = float>
void elementwise_loss_tangent(Stream& stream, ElementwiseLoss loss, ConstMatrixOf<Scalar> prediction,
                              LossTarget<Scalar> target, ConstMatrixOf<Scalar> prediction_tangent,
                              MatrixOf<Scalar> gradient_tangent, ConstVectorOf<Scalar> weights = {});

MYNAH_CUDA_TWIN_OF_FLOATS(elementwise_loss)
MYNAH_CUDA_TWIN_OF_FLOATS(elementwise_loss_tangent)

namespace eigen {
template <class Scalar>
void elementwise_loss(Stream&, ElementwiseLoss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                      VectorView<double> loss_sum, MatrixOf<Scalar> gradient, ConstVectorOf<Scalar> weights);
template <class Scalar>
void elementwise_loss_tangent(Stream&, ElementwiseLoss, ConstMatrixOf<Scalar> prediction, LossTarget<Scalar> target,
                              ConstMatrixOf<Scalar> prediction_tangent, MatrixOf<Scalar> gradient_tangent,
                              ConstVectorOf<Scalar> weights);
}  // namespace eigen

}  // namespace mynah::kernels
