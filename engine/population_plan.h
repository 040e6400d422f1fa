#pragma once

#include <string>
#include <vector>

#include "engine/training_plan.h"

namespace mynah {

/// Trains many networks side by side: seeds, learning rates, weight decays. Each member has a network, an optimizer and
/// a plan of its own, and gets the bits that it would get if it were trained alone.
///
/// Where all are trained resident (TrainingPlan::Path) and differ in nothing but these, an epoch of all of them is one
/// launch, a block or a cluster for each; else they are trained one after the other, an epoch at a time.
class PopulationPlan {
 public:
  /// The plans must outlive it and keep their places. Errors: input_error without a member, or for one that was made on
  /// another stream.
  PopulationPlan(Stream& stream, std::vector<TrainingPlan*> members);

  /// One pass of every member over its data, in the order that its seed and the epoch determine. Returns the mean loss
  /// of each over the epoch. Waits for the stream.
  std::vector<double> run_epoch(Stream& stream, Index epoch);

  /// How they are trained, for a person.
  std::string describe() const;

 private:
  std::vector<TrainingPlan*> members_;
  bool together_ = false;
  Buffer<kernels::MlpMember> on_device_;
  Buffer<double> loss_sums_;
};

}  // namespace mynah
