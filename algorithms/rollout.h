#pragma once

#include <vector>

#include "algorithms/actor.h"
#include "engine/demonstrations.h"

namespace mynah {

/// Which episodes to run. Episode i depends on (seed, first_episode + i) alone, whatever the batch size, if the actor's
/// rows do not depend on each other.
struct RolloutOptions {
  Index episodes = 100;
  std::uint64_t seed = 0;
  Index first_episode = 0;  ///< Number of the first; below 2³¹ - episodes.
  Index batch_size = 256;   ///< Episodes that run side by side.

  /// Errors: input_error naming the option, as it stands on the command line where it does.
  void validate() const;
};

/// What is left of episodes that ran: one entry each.
struct EpisodeOutcomes {
  std::vector<double> returns;           ///< Undiscounted.
  std::vector<Index> lengths;            ///< Steps.
  std::vector<std::uint8_t> terminated;  ///< 1 where the task's rule ended it, 0 where the limit of steps did.
};

/// Runs episodes on the stream's device. Errors: input_error where the actor's actions give a return that is no number.
EpisodeOutcomes run_episodes(Stream& stream, const Task& task, Actor& actor, const RolloutOptions& options);

struct CollectOptions : RolloutOptions {
  /// Disturbs what is executed, not what is recorded, so that the recording shows how the actor comes back from states
  /// it would not reach by itself (Laskey et al., "DART: noise injection for robust imitation learning", CoRL 2017).
  /// Continuous: standard deviation of normal noise, in units of half the action range, clipped to the bounds.
  /// Discrete: probability of a uniformly random action instead. 0 to 1.
  double noise = 0.0;
};

/// Records episodes, with observations, the actions that `actor` chose, rewards, next observations, terminals and
/// timeouts. Errors: as run_episodes; input_error for noise outside [0, 1]. Where actor or task fail, *partial gets
/// what was recorded before: whole episodes, and the beginnings of those that ran, as cut by a limit.
Demonstrations collect(Stream& stream, const Task& task, Actor& actor, const CollectOptions& options,
                       Demonstrations* partial = nullptr);

}  // namespace mynah
