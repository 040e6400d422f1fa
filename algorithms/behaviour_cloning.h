#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "algorithms/mirror.h"
#include "algorithms/policy.h"
#include "engine/adam.h"
#include "engine/early_stopping.h"
#include "engine/evaluation_plan.h"
#include "engine/snapshot_reader.h"
#include "engine/training_plan.h"

namespace mynah {

/// Options of behaviour cloning (Pomerleau 1991; Bain and Sammut 1995): supervised learning of the expert's actions.
struct BehaviourCloningOptions {
  std::vector<Index> hidden = {256, 256};  ///< Widths of the hidden layers.
  kernels::Activation activation = kernels::Activation::relu;
  Index epochs = 100;           ///< At most; fewer when stopped early.
  Index batch_size = 64;        ///< Rows a step.
  double learning_rate = 1e-3;  ///< Of Adam (Kingma and Ba 2015).
  double weight_decay = 0.0;    ///< Decoupled (AdamW, Loshchilov and Hutter 2019).
  Index patience = 20;          ///< Epochs without a better validation loss before training stops; 0: never.
  bool keep_best = true;        ///< Keep the weights of the best validation loss; false: the last ones.
  bool normalize_observations = true;
  PolicyMemory memory;             ///< What the policy knows of its episode: history, chunks of actions, a GRU.
  bool normalize_actions = false;  ///< Continuous actions only: the loss weighs each action column by 1/variance.
  /// Of continuous actions: the action, trained with mean squared error, or its distribution, with the likelihood.
  PolicyHead head;
  /// Augmentation: standard deviation of normal noise on the observations, drawn anew at every step, in units of each
  /// column's deviation (Bishop 1995). 0: none. Constant columns stay as they are.
  double observation_noise = 0.0;
  /// Augmentation: every training row is there a second time, mirrored. Validation rows are not.
  Mirror mirror;
  std::uint64_t seed = 0;  ///< Of the weights and of the order of rows.
  /// Of the products in training. Weights are kept in float32, and policies run in it, in validation too.
  kernels::Precision precision = kernels::Precision::float32;
  /// On the CPU: that share the large operations of a step. The bits do not depend on it.
  Index threads = 1;

  /// Errors: input_error naming the option as it stands on the command line.
  void validate() const;
  /// Refuses what does not go with such data, which `source` names: a mirror of other sizes, a distribution of classes.
  /// outputs: action columns, or classes.
  void check_data(Index observation_size, bool discrete, Index outputs, const std::string& source) const;
};

/// What is known after an epoch.
struct EpochReport {
  Index epoch = 0;  ///< Counted from 1.
  Index steps = 0;  ///< Optimizer steps so far.
  double training_loss = 0.0;
  std::optional<EvaluationPlan::Result> validation;  ///< Loss in action units; nothing without validation rows.
  bool best = false;                                 ///< The best validation loss so far.
};

struct BehaviourCloningResult {
  Index epochs = 0;
  Index steps = 0;
  Index best_epoch = 0;  ///< 0 without validation.
  double training_loss = 0.0;
  std::optional<EvaluationPlan::Result> validation;  ///< Of the policy that was kept.
  bool stopped_early = false;
};

/// Behaviour cloning: minimises the mean loss between the policy's action and the expert's over the demonstrations'
/// rows: for continuous actions mean squared error, or the negative logarithm of the likelihood where the policy gives
/// a distribution (PolicyHead), softmax cross-entropy for discrete ones. With a chunk, between the actions that the
/// policy predicts and the expert's of this step and the next ones, as far as the episode goes.
///
/// A recurrent policy is trained on sequences of memory.sequence_length steps. They begin at every half of that length,
/// so that most steps have been seen with half of it before them; the state before a sequence is zero, and what would
/// be behind an episode's end does not count.
class BehaviourCloning {
 public:
  /// The rows to train on and to validate with, on a device, with their statistics: what the members of a population
  /// share.
  struct Data {
    /// classes: of the policy, where it sees discrete actions; 0: as many as the demonstrations have.
    Data(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> training_rows,
         std::span<const std::int32_t> validation_rows, const BehaviourCloningOptions& options, Index classes = 0);

    bool discrete = false;
    ResidentData training;  ///< With normalize_actions its targets are standardised; mirrored rows stand behind.
    ResidentData validation;
    /// Of the training rows, where needed; of what the policy sees of a step, and of an action.
    std::optional<ResidentData::Moments> observation_moments, action_moments;
  };

