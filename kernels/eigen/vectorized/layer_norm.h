#pragma once

#include "kernels/eigen/vectorized/row_sums.h"

/// Layer normalisation: kernels/layer_norm.h has the contract.
namespace mynah::kernels::eigen::vectorized {
namespace {

/// Where group number `which` of all rows begins.
MYNAH_INLINE const float* group_of(ConstRows x, const GroupSizes& s, Size which) {
  return x.data + (which / s.groups) * x.stride + (which % s.groups) * s.size;
}
MYNAH_INLINE float* group_of(Rows x, const GroupSizes& s, Size which) {
  return x.data + (which / s.groups) * x.stride + (which % s.groups) * s.size;
}

void layer_norm_forward(const GroupSizes& s, ConstRows x, const float* w, const float* b, float epsilon, Rows y,
                        float* mean, float* reciprocal_deviation) {
  const float size = static_cast<float>(s.size);
  for (Size which = 0; which < s.rows * s.groups; ++which) {
    const float* from = group_of(x, s, which);
    float* to = group_of(y, s, which);
    const Vec first = broadcast(from[0]);
    const auto above_first = [=](Size i, auto... some) __attribute__((always_inline)) {
      return kept(load(from + i, some...) - first, some...);
    };
    const float mu = from[0] + sum_vectors(s.size, above_first) / size;
    const Vec middle = broadcast(mu);
    const auto square = [=](Size i, auto... some) __attribute__((always_inline)) {
      const Vec difference = kept(load(from + i, some...) - middle, some...);
      return difference * difference;
    };
    const float r = 1.0f / __builtin_sqrtf(sum_vectors(s.size, square) / size + epsilon);
    const Vec factor = broadcast(r);
    for_each_vector(s.size, [=](Size i, auto... some) {
      const Vec standardized = (load(from + i, some...) - middle) * factor;
      store(to + i, standardized * load(w + i, some...) + load(b + i, some...), some...);
    });
    mean[which] = mu;
    reciprocal_deviation[which] = r;
  }
}

/// `Groups` groups beside each other, so that dw and db are read and written once for all of them. With g = w dy,
///
///   dx = r (g - mean(g) - x̂ mean(g x̂))
template <int Groups>
MYNAH_INLINE void layer_norm_backward_of(const GroupSizes& s, Size which, ConstRows x, const float* w,
                                         const float* mean, const float* reciprocal_deviation, ConstRows dy, Rows dx,
                                         float* dw, float* db) {
  const float* from[Groups];
  const float* gradient[Groups];
  float* to[Groups];
  Vec middle[Groups], factor[Groups], mean_gradient[Groups], mean_product[Groups];
#pragma GCC unroll 4
  for (int k = 0; k < Groups; ++k) {
    from[k] = group_of(x, s, which + k);
    gradient[k] = group_of(dy, s, which + k);
    middle[k] = broadcast(mean[which + k]);
    factor[k] = broadcast(reciprocal_deviation[which + k]);
    if (dx.data == nullptr) continue;
    to[k] = group_of(dx, s, which + k);
    Vec sum[2] = {}, product[2] = {};
    const auto add = [&](int chain, Size i, auto... some) __attribute__((always_inline)) {
      const Vec g = load(w + i, some...) * load(gradient[k] + i, some...);  // 0 behind the end
      sum[chain] += g;
      product[chain] += g * ((load(from[k] + i, some...) - middle[k]) * factor[k]);
    };
    Size i = 0;
    for (; i + 2 * lanes <= s.size; i += 2 * lanes) add(0, i), add(1, i + lanes);
    for_each_vector(s.size - i, [&](Size rest, auto... some) { add(0, i + rest, some...); });
    const float size = static_cast<float>(s.size);
    mean_gradient[k] = broadcast(sum_of_lanes(sum[0] + sum[1]) / size);
    mean_product[k] = broadcast(sum_of_lanes(product[0] + product[1]) / size);
  }
  for_each_vector(s.size, [&](Size i, auto... some) {
    const Vec weight = load(w + i, some...);
    Vec of_weight = {}, of_bias = {};
#pragma GCC unroll 4
    for (int k = 0; k < Groups; ++k) {
      const Vec g = load(gradient[k] + i, some...);
      const Vec standardized = (load(from[k] + i, some...) - middle[k]) * factor[k];
      of_weight += g * standardized;
      of_bias += g;
      if (dx.data == nullptr) continue;
      store(to[k] + i, factor[k] * (weight * g - mean_gradient[k] - standardized * mean_product[k]), some...);
    }
    if (dw == nullptr) return;
    store(dw + i, load(dw + i, some...) + of_weight, some...);
    store(db + i, load(db + i, some...) + of_bias, some...);
  });
}

void layer_norm_backward(const GroupSizes& s, ConstRows x, const float* w, const float* mean,
                         const float* reciprocal_deviation, ConstRows dy, Rows dx, float* dw, float* db) {
  const Size all = s.rows * s.groups;
  Size which = 0;
  for (; which + 4 <= all; which += 4) {
    layer_norm_backward_of<4>(s, which, x, w, mean, reciprocal_deviation, dy, dx, dw, db);
  }
  for (; which < all; ++which) {
    layer_norm_backward_of<1>(s, which, x, w, mean, reciprocal_deviation, dy, dx, dw, db);
  }
}

}  // namespace
}  // namespace mynah::kernels::eigen::vectorized
