#pragma once

#include <functional>

#include "algorithms/actor.h"
#include "engine/demonstrations.h"

namespace mynah {

/// How a mixture of expert and learner acts, and what is asked of the expert.
struct MixtureOptions {
  double beta = 1.0;   ///< Probability that the expert acts, at every step of every episode.
  Index episodes = 1;  ///< At most.
  /// At most so many states are labelled, and no more steps taken; 0: no limit. With one, episodes run one after the
  /// other, else side by side.
  Index labels = 0;
  std::uint64_t seed = 0;
  Index first_episode = 0;  ///< Episode i is a function of (seed, first_episode + i), expert and learner.
  /// Asked before every step, with a way to what has been labelled so far; false ends the rollout there, as a limit of
  /// labels does. May be empty.
  std::function<bool(const std::function<Demonstrations()>& labelled)> goes_on = {};
  /// Answers that the expert has given in the beginnings of these episodes; null for none. It is not asked again where
  /// the states are the same, in all episodes that run side by side.
  const Demonstrations* known = nullptr;
};

/// Who acts. The learner may be null: then the expert acts alone.
struct Mixture {
  Actor* expert = nullptr;
  Stream* expert_stream = nullptr;  ///< Null: that of the rollout.
  Actor* learner = nullptr;
};

/// Runs the mixture in `task`, asking both of them in every state, so that an actor with a memory of its episode sees
/// all of it, whoever acts. What was visited, with the expert's answers: in the order of the episodes, each from its
/// start. Rewards are those of what was done, which need not be what the expert said; there are no next observations
/// for that reason. An episode that was left before its end counts as cut; with a fixed horizon nothing is asked after
/// the task's own end.
///
/// Whatever expert, learner or task throw leaves in *partial what was labelled before it, and is thrown on. Errors of
/// its own: input_error naming task, episode and step for an expert's action that is not finite or no class, and for a
/// reward that is not finite.
Demonstrations roll_out(Stream& stream, const Task& task, const Mixture& mixture, const MixtureOptions& options,
                        Demonstrations* partial = nullptr);

}  // namespace mynah
