#pragma once

#include <string>

#include "algorithms/tasks/task.h"

namespace mynah {

/// What an actor decides on, in device memory: row m is episode first_episode + m.
struct ActorInput {
  ConstMatrix observations;  ///< [rows, observation_size]
  ConstLabels elapsed;       ///< [rows], steps each episode has taken
  Index first_episode = 0;
  ConstLabels status = {};  ///< [rows], kernels::EpisodeStatus as a number; empty: all are running.
};

/// Whatever chooses actions: an expert, a random policy, a trained network.
///
/// For runs that do not depend on the batch size, the action of a row depends on that row, its episode number and its
/// step count alone.
class Actor {
 public:
  virtual ~Actor() = default;

  /// Fills the part of `actions` that the task uses, for every row, also of episodes that have ended. Queued on the
  /// stream; called with the same number of rows again and again, so what it needs is allocated on the first call.
  virtual void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) = 0;
};

}  // namespace mynah
