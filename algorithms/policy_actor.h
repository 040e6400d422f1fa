#pragma once

#include <optional>

#include "algorithms/actor.h"
#include "algorithms/policy.h"

namespace mynah {

/// A policy that acts in a task, on the policy's own device and stream: continuous actions clipped by the task,
/// discrete ones by the highest score. Deterministic. Both must outlive it. Errors: input_error when observations or
/// actions of the policy are not those of the task.
///
/// A policy with a memory has one for each row: the row's episode begins where `elapsed` is 0. It is asked once a step.
class PolicyActor : public Actor {
 public:
  PolicyActor(Policy& policy, const Task& task);
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override;

 private:
  Matrix place_for(Index rows);
  void run(const ActorInput& input, Matrix outputs);

  Policy* policy_;
  Buffer<float> outputs_;
  std::optional<EpisodeMemory> memory_;
};

}  // namespace mynah
