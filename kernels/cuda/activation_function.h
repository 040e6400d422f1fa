#pragma once

#include <cuda_runtime.h>

#include "kernels/activation.h"

namespace mynah::kernels::cuda {

/// The functions of kernels/activation.h, for the elementwise kernels and for the epilogue of linear_forward.

__device__ __forceinline__ float activated(Activation activation, float x) {
  // Not fmaxf: it would turn NaN into 0.
  return activation == Activation::relu && x <= 0.0f ? 0.0f : x;
}

/// dy * f'(x), given y = f(x). Selected rather than multiplied, so that an infinite dy times 0 is 0.
__device__ __forceinline__ float activation_gradient(Activation activation, float y, float dy) {
  return activation == Activation::none || y > 0.0f ? dy : 0.0f;
}

}  // namespace mynah::kernels::cuda
