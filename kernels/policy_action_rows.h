#pragma once

#include <cmath>

#include "kernels/dynamics/action_rows.h"
#include "kernels/host_device.h"
#include "kernels/policy_actions.h"

namespace mynah::kernels {

/// What the twins of kernels/policy_actions.h do for one row.

/// The first of the largest values.
MYNAH_HOST_DEVICE inline Index largest_of(const float* values, Index count) {
  Index largest = 0;
  for (Index k = 1; k < count; ++k) {
    if (values[k] > values[largest]) largest = k;
  }
  return largest;
}

/// The means of component k, in the parameters of a row.
MYNAH_HOST_DEVICE inline const float* means_of(const float* parameters, Index components, Index columns, Index k) {
  return parameters + (components == 1 ? 0 : components) + k * columns;
}

/// The means of the likeliest component.
MYNAH_HOST_DEVICE inline const float* mode_of(const float* parameters, Index components, Index columns) {
  return means_of(parameters, components, columns, components == 1 ? 0 : largest_of(parameters, components));
}

/// A class with the probabilities softmax(logits), by a random word.
MYNAH_HOST_DEVICE inline Index drawn_class(const float* logits, Index count, std::uint32_t word) {
  using std::exp;
  const auto largest = static_cast<double>(logits[largest_of(logits, count)]);
  double total = 0.0;
  for (Index k = 0; k < count; ++k) total += exp(static_cast<double>(logits[k]) - largest);
  const double wanted = total * (static_cast<double>(word) + 0.5) / 4294967296.0;
  double sum = 0.0;
  Index last = 0;  // of those that can be drawn, where rounding leaves the sum below what is wanted
  for (Index k = 0; k < count; ++k) {
    const double share = exp(static_cast<double>(logits[k]) - largest);
    if (share > 0.0) last = k;
    sum += share;
    if (sum > wanted) return k;
  }
  return last;
}

struct MixtureModeRow {
  ConstMatrix parameters;
  Index components;
  Matrix actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    const float* const mode = mode_of(parameters.data + row * parameters.stride, components, actions.columns);
    for (Index c = 0; c < actions.columns; ++c) actions.data[row * actions.stride + c] = mode[c];
  }
};

struct MixtureSampleRow {
  EpisodeNumbers numbers;
  ConstMatrix parameters;
  MixtureOptions<float> options;
  Matrix actions;

  MYNAH_HOST_DEVICE double deviation(float log_deviation, Index column) const {
    using std::exp;
    const float above = log_deviation < options.smallest_log_deviation ? options.smallest_log_deviation : log_deviation;
    const float cut = above > options.largest_log_deviation ? options.largest_log_deviation : above;
    return exp(static_cast<double>(cut) +
               (options.log_scale.size == 0 ? 0.0 : static_cast<double>(options.log_scale.data[column])));
  }
  MYNAH_HOST_DEVICE void operator()(Index row) const {
    const float* const of_row = parameters.data + row * parameters.stride;
    const Index columns = actions.columns;
    const Index k =
        options.components == 1 ? 0 : drawn_class(of_row, options.components, dynamics::block_of(numbers, row, 0).x);
    const float* const means = means_of(of_row, options.components, columns, k);
    const float* const log_deviations = means + options.components * columns;
    for (Index c = 0; c < columns; ++c) {
      float z[4];
      normals_of_block(dynamics::block_of(numbers, row, 1 + c / 4), z);
      actions.data[row * actions.stride + c] = static_cast<float>(
          static_cast<double>(means[c]) + deviation(log_deviations[c], c) * static_cast<double>(z[c % 4]));
    }
  }
};

struct ClassSampleRow {
  EpisodeNumbers numbers;
  ConstMatrix logits;
  Labels actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    actions.data[row] = static_cast<std::int32_t>(
        drawn_class(logits.data + row * logits.stride, logits.columns, dynamics::block_of(numbers, row, 0).x));
  }
};

}  // namespace mynah::kernels
