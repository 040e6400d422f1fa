#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "algorithms/actor.h"
#include "algorithms/behaviour_cloning.h"
#include "algorithms/evaluation.h"

namespace mynah {

struct MixtureOptions;

/// How often the expert acts itself, by the number i = 1, 2, ... of the iteration: β_i (Ross et al. 2011, section 3.1).
enum class BetaSchedule : std::uint8_t {
  indicator,    ///< β_1 = 1, then 0: without a parameter, and in the paper's experiments as good as any.
  exponential,  ///< β_i = p^(i - 1)
  linear,       ///< β_i = max(0, 1 - (i - 1) / n)
};

/// Options of DAgger, "dataset aggregation" (Ross, Gordon and Bagnell, "A reduction of imitation learning and
/// structured prediction to no-regret online learning", AISTATS 2011, algorithm 3.1).
struct DaggerOptions {
  Index iterations = 10;  ///< At most: N of the paper.
  Index episodes = 5;     ///< An iteration, at most.
  /// Labelled states an iteration, at most; 0: all of its episodes. With a limit (or `queries`) episodes run one after
  /// the other, so that it is met exactly; else side by side. Below the length of an episode its end is never labelled.
  Index steps = 0;
  Index queries = 0;  ///< Labelled states in all, without the initial demonstrations; 0: no limit.
  BetaSchedule beta = BetaSchedule::indicator;
  double beta_decay = 0.5;    ///< p of the exponential schedule.
  Index beta_iterations = 5;  ///< n of the linear schedule.
  /// Each training begins with the weights of the one before. False: anew, as in the paper, where each policy is the
  /// best for all data so far.
  bool warm_start = false;
  /// Optimizer steps of each training, rounded up to whole epochs; takes the place of cloning.epochs. 0:
  /// cloning.epochs, so that trainings grow with the data.
  Index updates = 0;
  /// Part of the data held out for the early stop of each training (engine/split.h). 0: none, since the data are few.
  double validation_fraction = 0.0;
  Index evaluation_episodes = 10;  ///< Of each policy by itself, on other starts than those of the data; 0: none.
  /// Keep the policy with the best evaluation, as the paper returns the best on validation; false, or without
  /// evaluations: the last.
  bool keep_best = true;
  /// Of each training; with a memory, of a policy that has one in rollouts and evaluations. Its seed is that of the
  /// episodes and of the mixture, too.
  BehaviourCloningOptions cloning;

  /// Errors: input_error naming the option as it stands on the command line.
  void validate() const;
  /// β of iteration i >= 1 of the schedule.
  double beta_of(Index i) const;
};

/// What is known after an iteration. Iteration 0 trains on the initial demonstrations, where there are any.
struct DaggerReport {
  Index iteration = 0;
  double beta = 0.0;                     ///< Of the mixture that acted.
  Index queries = 0;                     ///< States that the expert has labelled so far.
  Index rows = 0;                        ///< Of the aggregate, with the initial demonstrations.
  std::optional<double> rollout_return;  ///< Mean over the mixture's whole episodes.
  /// How far the learner was from the expert on the states of the rollouts, before it had seen them: mean squared error
  /// of an action value, or the share of other classes. The loss that is bounded in the paper.
  std::optional<double> disagreement;
  BehaviourCloningResult training;             ///< On the aggregate.
  std::optional<EvaluationResult> evaluation;  ///< Of the new policy by itself.
  bool best = false;                           ///< The best evaluation so far.
};

/// DAgger: a policy is trained on the expert's actions in the states that the policy itself comes to.
///
///   D ← initial demonstrations
///   for i = 1 ... N:
///     π_i = β_i π* + (1 - β_i) π̂_i      at every step of an episode by a coin of its own
///     D ← D ∪ {(s, π*(s)) : s visited by π_i}
///     π̂_{i+1} ← behaviour cloning on D
///
/// The initial demonstrations are the expert's own episodes, and so stand for the first iteration of the schedule: with
/// them iteration i has β_{i+1}. Without them β_1 = 1.
///
/// A policy with a memory (PolicyMemory) acts through it: what it remembers of an episode is all that was visited
/// there, whoever acted. It is trained on windows of D, which has the episodes one behind the other, each from its
/// start and in order; so a chunk is trained on what the expert said in the states that were visited one after the
/// other.
///
/// The same seed gives the same bits, if the expert's action depends on the observation alone, or on those of its
/// episode.
class Dagger {
 public:
  /// Who is imitated. With a stream of its own, the two wait for each other.
  struct Expert {
    Actor* actor = nullptr;
    Stream* stream = nullptr;  ///< Null: the learner's.
    /// Its answers depend on the observation alone: those that are there from a rollout without an end are taken, and
    /// not asked for again.
    bool by_observation = false;
  };

