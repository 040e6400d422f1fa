#pragma once

#include "algorithms/tasks/task.h"

namespace mynah {

/// Pendulum-v1: kernels/dynamics/pendulum.h.
class PendulumTask : public Task {
 public:
  PendulumTask();
  void reset(Stream& stream, std::uint64_t seed, Index first_episode,
             const kernels::EpisodeBatch& batch) const override;
  void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const override;
};

}  // namespace mynah
