#pragma once

#include "kernels/cuda/block_reduce.h"
#include "kernels/cuda/pack.h"
#include "kernels/precision_rounding.h"

namespace mynah::kernels::cuda {

/// Σ_k a_k b_k by the 32 lanes of a warp, in every lane. packs: both may be read four floats at a time. In reduced
/// precision the factors are rounded and multiplied in float32.
template <bool packs, Precision precision>
__device__ __forceinline__ float dot_product(const float* a, const float* b, Index depth, Index lane) {
  constexpr Index width = packs ? 4 : 1;
  float sum = 0.0f;
#pragma unroll 4
  for (Index k = lane * width; k < depth; k += 32 * width) {
    if (k + width <= depth) {
      const Pack<width> left = load<width>(a + k);
      const Pack<width> right = load<width>(b + k);
#pragma unroll
      for (int i = 0; i < width; ++i)
        sum += rounded_to<precision>(left.value[i]) * rounded_to<precision>(right.value[i]);
    } else {
      for (Index rest = k; rest < depth; ++rest) {
        sum += rounded_to<precision>(a[rest]) * rounded_to<precision>(b[rest]);
      }
    }
  }
  return warp_sum(sum);
}

}  // namespace mynah::kernels::cuda
