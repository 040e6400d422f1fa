#pragma once

#include <memory>
#include <string>

#include "engine/execution.h"
#include "engine/optimizer.h"
#include "engine/resident_data.h"
#include "engine/resident_mlp.h"
#include "engine/window_targets.h"
#include "kernels/operation_count.h"
#include "kernels/philox.h"
#include "kernels/recording.h"

namespace mynah {

/// Supervised training of a network, planned once: every buffer is placed and every launch is known before the first
/// step.
///
/// A step takes the next rows of the epoch's permutation from the resident data, runs forward, loss and backward, and
/// applies the optimizer. What changes from step to step (position in the epoch, step number, learning rate) lives in
/// device memory, so on CUDA the second step of each batch size is recorded and all later ones are replays of it; on
/// the CPU the operations are called directly. After the first epoch no step allocates.
///
/// A recorded step has fewer operations than one by one, where the network and its training allow it (describe() says
/// what was done, and why not):
///
///   - inputs and targets of a batch are gathered together;
///   - gradients of weights are overwritten by their first share, so that nobody fills them with zeros;
///   - the last layer, if it is linear with few outputs, computes the loss and its gradient as well, and counts the
///   step
///     and the position in passing (kernels/linear_loss.h);
///   - linear layers take the optimizer's step where their gradient is summed (kernels/linear_update.h).
///
/// Steps of full batches are recorded several at a time: one launch by the host for all of them.
///
/// A small perceptron is trained resident on CUDA: a single launch takes it through a whole epoch, see
/// kernels/mlp_training.h. A larger one has the blocks of a cluster for it, where the device has clusters. Weights then
/// agree with those of single operations but for the rounding of sums.
class TrainingPlan {
 public:
  /// How steps run.
  enum class Path {
    automatic,  ///< What is estimated to be the fastest.
    direct,     ///< Operations called one by one.
    recorded,   ///< On CUDA: a step is recorded and replayed; on the CPU as direct.
    resident,   ///< Many steps in one launch, where the network and its training allow it.
  };

  struct Options {
    Index batch_size = 32;
    LossOptions loss = {};   ///< mse by default.
    std::uint64_t seed = 0;  ///< Of the permutations, and of the layers' random numbers.
    Path path = Path::automatic;
    kernels::Precision precision = kernels::Precision::float32;  ///< Of the products; weights stay float32.
    /// Recorded steps do in one launch what can be done together: see below. Weights agree with those of single
    /// operations but for the rounding of single instructions. On the CPU gradients of parameters are overwritten,
    /// which saves filling them with zeros; the weights are the same.
    bool fuse = true;
    Index most_recorded_steps = 16;  ///< So many steps of full batches at most are one recording.
    /// Rows of the data that an epoch takes, in device memory, each as often as it stands here (a bootstrap sample, a
    /// part); empty: all. Has to outlive the plan.
    ConstLabels rows = {};
    /// Standard deviation of the normal noise that is added to each column of the inputs, drawn anew at every step
    /// (kernels/noise.h); in device memory, and has to outlive the plan. Empty: none.
    ConstVector input_noise = {};
  };

  /// Of data with windows (RowWindows), an epoch takes every window once, and `output` has the prediction of each
  /// target behind the other. Where there are several targets the loss is a few launches by itself.
  ///
  /// The network is trained to make the loss of `output` small, given `input`: its layers run in Mode::train, and their
  /// random numbers depend on the seed and the optimizer's step number, so that a resumed training draws those of the
  /// uninterrupted one. Everything passed by reference must outlive the plan and keep its place. Errors: input_error
  /// for an empty data set, data that do not fit the network, targets that the loss is not defined for, or a network of
  /// which nothing is trained.
  TrainingPlan(Stream& stream, Network& network, Value input, Value output, Optimizer& optimizer,
               const ResidentData& data, const Options& options);

