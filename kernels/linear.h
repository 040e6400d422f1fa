#pragma once

#include "kernels/activation.h"
#include "kernels/operation.h"
#include "kernels/precision.h"

namespace mynah::kernels {

/// How a matrix product is taken, and what becomes of what its result's memory held before. The precision rounds the
/// factors of all three products, x wᵀ, dz w and dzᵀ x; biases, and db, which sums dz, are not touched by it.
struct ProductOptions {
  Precision precision = Precision::float32;
  bool add = false;  ///< The product is added to what is there: shares of a tangent, or of a gradient.
  /// Of linear_backward: dw and db are overwritten, not added to. For the first share of a step, which need not find
  /// zeros then.
  bool overwrite_weights = false;
};

/// z = x wᵀ + b,  y = activation(z)
///
///   x  [rows, inputs]      w  [outputs, inputs]      b  [outputs], or empty for no bias      y  [rows, outputs]
///
/// z [rows, outputs] is written where it is wanted, and empty where it is not: backward needs it for the activations
/// whose operand is not y. rows, inputs and outputs may be any size, zero included (no inputs: y = activation(b)). y
/// and z may not overlap x, w, b or each other. options.add, for Activation::none only: y = y + x wᵀ + b. Sums run over
/// inputs in a fixed order per backend and shape: the same call gives the same bits. On CUDA that order is another
/// where kernels that were measured on the device are asked for, see kernels/linear_tuning.h.
template <class Scalar = float>
void linear_forward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b,
                    Activation activation, MatrixOf<Scalar> y, MatrixOf<Scalar> z = {}, ProductOptions options = {});

/// The activation that made x, for the epilogue of linear_backward: see Activation for its operand, [rows, inputs].
template <class Scalar>
struct InputActivation {
  Activation activation;
  MatrixView<const Scalar> operand;
};

/// Backward of z = x wᵀ + b, given dz = dL/dz:
///
///   dx = dz w            [rows, inputs]      since z_mo = Σ_i x_mi w_oi + b_o
///   dw = dzᵀ x           [outputs, inputs]   summed over rows in a fixed order
///   db = Σ_m dz_mo       [outputs]
///
/// dx may be empty when the input needs no gradient, dw and db when they are wanted of nobody. dx is overwritten, or
/// added to with options.add; dw and db are added to, so that a layer used twice gets both shares, or overwritten with
/// options.overwrite_weights (with zeros, where there are no rows). Where x itself is f(z') of an activation, dx is
/// multiplied by f'(z') on the way out, which makes it dL/dz' (not with options.add). No output may overlap an input.
template <class Scalar = float>
void linear_backward(Stream& stream, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstMatrixOf<Scalar> dz,
                     MatrixOf<Scalar> dx, MatrixOf<Scalar> dw, VectorOf<Scalar> db,
                     InputActivation<Scalar> input_activation = {}, ProductOptions options = {});

MYNAH_CUDA_TWIN_OF_FLOATS(linear_forward)
MYNAH_CUDA_TWIN_OF_FLOATS(linear_backward)

namespace eigen {
template <class Scalar>
void linear_forward(Stream&, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstVectorOf<Scalar> b, Activation,
                    MatrixOf<Scalar> y, MatrixOf<Scalar> z, ProductOptions);
template <class Scalar>
void linear_backward(Stream&, ConstMatrixOf<Scalar> x, ConstMatrixOf<Scalar> w, ConstMatrixOf<Scalar> dz,
                     MatrixOf<Scalar> dx, MatrixOf<Scalar> dw, VectorOf<Scalar> db, InputActivation<Scalar>,
                     ProductOptions);
}  // namespace eigen

}  // namespace mynah::kernels
