#pragma once

#include <array>
#include <cstdint>

#include "kernels/loss.h"
#include "kernels/operation.h"
#include "kernels/precision.h"

namespace mynah::kernels {

/// A counter in device memory that an operation which does not read it moves on in passing: counter[0] += amount.
struct PassingCount {
  Index* counter = nullptr;  ///< null: none
  Index amount = 0;
};

/// What comes with the last layer of a network in linear_loss.
struct LinearLoss {
  ElementwiseLoss loss = ElementwiseLoss::mse;  ///< Of values; labels have softmax cross-entropy without options.
  ConstMatrix values;                           ///< [rows, outputs], or
  ConstLabels labels;                           ///< [rows].
  VectorView<double> loss_sum;                  ///< [1], added to as in kernels/loss.h.
  Matrix gradient;                              ///< [rows, outputs]: dL/dy.
  std::uint32_t* ticket = nullptr;              ///< In device memory: 0 before the operation and 0 after it.
  std::array<PassingCount, 2> counts = {};      ///< Not read by anything of this operation.
  Precision precision = Precision::float32;     ///< Of the product.
};

/// The last layer of a network and the loss in one launch:
///
///   y = x wᵀ + b                linear_forward without an activation
///   loss_sum += rows L(y)       elementwise_loss, or softmax_cross_entropy_loss
///   gradient = dL/dy
///
/// x [rows, inputs], w [outputs, inputs], b [outputs] or empty, y [rows, outputs]. y and gradient have the bits of the
/// operations one by one; the loss has another, fixed order of its double sum. Only where linear_loss_fits.
void linear_loss(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y, const LinearLoss& loss);

/// Whether linear_loss takes these sizes: up to 32 outputs and, on CUDA, so few products that linear_forward too would
/// compute each output by itself (choose_linear; a choice that was measured leaves that as it is).
bool linear_loss_fits(const Stream& stream, Index rows, Index inputs, Index outputs);

MYNAH_CUDA_TWIN(linear_loss)
namespace cuda {
bool linear_loss_fits(Index rows, Index inputs, Index outputs);
}

namespace eigen {
void linear_loss(Stream&, ConstMatrix x, ConstMatrix w, ConstVector b, Matrix y, const LinearLoss&);
}  // namespace eigen

}  // namespace mynah::kernels
