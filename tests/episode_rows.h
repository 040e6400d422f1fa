#pragma once

#include "algorithms/tasks/task.h"
#include "engine/buffer.h"

namespace mynah {

/// The memory of a batch of episodes on a device.
struct EpisodeRows {
  EpisodeRows(Stream& stream, const TaskDescription& d, Index count)
      : states(stream.device(), count * d.state_size),
        returns(stream.device(), count),
        observations(stream.device(), count * d.observation_size),
        rewards(stream.device(), count),
        elapsed(stream.device(), count),
        status(stream.device(), count),
        batch{{states.data(), count, d.state_size},
              {observations.data(), count, d.observation_size},
              rewards.view(),
              returns.view(),
              elapsed.view(),
              status.view()} {}

  Buffer<double> states, returns;
  Buffer<float> observations, rewards;
  Buffer<std::int32_t> elapsed, status;
  kernels::EpisodeBatch batch;
};

}  // namespace mynah