  /// Rows of the demonstrations to train on and to validate with (the latter may be none). The demonstrations are
  /// copied to the device and may go. Errors: input_error for options or data that cannot be trained on.
  BehaviourCloning(DeviceId device, const Demonstrations& demonstrations, std::span<const std::int32_t> training_rows,
                   std::span<const std::int32_t> validation_rows, const BehaviourCloningOptions& options,
                   PolicyDescription names = {});

  /// One of several that train on `stream` and on the same data, which outlive it. rows: those of data.training that it
  /// trains on, each as often as it stands there (mirror images are rows of their own); empty: all, as it has to be for
  /// a recurrent policy.
  BehaviourCloning(Stream& stream, const Data& data, const Demonstrations& demonstrations,
                   const BehaviourCloningOptions& options, PolicyDescription names,
                   std::span<const std::int32_t> rows = {});

  /// Takes the place of options.epochs, before training begins: so many optimizer steps, rounded up to whole epochs.
  void train_for_steps(Index steps);

  /// Called after every epoch; save() may be called from it. Training ends early where it returns false. The policy's
  /// own weights may be further: see fit().
  using Observer = std::function<bool(const EpochReport&)>;

  /// Trains from where it stands (the start, or what load() restored) to the end, and leaves the kept weights in
  /// policy(). Errors: input_error when the loss is no longer finite, naming the epoch.
  ///
  /// Where an epoch is one launch, the next one is queued before the validation of this one is done, which reads a
  /// snapshot of it beside the training. Nobody sees it: what is reported, saved and kept is, to the bit, what it is
  /// without, and an epoch that was not wanted is taken back.
  BehaviourCloningResult fit(const Observer& observer = {});

  /// The parts of fit, for those who train several together: whether it has not ended; what the plan's next epoch is
  /// called, and what follows that epoch (`training_loss` is its mean loss); the end, which keeps the best weights.
  bool goes_on() const;
  Index epochs_done() const { return epoch_; }
  TrainingPlan& plan() { return *plan_; }
  EpochReport finish_epoch(double training_loss);
  /// The same where the plan's next epoch is queued (TrainingPlan::queue_epoch), and nothing behind it: take_epoch()
  /// before the one after it is queued; finish_taken_epoch() in place of finish_epoch(), knowing whether it is, or
  /// loss_of_taken_epoch() and nothing more, after which drop_epoch_ahead() says that it does not count. epoch_ahead()
  /// until it is finished in turn.
  void take_epoch();
  double loss_of_taken_epoch();
  EpochReport finish_taken_epoch(bool ahead);
  void drop_epoch_ahead();
  bool epoch_ahead() const { return epoch_ahead_; }
  BehaviourCloningResult finish();

  Policy& policy() { return policy_; }
  std::string describe_plan() const;

  /// The whole state after an epoch: weights, Adam, best weights, counters. A run that is killed, and goes on from the
  /// last state that was saved, ends with the same bits as one that was not.
  SafetensorsFile save();
  void load(const SafetensorsFile& state);

 private:
  void prepare(std::span<const std::int32_t> rows);
  Buffer<std::int32_t> windows_that_begin_at(std::span<const std::int32_t> rows);
  EpochReport train_ahead();
  void take_back_epoch_ahead();
  void take_moments();
  LossOptions loss_of_output() const;
  void keep_best_weights();
  void restore_best_weights();

  BehaviourCloningOptions options_;
  Loss loss_;
  Policy policy_;
  std::unique_ptr<Data> own_data_;
  Stream* stream_;
  const Data* data_;
  Buffer<std::int32_t> rows_;
  Buffer<float> noise_;  // deviation of each observation column; empty without noise
  std::unique_ptr<Adam> optimizer_;
  std::unique_ptr<TrainingPlan> plan_;
  std::unique_ptr<EvaluationPlan> validation_plan_;  // null without validation rows
  std::unique_ptr<SnapshotReader> reader_;           // of a fit that trains ahead
  bool epoch_ahead_ = false;                         // epoch_ is queued already
  Buffer<float> best_weights_;
  EarlyStopping stopping_;
  Index epoch_ = 0;  ///< Epochs that are done.
  double training_loss_ = 0.0;
};

}  // namespace mynah
