#pragma once

#include "algorithms/tasks/task.h"

namespace mynah {

/// CartPole-v1: kernels/dynamics/cartpole.h.
class CartPoleTask : public Task {
 public:
  CartPoleTask();
  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override;
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override;
};

}  // namespace mynah
