#pragma once

#include "engine/resident_data.h"

namespace mynah {

/// The targets of a batch of windows, gathered from the data, and the loss against them: a prediction [rows, targets
/// columns], the targets' columns behind each other, is compared as [rows targets, columns]. Targets behind the end of
/// an episode count for nothing.
///
/// With values, a sum of losses grows by the losses of the targets that count; with labels, by rows targets times the
/// mean of those that count.
class WindowTargets {
 public:
  /// For `rows` windows. prediction_columns: of all targets of a window.
  WindowTargets(DeviceId device, const ResidentData& data, Index rows, Index prediction_columns);

  /// Those of data.window_rows() or the like, from rows[first[0]] on (null: from rows[0]).
  void gather(Stream& stream, const ResidentData& data, ConstLabels rows, const Index* first) const;
  /// What was gathered: a row for every target, of values.
  ConstMatrix values() const { return values_.size() > 0 ? by_target(values_) : Matrix{}; }
  /// evaluate_loss of engine/loss.h for prediction, gradient (or empty) [rows, prediction_columns].
  void evaluate(Stream& stream, const LossOptions& loss, ConstMatrix prediction, VectorView<double> loss_sum,
                Matrix gradient) const;
  /// As kernels::count_correct: targets that do not count are never met. Labels only.
  void count_correct(Stream& stream, ConstMatrix prediction, VectorView<double> count) const;

 private:
  ConstMatrix dense(Stream& stream, ConstMatrix prediction) const;
  /// A row for every target, of a dense matrix with a row for every window.
  Matrix by_target(const Buffer<float>& storage) const;

  Index rows_;
  Index targets_;
  Index columns_;          ///< Of one target's prediction.
  Buffer<float> values_;   ///< [rows targets, target columns]
  Buffer<float> weights_;  ///< [rows targets]; empty where every target counts.
  Buffer<std::int32_t> labels_;
  Buffer<float> prediction_, gradient_;  ///< Without gaps between rows, where those that are given have gaps.
};

}  // namespace mynah
