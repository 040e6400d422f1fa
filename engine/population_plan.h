#pragma once

#include <string>
#include <vector>

#include "engine/training_plan.h"

namespace mynah {

/// Trains many networks side by side: seeds, learning rates, weight decays. Each member has a network, an optimizer and
/// a plan of its own, and gets the bits that it would get if it were trained alone.
///
/// Where all are trained resident (TrainingPlan::Path) and differ in nothing but these, and in their data, an epoch of
/// all of them is one launch, a block or a cluster for each. Where all record their steps, and have batches alike, the
/// steps of all are recorded together, each member's as a branch of its own: one launch by the host for all, whose
/// kernels share the device. Else they are trained one after the other, an epoch at a time.
class PopulationPlan {
 public:
  /// The plans must outlive it and keep their places. Errors: input_error without a member, or for one that was made on
  /// another stream.
  PopulationPlan(Stream& stream, std::vector<TrainingPlan*> members);

  /// One pass of every member over its data, in the order that its seed and the epoch determine. Returns the mean loss
  /// of each over the epoch. Waits for the stream.
  std::vector<double> run_epoch(Stream& stream, Index epoch);

  /// Whether an epoch of all is one launch. It can then be queued, as TrainingPlan::queue_epoch does: the host does not
  /// wait, and each member's plan has a snapshot of it. Errors: internal where it is not.
  bool is_resident() const { return way_ == Way::resident; }
  void queue_epoch(Stream& stream, Index epoch);

  /// How they are trained, for a person.
  std::string describe() const;

 private:
  enum class Way { resident, branches, by_turns };

  Way choose_way() const;
  void place_members(Stream& stream);
  void queue_resident(Stream& stream, Index epoch, int snapshot);
  void run_branches(Stream& stream, Index epoch);
  void run_portion(Stream& stream, TrainingPlan::Portion portion);
  void queue_branches(Stream& stream, const TrainingPlan::Portion& portion);

  std::vector<TrainingPlan*> members_;
  Way way_;
  Buffer<kernels::MlpMember> on_device_;
  Buffer<double> loss_sums_;
  bool keeps_snapshots_ = false;
  std::vector<Stream> branches_;  ///< With scratch memory of their own; members take them by turns.
  Index together_ = 1;            ///< Steps of each member in a recording.
  /// Of full batches and of what is left over at the end of an epoch.
  struct Recorded {
    bool warm = false;  ///< The branches' scratch memory has its size.
    kernels::Recording one, several;
  } full_, rest_;
};

}  // namespace mynah
