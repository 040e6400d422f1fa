#pragma once

#include "algorithms/actor.h"
#include "algorithms/policy.h"

namespace mynah {

/// A policy that acts in a task, on the policy's own device and stream: continuous actions clipped by the task,
/// discrete ones by the highest score. Deterministic. Both must outlive it. Errors: input_error when observations or
/// actions of the policy are not those of the task.
class PolicyActor : public Actor {
 public:
  PolicyActor(Policy& policy, const Task& task);
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override;

 private:
  Matrix place_for(Index rows);

  Policy* policy_;
  Buffer<float> outputs_;
};

}  // namespace mynah
