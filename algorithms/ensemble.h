#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/actor.h"
#include "algorithms/policy.h"
#include "engine/buffer.h"

namespace mynah {

/// Several policies of one kind that act as one, and say how far they disagree: an estimate of what they do not know
/// (Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation using deep
/// ensembles", 2017).
///
/// Continuous actions, members m = 1 ... M with action a_mc, each clipped to its bounds:
///
///   action_c = 1/M Σ_m a_mc        disagreement_c = sqrt(1/M Σ_m (a_mc - action_c)²)
///
/// Discrete actions, members with probabilities p_m = softmax(scores), p = 1/M Σ_m p_m:
///
///   action = argmax_c p_c          disagreement = H(p) - 1/M Σ_m H(p_m),   H(p) = -Σ_c p_c ln p_c
///
/// the mutual information of action and member (Houlsby et al. 2011, equation 1), in nats: 0 where all say the same,
/// however unsure, and at most ln M.
///
/// Members that give a mixture of actions (PolicyHead) may each take another of several ways: the mean is then none of
/// them, and the disagreement says so. Such a member acts better by itself.
///
/// Used by one thread at a time.
class Ensemble {
 public:
  /// The members of a population's run folder; of any other run folder, or a policy file, that one. Errors: input_error
  /// naming the file for a member that is missing, damaged, or of another kind than the first.
  static Ensemble load(const std::filesystem::path& path, DeviceId device = {});
  /// Policies that take the same observations and give the same kind of action. With a memory they act through an
  /// EnsembleActor, or with a Step.
  explicit Ensemble(std::vector<Policy> members);

  Index size() const { return static_cast<Index>(members_.size()); }
  Policy& member(Index index) { return members_[static_cast<std::size_t>(index)]; }
  const PolicyDescription& description() const { return members_.front().description(); }
  Index observation_size() const { return members_.front().observation_size(); }
  Index output_size() const { return members_.front().output_size(); }
  /// Whether a member has a memory.
  bool remembers() const;
  /// Columns of disagreement: one for each action column, or one.
  Index disagreement_size() const { return description().discrete ? 1 : output_size(); }

  /// Continuous actions. observation [observation_size]; action and disagreement [output_size]. Errors: input_error for
  /// other sizes or discrete members.
  void act(std::span<const float> observation, std::span<float> action, std::span<float> disagreement);
  /// Discrete actions: the class, and *disagreement in nats.
  Index choose(std::span<const float> observation, float* disagreement);

  /// The next step of episodes that run side by side, for members with a memory: `memories` [members], each of as many
  /// rows as there are observations; elapsed [rows], the steps of each.
  struct Step {
    std::span<EpisodeMemory> memories;
    ConstLabels elapsed;
  };

  /// The same for many observations in memory of the members' device, queued on `stream`, which is of that device: a
  /// batch of each member, in streams of their own, and an operation that takes them together (kernels/ensemble.h).
  /// observations [rows, observation_size]; actions and disagreement [rows, output_size]. step: of members with a
  /// memory, which is told what the ensemble chose.
  void act(Stream& stream, ConstMatrix observations, Matrix actions, Matrix disagreement, const Step& step = {});
  /// choices and disagreement [rows].
  void choose(Stream& stream, ConstMatrix observations, Labels choices, Vector disagreement, const Step& step = {});

 private:
  Matrix run_members(Stream& stream, ConstMatrix observations, const Step& step);
  void refuse_memory(const char* call) const;

  std::vector<Policy> members_;
  Buffer<float> low_, high_;        // [members, output_size]: bounds of continuous actions, if a member has any
  Buffer<float> batch_;             // [members rows, output_size]
  Buffer<float> mean_probability_;  // [rows, output_size]
  std::vector<float> outputs_;      // [members, output_size]
  std::vector<double> probabilities_;
};

/// An ensemble that acts in a task, on the ensemble's device; members with a memory have one for each row, as
/// PolicyActor has. It must outlive this.
class EnsembleActor : public Actor {
 public:
  /// Errors: as PolicyActor.
  EnsembleActor(Ensemble& ensemble, const Task& task);
  void act(Stream& stream, const ActorInput& input, const ActionBatch& actions) override;

 private:
  Ensemble* ensemble_;
  Buffer<float> disagreement_;
  std::vector<EpisodeMemory> memories_;  // of members that have one
};

}  // namespace mynah
