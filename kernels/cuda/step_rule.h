#pragma once

#include "kernels/cuda/adam_element.h"
#include "kernels/linear_update.h"
#include "kernels/optimizer_functions.h"
#include "kernels/schedule_functions.h"

namespace mynah::kernels::cuda {

/// What is the same for all elements of a step.
struct StepFactors {
  AdamFactors adam;
  float rate;
};

/// By one thread of a block for all: two powers, and the cosine of a schedule, in double.
__device__ inline StepFactors step_factors(const StepRule& rule) {
  const Index number = rule.steps[0] + rule.ahead;
  StepFactors factors;
  factors.rate =
      static_cast<float>(static_cast<double>(rule.learning_rate[0]) * schedule_factor(rule.schedule, number - 1));
  if (!rule.descends) factors.adam = adam_factors(rule.adam, factors.rate, number);
  return factors;
}

/// Neighbours `at` of values, first and second moment (null where the rule has none), with their gradient.
template <int width>
__device__ __forceinline__ void step_pack(const StepRule& rule, const StepFactors& factors, const Pack<width>& gradient,
                                          float* values, float* first, float* second, Index at) {
  Pack<width> theta = load<width>(values + at);
  if (!rule.descends) {
    Pack<width> m = load<width>(first + at);
    Pack<width> v = load<width>(second + at);
#pragma unroll
    for (int i = 0; i < width; ++i) {
      adam_element(factors.adam, gradient.value[i], theta.value[i], m.value[i], v.value[i]);
    }
    store<width>(first + at, m);
    store<width>(second + at, v);
  } else {
    const SgdCoefficients coefficients(rule.sgd, factors.rate);
    if (rule.sgd.momentum != 0.0) {
      Pack<width> buffer = load<width>(first + at);
#pragma unroll
      for (int i = 0; i < width; ++i) {
        coefficients.step<true>(gradient.value[i], theta.value[i], buffer.value[i]);
      }
      store<width>(first + at, buffer);
    } else {
      float none = 0.0f;
#pragma unroll
      for (int i = 0; i < width; ++i) coefficients.step<false>(gradient.value[i], theta.value[i], none);
    }
  }
  store<width>(values + at, theta);
}

}  // namespace mynah::kernels::cuda