  /// One pass over the data in the order that (seed, epoch) determines; the last batch holds what is left over. Returns
  /// the mean loss over the epoch, each batch with the weights it met: of windows over the targets that count, or, with
  /// labels, each batch with the mean of its own, times its rows. Waits for the stream.
  double run_epoch(Stream& stream, Index epoch);

  /// The parts of run_epoch, for those who measure or mix: order of the rows and position 0; steps, one if not said
  /// otherwise, at most to the end of the epoch.
  void begin_epoch(Stream& stream, Index epoch);
  void run_steps(Stream& stream, Index count = 1);
  double finish_epoch(Stream& stream);

  /// For those who record steps of several plans together (PopulationPlan), if records_steps(): steps of equal batches
  /// that are queued as one.
  struct Portion {
    Index steps = 1;
    bool full = true;   ///< Batches of the full size; else the one that is left over at the end of an epoch.
    bool warm = false;  ///< Such a batch has run before, so that it can be recorded.
  };
  bool records_steps() const { return record_ && !resident_; }
  /// How many steps a recording has at best, at most `most`: so many that an epoch takes the fewest launches by the
  /// host.
  Index recorded_together(Index most) const;
  Index most_recorded_steps() const { return most_recorded_steps_; }
  /// What comes next in the epoch: `together` steps, where they are warm, no more than `most_steps` and full; else one.
  Portion next_portion(Index most_steps, Index together) const;
  /// Queues it, one operation after the other.
  void queue(Stream& stream, const Portion& portion) const;
  /// It is done, or queued, by whatever means.
  void was_done(const Portion& portion);
  /// At the end of portions: what they changed is told to those who do not see it.
  void steps_were_taken(Stream& stream);

  /// Where it is resident: an epoch that is queued, for which the host does not wait. It leaves its weights, moments
  /// and loss in a snapshot; there are two, by turns, so that the next epoch can be queued while this one's are read
  /// (by a SnapshotReader), and trained for nothing: go_back_to() then makes the state what it was. Errors: internal
  /// where it is not resident.
  void queue_epoch(Stream& stream, Index epoch);
  /// For those who queue epochs of several plans together: makes room for the snapshots.
  void keep_snapshots(Stream& stream);
  /// Of one of the last two epochs that were queued.
  const TrainingSnapshot& snapshot(Index epoch) const { return resident_->snapshot(static_cast<int>(epoch % 2)); }
  /// The mean loss over it. `reader` has to run after it, and is waited for.
  double loss_of(Stream& reader, Index epoch) const;
  /// Weights, moments and number of steps become what it left.
  void go_back_to(Stream& stream, Index epoch) const { resident_->restore(stream, static_cast<int>(epoch % 2)); }

  /// What trains it where many steps are one launch; else null.
  const ResidentMlp* resident() const { return resident_ ? &*resident_ : nullptr; }
  /// Names the permutations of its epochs.
  RandomKey permutation_key() const { return permutation_key_; }
  /// Whether it was made on this stream, or on one whose operations are done when their calls return.
  bool runs_in_order_with(const Stream& stream) const {
    return stream.device() == network_->device && stream.native() == native_stream_;
  }

  Index rows() const { return order_.size(); }  ///< Of an epoch.
  Index batch_size() const { return batch_size_; }
  Index steps_per_epoch() const { return (rows() + batch_size_ - 1) / batch_size_; }
  /// Whether an epoch takes other rows than each of the data once.
  bool takes_chosen_rows() const { return !chosen_.empty(); }

  /// What a step of a full batch costs, counted while it is queued and not run: see kernels/operation_count.h, which
  /// says what bytes are. Allocates the places of a batch where the training is resident and has none.
  struct StepCost {
    kernels::Work plain;  ///< Every operation by itself, as Path::direct has them.
    kernels::Work taken;  ///< As this plan takes `steps` steps.
    Index steps = 1;
    Index products = 0;        ///< Of linear layers, in `taken`, on CUDA;
    Index tuned_products = 0;  ///< by a kernel that was measured for them (kernels/linear_tuning.h).
  };
  StepCost count_step() const;

