#pragma once

#include "engine/buffer.h"
#include "kernels/mlp_training.h"

namespace mynah {

/// What a launch of resident training has left, weights, moments, number of steps and sum of the loss, in memory that
/// the next launch does not touch: to read while that one runs, or to go back to. See TrainingPlan::queue_epoch.
class TrainingSnapshot {
 public:
  /// Of a network as `live` is now; size: of its parameters, and so of each of the moments it has.
  TrainingSnapshot(Stream& stream, const kernels::MlpMember& live, Index size);

  /// For kernels::train_mlp, which writes it.
  kernels::MlpSnapshot places() const;

  /// Laid out as Parameters::trained().
  ConstVector trained() const { return parameters_.view(); }
  /// Waits for `reader`, which has to run after the launch (kernels::run_after).
  double loss_sum(Stream& reader) const { return loss_sum_.download(reader)[0]; }
  /// The network, its moments and its number of steps become what they were.
  void restore(Stream& stream, const kernels::MlpMember& live) const;

 private:
  Buffer<float> parameters_, first_moment_, second_moment_;
  Buffer<Index> steps_;
  Buffer<double> loss_sum_;
};

}  // namespace mynah
