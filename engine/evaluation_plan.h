#pragma once

#include <memory>
#include <optional>

#include "engine/execution.h"
#include "engine/window_targets.h"

namespace mynah {

/// The mean loss of a network over a data set, planned once; used for validation. Runs in blocks of rows.
class EvaluationPlan {
 public:
  struct Result {
    /// Mean over the rows; of windows, over the targets that count. With labels, of windows of several targets, each
    /// block of rows enters with its own mean and as many as it has rows (engine/window_targets.h).
    double loss = 0.0;
    double accuracy = 0.0;  ///< Share of rows whose highest score stands at the label; 0 where targets are values.
    /// Where the network gives a distribution: mean squared error, over rows and columns, of its likeliest action.
    std::optional<double> squared_error = {};
  };

  /// Everything passed by reference must outlive the plan and keep its place; data has at least one row, and a mixture
  /// one target a row. Errors:
  /// input_error for targets that the loss is not defined for, or that do not fit the network.
  EvaluationPlan(Stream& stream, const Network& network, Value input, Value output, LossOptions loss,
                 const ResidentData& data);

  /// Waits for the stream.
  Result run(Stream& stream) const;

 private:
  /// Rows that run together: a block, or what is left.
  struct Block {
    std::unique_ptr<Execution> execution;
    std::unique_ptr<WindowTargets> windows;  ///< Of data with windows.
  };
  Block make_block(const Network& network, Value output, Index rows) const;
  Index rows() const;
  void queue(Stream& stream, const Block& block, Index first) const;
  /// Of the likeliest actions of a distribution.
  void queue_squared_error(Stream& stream, ConstMatrix prediction, ConstMatrix values) const;
  void queue_windows(Stream& stream, const Block& block, Index first) const;

  Value input_;
  Value output_;
  LossOptions loss_;
  const ResidentData* data_;
  Buffer<double> sums_;    ///< loss, correct, squared error
  Buffer<float> actions_;  ///< Of a block, where the network gives a distribution.
  double targets_ = 0.0;   ///< That count.
  Block block_;
  Block rest_;
};

}  // namespace mynah
