#pragma once

#include "kernels/episode_actions.h"
#include "kernels/host_device.h"
#include "kernels/random_numbers.h"

namespace mynah::dynamics {

/// What the twins of kernels/episode_actions.h do for one row.

/// Block `block` of the random numbers of row `row`.
MYNAH_HOST_DEVICE inline PhiloxBlock block_of(const kernels::EpisodeNumbers& numbers, Index row, Index block) {
  const auto episode = static_cast<std::uint64_t>(numbers.first_episode + row);
  const auto step = static_cast<std::uint64_t>(static_cast<std::uint32_t>(numbers.elapsed.data[row]));
  return philox(numbers.key, (episode << 32) | step, static_cast<std::uint32_t>(block));
}

/// The word as a number of 0 ... count-1.
MYNAH_HOST_DEVICE inline std::int32_t uniform_label(std::uint32_t word, std::int32_t count) {
  return static_cast<std::int32_t>((static_cast<std::uint64_t>(word) * static_cast<std::uint64_t>(count)) >> 32);
}

struct RandomActionsRow {
  kernels::EpisodeNumbers numbers;
  float low;
  float high;
  Matrix actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    for (Index c = 0; c < actions.columns; ++c) {
      const std::uint32_t word = word_of(block_of(numbers, row, c / 4), static_cast<std::uint32_t>(c % 4));
      actions.data[row * actions.stride + c] = uniform_between(word, low, high);
    }
  }
};

struct RandomLabelsRow {
  kernels::EpisodeNumbers numbers;
  std::int32_t count;
  Labels actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    actions.data[row] = uniform_label(block_of(numbers, row, 0).x, count);
  }
};

struct PerturbActionsRow {
  kernels::EpisodeNumbers numbers;
  float deviation;
  float low;
  float high;
  ConstMatrix actions;
  Matrix out;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    for (Index c = 0; c < out.columns; ++c) {
      float z[4];
      normals_of_block(block_of(numbers, row, c / 4), z);
      const float noisy = scaled_normal(z[c % 4], actions.data[row * actions.stride + c], deviation);
      out.data[row * out.stride + c] = noisy < low ? low : noisy > high ? high : noisy;
    }
  }
};

struct PerturbLabelsRow {
  kernels::EpisodeNumbers numbers;
  float probability;
  std::int32_t count;
  ConstLabels actions;
  Labels out;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    const PhiloxBlock block = block_of(numbers, row, 0);
    out.data[row] = unit_uniform(block.x) < probability ? uniform_label(block.y, count) : actions.data[row];
  }
};

}  // namespace mynah::dynamics