  /// task and expert outlive this. Errors: input_error for options that are not possible.
  Dagger(DeviceId device, const Task& task, Expert expert, const DaggerOptions& options);
  ~Dagger();

  /// What somebody who keeps files is told; each may be empty. A false from one of the last three ends fit.
  struct Observer {
    std::function<void(Index iteration, const Demonstrations& labelled)> labelled;  ///< Before the training on it.
    /// What was labelled in an iteration whose rollout has no end: expert or task failed with what fit throws, or
    /// `acting` ended it.
    std::function<void(Index iteration, const Demonstrations& labelled)> unfinished;
    /// Before every step of a rollout, with a way to what has been labelled in it so far.
    std::function<bool(Index iteration, const std::function<Demonstrations()>& labelled)> acting;
    std::function<bool(Index iteration, const EpochReport&)> epoch;
    std::function<bool(const DaggerReport&)> iteration;
  };

  struct Result {
    Index iterations = 0;
    Index queries = 0;
    Index rows = 0;
    Index best_iteration = 0;                    ///< Whose policy is kept.
    std::optional<EvaluationResult> evaluation;  ///< Of that policy, as it was measured when it was made.
    bool budget_spent = false;                   ///< Ended by `queries`.
    bool interrupted = false;                    ///< By the observer.
  };

  /// Runs from where it stands: the start, or what load() restored. initial: may be null; looked at on the start only.
  Result fit(const Demonstrations* initial, const Observer& observer = {});

  /// The state after an iteration, without the data: policies and counters. load() takes it, or null where no iteration
  /// has ended, with what was labelled as the observer had it: an entry an iteration, first the initial demonstrations
  /// (without rows if there were none). One entry more than the state knows of is the data of the iteration that comes,
  /// for which the expert is not asked again. unfinished: what is there of the first iteration that has no entry, or
  /// nothing, see Expert::by_observation; left aside where it is not the task's. From there the bits go on as if
  /// nothing had been. Errors: input_error for data other than the state's.
  SafetensorsFile save();
  void load(const SafetensorsFile* state, std::vector<Demonstrations> labelled, Demonstrations unfinished = {});

  /// The policy that is kept. Errors: input_error before there is one.
  Policy& policy();
  const Demonstrations& data() const { return data_; }

 private:
  Index next_iteration() const { return done_ + 1; }
  bool spent() const { return options_.queries > 0 && queries_ >= options_.queries; }
  double beta_now() const;
  MixtureOptions mixture_now() const;
  void aggregate(const Demonstrations& labelled);
  void load_counters(const SafetensorsFile& state);
  std::optional<Demonstrations> labelled_states(const Observer& observer);
  std::optional<double> disagreement(const Demonstrations& labelled);
  bool train(DaggerReport& report, const Observer& observer);
  void evaluate(DaggerReport& report);
  bool finish_iteration(DaggerReport& report, const Observer& observer);
  std::unique_ptr<Policy> copy_of(Policy& policy) const;

  DaggerOptions options_;
  DeviceId device_;
  const Task* task_;
  Expert expert_;
  Stream stream_;                       ///< Of rollouts and evaluations without a learner.
  Demonstrations data_;                 ///< The aggregate.
  std::optional<Demonstrations> next_;  ///< Labelled already, of the iteration that comes.
  Demonstrations unfinished_;           ///< Of the rollout that comes, what an earlier attempt has labelled.
  bool has_initial_ = false;
  std::unique_ptr<Policy> learner_, best_;
  Index done_ = -1;  ///< The last iteration that ended; -1: not even 0.
  Index queries_ = 0;
  Index episodes_ = 0;  ///< Begun so far.
  Index best_iteration_ = 0;
  std::optional<EvaluationResult> best_evaluation_;
};

}  // namespace mynah
