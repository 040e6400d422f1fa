#pragma once

#include "kernels/host_device.h"
#include "kernels/policy_memory.h"

namespace mynah::kernels {

/// What the twins of kernels/policy_memory.h do for one row.

struct RememberObservationsRow {
  ConstMatrix observations;
  ConstLabels elapsed;
  Matrix history;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    const Index columns = observations.columns, older = history.columns - columns;
    const float* const observation = observations.data + row * observations.stride;
    float* const remembered = history.data + row * history.stride;
    const bool begins = elapsed.data[row] == 0;
    for (Index i = 0; i < older; ++i) remembered[i] = begins ? observation[i % columns] : remembered[i + columns];
    for (Index c = 0; c < columns; ++c) remembered[older + c] = observation[c];
  }
};

struct ForgetStatesRow {
  ConstLabels elapsed;
  Matrix states;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    if (elapsed.data[row] != 0) return;
    for (Index c = 0; c < states.columns; ++c) states.data[row * states.stride + c] = 0.0f;
  }
};

struct RememberActionsRow {
  ConstMatrix actions;
  ConstVector low, high;
  Matrix last;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    for (Index c = 0; c < last.columns; ++c) {
      float action = actions.data[row * actions.stride + c];
      if (low.size > 0) action = action < low.data[c] ? low.data[c] : action > high.data[c] ? high.data[c] : action;
      last.data[row * last.stride + c] = action;
    }
  }
};

struct RememberChoicesRow {
  ConstLabels choices;
  Matrix last;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    for (Index c = 0; c < last.columns; ++c) last.data[row * last.stride + c] = c == choices.data[row] ? 1.0f : 0.0f;
  }
};

struct CombineChunksRow {
  ConstMatrix chunks;
  ConstLabels elapsed;
  ChunkRule rule;
  Matrix memory;
  Matrix actions;

  MYNAH_HOST_DEVICE void operator()(Index row) const {
    const Index size = actions.columns, steps = chunks.columns / size, now = elapsed.data[row];
    float* const slots = memory.data + row * memory.stride;
    float* const newest = slots + (now % steps) * chunks.columns;
    for (Index i = 0; i < chunks.columns; ++i) newest[i] = chunks.data[row * chunks.stride + i];
    const bool open_loop = rule.execution == ChunkRule::Execution::open_loop;
    const Index count = now + 1 < steps ? now + 1 : steps;  // chunks of this episode
    const Index oldest = open_loop ? now - now % steps : now - count + 1;
    const Index last = open_loop ? oldest : now;
    for (Index c = 0; c < size; ++c) {
      float sum = 0.0f, weights = 0.0f, weight = 1.0f;
      for (Index begun = oldest; begun <= last; ++begun) {
        sum += weight * slots[(begun % steps) * chunks.columns + (now - begun) * size + c];
        weights += weight;
        weight *= rule.decay;
      }
      actions.data[row * actions.stride + c] = sum / weights;
    }
  }
};

}  // namespace mynah::kernels
