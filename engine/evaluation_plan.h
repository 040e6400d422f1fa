#pragma once

#include <memory>
#include <optional>

#include "engine/execution.h"
#include "engine/resident_data.h"

namespace mynah {

/// The mean loss of a network over a data set, planned once; used for validation. Runs in blocks of rows.
class EvaluationPlan {
 public:
  struct Result {
    double loss = 0.0;      ///< Mean over the rows.
    double accuracy = 0.0;  ///< Share of rows whose highest score stands at the label; 0 where targets are values.
    /// Where the network gives a distribution: mean squared error, over rows and columns, of its likeliest action.
    std::optional<double> squared_error = {};
  };

  /// Everything passed by reference must outlive the plan and keep its place; data has at least one row. Errors:
  /// input_error for targets that the loss is not defined for, or that do not fit the network.
  EvaluationPlan(Stream& stream, const Network& network, Value input, Value output, LossOptions loss,
                 const ResidentData& data);

  /// Waits for the stream.
  Result run(Stream& stream) const;

 private:
  void queue(Stream& stream, const Execution& execution, Index first) const;

  Value input_;
  Value output_;
  LossOptions loss_;
  const ResidentData* data_;
  Buffer<double> sums_;    ///< loss, correct, squared error
  Buffer<float> actions_;  ///< Of a block, where the network gives a distribution.
  std::unique_ptr<Execution> block_;
  std::unique_ptr<Execution> rest_;
};

}  // namespace mynah
