#pragma once

#include "algorithms/actor.h"
#include "algorithms/policy.h"

namespace mynah {

/// A policy of discrete actions that draws them: action c with probability softmax(scores)_c.
///
/// The draw of a row depends on (seed, episode, step) alone, so that episodes do not depend on which run beside them.
/// Actions are drawn on the host. The policy must outlive it. Errors: as PolicyActor; input_error for a policy of
/// continuous actions, which has no distribution to draw from.
class SampledPolicyActor : public Actor {
 public:
  SampledPolicyActor(Policy& policy, const Task& task, std::uint64_t seed);
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override;

 private:
  Policy* policy_;
  RandomKey key_;
  Buffer<float> scores_;
};

/// The class of scores at which the sum of the softmax's probabilities passes u, which is in [0, 1).
std::int32_t draw_class(std::span<const float> scores, double u);

}  // namespace mynah
