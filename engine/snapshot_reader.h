#pragma once

#include <memory>

#include "engine/evaluation_plan.h"
#include "engine/training_plan.h"

namespace mynah {

/// Reads what epochs of resident training have left, on a stream of its own: their loss, and the loss of the network as
/// it was then over other data, while training goes on. Results are those of an EvaluationPlan on the network itself,
/// to the bit.
///
///   plan.queue_epoch(stream, 0);
///   for (Index epoch = 0; epoch < epochs; ++epoch) {
///     reader.take(stream, plan, epoch);
///     if (epoch + 1 < epochs) plan.queue_epoch(stream, epoch + 1);  // trains while the rest is done
///     log(plan.loss_of(reader.stream(), epoch), reader.evaluate());
///   }
class SnapshotReader {
 public:
  /// `network`, of which a copy is made, is the one that is trained, and `stream` the one it is trained on. data, which
  /// outlive this: what evaluate() takes; null for none. Errors: as EvaluationPlan, and internal for a network of which
  /// something else than constants is not trained.
  SnapshotReader(Stream& stream, const Network& network, Value input, Value output, const LossOptions& loss,
                 const ResidentData* data);

  /// The weights that `epoch` of the plan left, which was queued last on `training`. Waits for nothing: the epoch that
  /// follows can be queued, but the one after it no sooner than this one's loss has been read.
  void take(Stream& training, const TrainingPlan& plan, Index epoch);
  /// Of the weights that were taken. Waits for stream().
  EvaluationPlan::Result evaluate() { return evaluation_->run(stream_); }
  /// Likewise, laid out as Parameters::trained(); in the order of stream().
  ConstVector weights() const { return network_.parameters.trained(); }

  Stream& stream() { return stream_; }

 private:
  Stream stream_;
  Network network_;
  std::unique_ptr<EvaluationPlan> evaluation_;
};

}  // namespace mynah
