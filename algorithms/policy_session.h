#pragma once

#include "algorithms/policy.h"

namespace mynah {

/// A policy that acts through one episode after the other, with what it remembers of each: how a policy is used that
/// sees a history, predicts chunks or is recurrent, and any other as well.
///
///   Policy policy = Policy::load("policy.safetensors");
///   PolicySession session(policy);
///   for (...) {
///     session.begin_episode();
///     while (...) session.act(observation, action);
///   }
///
/// Several sessions may use one policy, in turns. The policy must outlive it and keep its place. On the CPU it
/// allocates nothing after its construction.
class PolicySession {
 public:
  explicit PolicySession(Policy& policy);

  /// Forgets everything: the next observation is the first of an episode, as it is for a new session.
  void begin_episode() { step_ = 0; }

  /// The action of the next step: continuous, clipped to the bounds if there are any. observation [observation_size],
  /// action [output_size]. Errors: input_error for other sizes, and for a discrete policy.
  void act(std::span<const float> observation, std::span<float> action);
  /// The action of a discrete policy: the class with the highest score.
  Index choose(std::span<const float> observation);

  /// Before clipping or choosing, as Policy::outputs: the next step's action, or one score a class. result
  /// [output_size]. What is done with them is told by did(), to a policy that sees its actions.
  void outputs(std::span<const float> observation, std::span<float> result);
  /// What was done in place of the action that it gave last, such as by a person who intervened: a policy that sees its
  /// actions (PolicyMemory::actions) goes on from it; for others it says nothing. Errors: as act() and choose().
  void did(std::span<const float> action);
  void did(Index choice);

  /// Steps of this episode so far.
  Index steps() const { return step_; }

 private:
  void check_kind(bool discrete, const char* call) const;
  void check_sizes(std::size_t observations, std::size_t results, const char* call) const;
  void run(std::span<const float> observation);
  void remember(std::span<const float> action);
  void remember(Index choice);

  Policy* policy_;
  EpisodeMemory memory_;
  Buffer<float> observation_, results_;  // on the device
  Buffer<std::int32_t> elapsed_, choice_;
  std::vector<float> output_;
  std::int32_t step_ = 0;
};

}  // namespace mynah
