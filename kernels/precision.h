#pragma once

namespace mynah::kernels {

/// How the products of a matrix product or a convolution are taken; sums are always in float32, and so is everything
/// else (weights, biases, activations, losses, optimizers).
///
///   float32   factors as they are
///   tf32      factors rounded to 10 bits of fraction, to nearest, ties to even (kept in float32's range)
///   bfloat16  factors rounded to 7 bits of fraction, to nearest, ties to even
///
/// On CUDA, tf32 and bfloat16 run on tensor cores; the CPU rounds the factors in the same way and multiplies in
/// float32, so that both differ by the order of the sums alone.
enum class Precision { float32, tf32, bfloat16 };

/// "bfloat16".
constexpr const char* precision_name(Precision precision) {
  return precision == Precision::float32 ? "float32" : precision == Precision::tf32 ? "tf32" : "bfloat16";
}

}  // namespace mynah::kernels
