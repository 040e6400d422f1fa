#pragma once

namespace mynah::kernels {

/// How the products of a matrix product or a convolution are taken; sums are always in float32, and so is everything
/// else (weights, biases, their gradients' sums over rows, activations, losses, optimizers).
///
///   float32   factors as they are
///   tf32      factors rounded to 10 bits of fraction, to nearest, ties to even (kept in float32's range)
///   bfloat16  factors rounded to 7 bits of fraction, to nearest, ties to even
///
/// kernels/precision_rounding.h does the rounding, in the same bits everywhere. On CUDA, tf32 and bfloat16 run on
/// tensor cores, but for the few products that are too small for them; the CPU rounds the factors in the same way and
/// multiplies in float32, so that both differ by the order and the rounding of the sums alone. The same call gives the
/// same bits on the same kind of GPU; tensor cores of different generations may round a step's sum differently, so
/// that, other than in float32, the bits of two kinds of GPU may differ. It concerns floats: doubles, in which
/// gradients are checked, are taken as they are.
enum class Precision { float32, tf32, bfloat16 };

/// "bfloat16".
constexpr const char* precision_name(Precision precision) {
  return precision == Precision::float32 ? "float32" : precision == Precision::tf32 ? "tf32" : "bfloat16";
}

}  // namespace mynah::kernels