  /// What was chosen, for a person: batches, layers, where data lie, whether steps are recorded, and what a step costs.
  std::string describe() const;

 private:
  /// A batch size's places and recording; there are two: the full batch, and what is left over at the end of an epoch.
  struct Batch {
    Batch(Stream& stream, const Network& network, Value output, const ResidentData& data,
          const Execution::Options& options);

    Execution execution;
    /// Decides what a step does together.
    void fuse(const Stream& stream, Value output, const Optimizer& optimizer, const LossOptions& loss);
    /// Gradients of parameters are overwritten, where all layers can.
    void overwrite_gradients(Value output);

    std::unique_ptr<WindowTargets> windows;  ///< In place of what follows, where a row has several targets.
    Buffer<float> value_targets;
    Buffer<std::int32_t> label_targets;
    Matrix values;
    bool fused = false;
    bool overwrites = false;  ///< Gradients of parameters, which need no zeros before.
    std::string not_overwriting = {}, not_with_loss = {}, not_stepping = {};  ///< Why not; empty: it is done.
    std::optional<Execution::LinearOperands> last_layer;                      ///< With the loss.
    Index* steps = nullptr;     ///< Counted here, where backward takes the optimizer's steps.
    bool counts_early = false;  ///< With the loss, before backward.
    bool warm = false;          ///< Has run once, so that scratch memory has its size.
    kernels::Recording recording;
  };

  void choose_path(Stream& stream, Value output, const Options& options);
  Batch& batch_of(const Portion& portion) const { return portion.full ? *full_ : *rest_; }
  void disturb_inputs(Stream& stream, const Batch& batch) const;
  void queue_step(Stream& stream, const Batch& batch) const;
  void queue_plain_step(Stream& stream, const Batch& batch) const;
  void queue_fused_step(Stream& stream, const Batch& batch) const;
  void queue_loss(Stream& stream, const Batch& batch, const Targets& targets) const;
  Targets queue_gather(Stream& stream, const Batch& batch, bool together) const;
  void queue_last_layer_with_loss(Stream& stream, const Batch& batch, const Targets& targets) const;
  void run_portion(Stream& stream, const Portion& portion);
  Index recorded_together() const { return recorded_together(most_recorded_steps_); }
  std::string describe_fusion() const;
  std::string describe_weight_gradients() const;
  std::string describe_cost() const;
  std::string describe_products(const StepCost& cost) const;

  Network* network_;
  Value input_;
  Value output_;
  Optimizer* optimizer_;
  const ResidentData* data_;
  LossOptions loss_;
  Index batch_size_;
  Execution::Options execution_;  ///< Of a full batch.
  RandomKey permutation_key_;
  RandomKey noise_key_;
  void* native_stream_;  ///< That it was made on: Stream::native().
  bool record_ = false;
  bool fuse_ = false;
  Index most_recorded_steps_ = 1;
  std::optional<ResidentMlp> resident_;
  std::string not_resident_;      ///< Why.
  Index row_ = 0;                 ///< Host's copy of position_.
  double targets_per_row_ = 1.0;  ///< That count, on average.
  ConstLabels chosen_;            ///< Options::rows.
  ConstVector input_noise_;       ///< Options::input_noise.
  Buffer<std::int32_t> order_;
  Buffer<std::int32_t> positions_;  ///< In chosen_: the permutation.
  Buffer<Index> epoch_;
  Buffer<Index> position_;
  Buffer<double> loss_sum_;
  Buffer<std::uint32_t> ticket_;  ///< Of kernels::linear_loss: 0 between operations.
  kernels::Recording several_;    ///< recorded_together() steps of full batches.
  std::unique_ptr<Batch> full_;
  std::unique_ptr<Batch> rest_;
};

}  // namespace mynah
