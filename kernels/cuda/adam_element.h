#pragma once

#include <cuda_runtime.h>

#include "kernels/optimizer_functions.h"
#include "kernels/view.h"

namespace mynah::kernels::cuda {

/// The coefficients of a step of Adam, each rounded once from double.
struct AdamFactors {
  float beta1;
  float beta2;
  float rest1;  ///< 1 - β1
  float rest2;  ///< 1 - β2
  float epsilon;
  float added_decay;      ///< weight_decay unless decoupled
  float kept;             ///< 1 - η weight_decay if decoupled, else 1
  float step_size;        ///< η/(1 - β1ᵗ)
  float root_correction;  ///< 1/sqrt(1 - β2ᵗ)
};

__device__ inline AdamFactors adam_factors(const AdamOptions& options, float learning_rate, Index steps) {
  const auto rate = static_cast<double>(learning_rate);
  const auto step = static_cast<double>(steps);
  AdamFactors factors;
  factors.beta1 = static_cast<float>(options.beta1);
  factors.beta2 = static_cast<float>(options.beta2);
  factors.rest1 = static_cast<float>(1.0 - options.beta1);
  factors.rest2 = static_cast<float>(1.0 - options.beta2);
  factors.epsilon = static_cast<float>(options.epsilon);
  factors.added_decay = options.decoupled ? 0.0f : static_cast<float>(options.weight_decay);
  factors.kept = options.decoupled ? static_cast<float>(1.0 - rate * options.weight_decay) : 1.0f;
  factors.step_size = static_cast<float>(rate / (1.0 - pow(options.beta1, step)));
  factors.root_correction = static_cast<float>(1.0 / sqrt(1.0 - pow(options.beta2, step)));
  return factors;
}

/// One element; the gradient already multiplied by the factor of clipping.
__device__ __forceinline__ void adam_element(const AdamFactors& factors, float gradient, float& theta, float& first,
                                             float& second) {
  const float g = gradient + factors.added_decay * theta;
  first = factors.beta1 * first + factors.rest1 * g;
  second = factors.beta2 * second + factors.rest2 * g * g;
  const float denominator = sqrtf(second) * factors.root_correction + factors.epsilon;
  theta = factors.kept * theta - factors.step_size * first / denominator;
}

}  // namespace mynah::kernels::cuda
