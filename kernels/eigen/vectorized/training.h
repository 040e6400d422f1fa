#pragma once

#include "kernels/eigen/vectorized/elementwise.h"

/// What a training step does besides products: the error, and Adam.
namespace mynah::kernels::eigen::vectorized {
namespace {

typedef float HalfVec __attribute__((vector_size(vector_bytes / 2)));
typedef double DoubleVec __attribute__((vector_size(vector_bytes)));

template <int Begin, int... Lane>
MYNAH_INLINE DoubleVec doubles_of_half(Vec x, LaneList<Lane...>) {
  const HalfVec half = __builtin_shufflevector(x, x, (Begin + Lane)...);
  return __builtin_convertvector(half, DoubleVec);
}

double squared_error(Size rows, Size columns, ConstRows prediction, ConstRows target, float scale, Rows gradient) {
  using HalfLanes = MakeLaneList<lanes / 2>::type;
  const Vec factor = broadcast(scale);
  DoubleVec low = {}, high = {};
  const bool contiguous = prediction.stride == columns && target.stride == columns && gradient.stride == columns;
  for_each_run(rows, columns, contiguous, [&](Size m, Size n) {
    const float* p = prediction.data + m * prediction.stride;
    const float* t = target.data + m * target.stride;
    float* g = gradient.data == nullptr ? nullptr : gradient.data + m * gradient.stride;
    for_each_vector(n, [&](Size i, auto... some) {
      const Vec difference = load(p + i, some...) - load(t + i, some...);
      const DoubleVec one = doubles_of_half<0>(difference, HalfLanes{});
      const DoubleVec other = doubles_of_half<lanes / 2>(difference, HalfLanes{});
      low += one * one;
      high += other * other;
      if (g != nullptr) store(g + i, factor * difference, some...);
    });
  });
  low += high;
  double total = 0.0;
  for (int i = 0; i < lanes / 2; ++i) total += low[i];
  return total;
}

void adam_step(const AdamCoefficients& a, Size n, float* parameters, const float* gradient, float* first_moment,
               float* second_moment) {
  const DenormalsAreZeros scope;
  const Vec beta1 = broadcast(a.beta1), beta2 = broadcast(a.beta2);
  const Vec rest1 = broadcast(a.rest1), rest2 = broadcast(a.rest2);
  const Vec step_size = broadcast(a.step_size), root_scale = broadcast(a.root_scale), epsilon = broadcast(a.epsilon);
  const Vec decay = broadcast(a.decay), keep = broadcast(a.keep);
  for_each_vector(n, [&](Size i, auto... some) {
    const Vec theta = load(parameters + i, some...);
    const Vec g = load(gradient + i, some...) + decay * theta;
    const Vec m = beta1 * load(first_moment + i, some...) + rest1 * g;
    const Vec v = beta2 * load(second_moment + i, some...) + rest2 * g * g;
    store(first_moment + i, m, some...);
    store(second_moment + i, v, some...);
    store(parameters + i, keep * theta - step_size * m / (square_root(v) * root_scale + epsilon), some...);
  });
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
