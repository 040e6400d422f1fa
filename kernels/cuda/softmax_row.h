#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/row_group.h"

namespace mynah::kernels::cuda {

/// Softmax cross-entropy of one row (kernels/classification.h), by a group of threads.

struct SoftmaxArguments {
  ConstMatrix logits;
  const std::int32_t* labels;
  const float* class_weights;  ///< null: all 1
  const float* weights;        ///< null: all 1
  float label_smoothing;
  bool ignores;
  std::int32_t ignored_label;
  const double* divisor;  ///< D in device memory; null: the number of rows

  __device__ bool counts(Index row) const { return !ignores || labels[row] != ignored_label; }
  __device__ bool is_class(Index label) const { return label >= 0 && label < logits.columns; }
  __device__ float class_weight(Index c) const { return class_weights == nullptr ? 1.0f : class_weights[c]; }
  __device__ float weight(Index row) const { return weights == nullptr ? 1.0f : weights[row]; }
  /// 1 / D, or 0 where nothing counts.
  __device__ double share() const {
    const double d = divisor == nullptr ? static_cast<double>(logits.rows) : *divisor;
    return d == 0.0 ? 0.0 : 1.0 / d;
  }
};

/// Σ_c exp(l_c - largest) of a row, and what smoothing takes from it.
struct RowSums {
  float largest, partition;
  float class_weights;  ///< Σ_c u_c
  float smoothed;       ///< Σ_c u_c (l_c - largest)
};

/// Each thread reads its elements from memory once, and then from L1 (a row of 1024 classes is 4 KB).
template <int group>
__device__ __forceinline__ RowSums sums_of_row(const SoftmaxArguments& arguments, const float* logits, Index classes,
                                               int lane) {
  RowSums sums{-INFINITY, 0.0f, static_cast<float>(classes), 0.0f};
  for (Index c = lane; c < classes; c += group) sums.largest = logits[c] > sums.largest ? logits[c] : sums.largest;
  sums.largest = group_max<group>(sums.largest);
  for (Index c = lane; c < classes; c += group) sums.partition += expf(logits[c] - sums.largest);
  sums.partition = group_sum<group>(sums.partition);
  if (arguments.label_smoothing == 0.0f) return sums;
  float weights = 0.0f;
  for (Index c = lane; c < classes; c += group) {
    weights += arguments.class_weight(c);
    sums.smoothed += arguments.class_weight(c) * (logits[c] - sums.largest);
  }
  sums.class_weights = group_sum<group>(weights);
  sums.smoothed = group_sum<group>(sums.smoothed);
  return sums;
}

/// What a row is compared with, for a label that is a class: see kernels/classification.h.
struct Comparison {
  __device__ Comparison(const SoftmaxArguments& arguments, const RowSums& sums, Index label)
      : sharp((1.0f - arguments.label_smoothing) * arguments.class_weight(label)),
        smooth(arguments.label_smoothing / static_cast<float>(arguments.logits.columns)),
        sum(sharp + smooth * sums.class_weights) {}
  float sharp;   ///< (1 - ε) u_label
  float smooth;  ///< ε / K
  float sum;     ///< Q
};

/// One row: its gradient and, in the group's first thread, its loss times its weight; else 0. A thread writes only
/// elements that it alone reads, and the logit of the label is read before, so that the gradient may take the place of
/// the logits.
template <int group>
__device__ __forceinline__ double softmax_row(const SoftmaxArguments& arguments, float* gradients, Index stride,
                                              double share, Index row, int lane, bool valid) {
  const Index classes = valid ? arguments.logits.columns : 0;
  const float* logits = arguments.logits.data + (valid ? row * arguments.logits.stride : 0);
  const Index label = valid ? arguments.labels[row] : -1;
  const bool is_class = arguments.is_class(label);
  float at_label = 0.0f;
  for (Index c = lane; c < classes; c += group) at_label = c == label ? logits[c] : at_label;
  at_label = group_sum<group>(at_label);  // one thread holds it, the others 0
  const RowSums sums = sums_of_row<group>(arguments, logits, classes, lane);
  if (!valid) return 0.0;
  const bool counts = arguments.counts(row);
  const float weight = arguments.weight(row);
  const Comparison comparison(arguments, sums, is_class ? label : 0);
  if (gradients != nullptr) {
    float* gradient = gradients + row * stride;
    const auto scale = static_cast<float>(static_cast<double>(weight) * share);
    for (Index c = lane; c < classes; c += group) {
      const float probability = expf(logits[c] - sums.largest) / sums.partition;
      float compared = c == label ? comparison.sharp : 0.0f;
      if (comparison.smooth != 0.0f) compared += comparison.smooth * arguments.class_weight(c);
      gradient[c] = !counts ? 0.0f : is_class ? (comparison.sum * probability - compared) * scale : NAN;
    }
  }
  if (lane != 0 || !counts) return 0.0;
  if (!is_class) return static_cast<double>(NAN);
  const double entropy = static_cast<double>(comparison.sum) * log(static_cast<double>(sums.partition)) -
                         static_cast<double>(comparison.smooth) * static_cast<double>(sums.smoothed);
  const double of_label =
      static_cast<double>(comparison.sharp) * (static_cast<double>(sums.largest) - static_cast<double>(at_label));
  // A class of weight 0 may have a logit of minus infinity.
  return static_cast<double>(weight) * (comparison.sharp == 0.0f ? entropy : entropy + of_label);
}

}  // namespace mynah::kernels::cuda
