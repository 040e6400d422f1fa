#pragma once

#include <optional>

#include "algorithms/actor.h"
#include "algorithms/policy.h"

namespace mynah {

/// A policy that acts in a task, on the policy's own device and stream: continuous actions clipped by the task,
/// discrete ones by the highest score. Deterministic, or drawn from the distribution that the network gives: of
/// classes, softmax of their scores; of continuous actions, that of the policy's head (PolicyHead). Both must outlive
/// it. Errors: input_error when observations or actions of the policy are not those of the task, and when actions are
/// to be drawn that have no distribution.
///
/// A policy with a memory has one for each row: the row's episode begins where `elapsed` is 0. It is asked once a step.
class PolicyActor : public Actor {
 public:
  struct Options {
    bool sampled = false;    ///< Drawn, by random numbers of (seed, episode, step).
    std::uint64_t seed = 0;  ///< Of what is drawn.
  };

  PolicyActor(Policy& policy, const Task& task) : PolicyActor(policy, task, Options()) {}
  PolicyActor(Policy& policy, const Task& task, const Options& options);
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override;

 private:
  Matrix place_for(Index rows, Index columns);
  void act_deterministically(Stream& stream, const ActorInput& input, const ActionBatch& actions);
  /// What the policy remembers of these rows; null for a policy without a memory.
  EpisodeMemory* memory_of(const ActorInput& input);
  void draw(Stream& stream, const ActorInput& input, const ActionBatch& actions);

  Policy* policy_;
  Options options_;
  Buffer<float> outputs_;
  std::optional<EpisodeMemory> memory_;
};

}  // namespace mynah
