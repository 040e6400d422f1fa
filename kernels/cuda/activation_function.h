#pragma once

#include <cuda_runtime.h>

#include "kernels/activation_functions.h"

namespace mynah::kernels::cuda {

/// The functions of kernels/activation.h chosen at run time, for epilogues: the same branch in every thread.

__device__ __forceinline__ float activated(Activation activation, float x) {
  switch (activation.kind()) {
#define MYNAH_CASE(name, type) \
  case Activation::name:       \
    return activation_functions::type::value(x, activation.parameter());
    MYNAH_ACTIVATIONS(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return x;
}

/// gradient f'(x).
__device__ __forceinline__ float activation_gradient(Activation activation, float operand, float gradient) {
  switch (activation.kind()) {
#define MYNAH_CASE(name, type) \
  case Activation::name:       \
    return activation_functions::type::gradient(operand, gradient, activation.parameter());
    MYNAH_ACTIVATIONS(MYNAH_CASE)
#undef MYNAH_CASE
  }
  return gradient;
}

}  // namespace mynah::kernels::cuda
