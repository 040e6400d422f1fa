#pragma once

#include "kernels/activation.h"
#include "kernels/operation.h"

namespace mynah::kernels {

/// y = activation(x wᵀ + b)
///
///   x  [rows, inputs]      w  [outputs, inputs]      b  [outputs], or empty for no bias      y  [rows, outputs]
///
/// rows, inputs and outputs may be any size, zero included (no inputs: y = activation(b)). y may not overlap x, w or b.
/// Sums run over inputs in a fixed order per backend and shape: the same call gives the same bits.
void linear_forward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstVector b, Activation activation, Matrix y);

/// Backward of linear_forward, given dy = dL/dy already multiplied by the activation's derivative:
///
///   dx = dy w            [rows, inputs]      since y_mo = Σ_i x_mi w_oi + b_o
///   dw = dyᵀ x           [outputs, inputs]   summed over rows in a fixed order
///   db = Σ_m dy_mo       [outputs]
///
/// dx may be empty when the input needs no gradient, db when there is no bias. dx is overwritten; dw and db are added
/// to, so that a layer used twice gets both shares. No output may overlap an input.
void linear_backward(Stream& stream, ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw, Vector db);

MYNAH_CUDA_TWIN(linear_forward)
MYNAH_CUDA_TWIN(linear_backward)

namespace eigen {
template <class Scalar>
void linear_forward(Stream&, MatrixView<const Scalar> x, MatrixView<const Scalar> w, VectorView<const Scalar> b,
                    Activation, MatrixView<Scalar> y);
template <class Scalar>
void linear_backward(Stream&, MatrixView<const Scalar> x, MatrixView<const Scalar> w, MatrixView<const Scalar> dy,
                     MatrixView<Scalar> dx, MatrixView<Scalar> dw, VectorView<Scalar> db);
}  // namespace eigen

}  // namespace mynah::kernels
