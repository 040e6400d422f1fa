#pragma once

#include <span>

#include "engine/buffer.h"
#include "engine/demonstrations.h"
#include "engine/loss.h"

namespace mynah {

/// A supervised data set that lies whole in device memory: inputs [rows, columns] and, row by row, either target values
/// or class indices.
class ResidentData {
 public:
  ResidentData() = default;
  /// The given rows of the demonstrations: observations, and actions or labels.
  ResidentData(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows);

  Index rows() const { return inputs_view_.rows; }
  bool empty() const { return rows() == 0; }
  ConstMatrix inputs() const { return inputs_view_; }
  ConstMatrix values() const { return values_view_; }  ///< No columns where the targets are classes.
  ConstLabels labels() const { return labels_.view(); }
  Targets targets(Index first, Index count) const;
  /// Downloads the targets and refuses what the loss is not defined for, or what does not fit the number of columns of
  /// a prediction: see check_targets of engine/loss.h.
  void check_targets(Stream& stream, const LossOptions& loss, Index prediction_columns) const;

  /// Mean and standard deviation of each column of the inputs, and of the target values; a constant column gets
  /// deviation 1, so that it can be divided by.
  struct Moments {
    std::vector<float> mean;
    std::vector<float> deviation;
    std::vector<bool> constant = {};  ///< Whether the column is.
  };
  Moments input_moments(Stream& stream) const { return moments(stream, inputs_view_); }
  Moments value_moments(Stream& stream) const { return moments(stream, values_view_); }

  /// (input - mean) / deviation, of every row: made once for the same numbers and kept as long as the data. mean,
  /// deviation [columns] in device memory.
  ConstMatrix standardized_inputs(Stream& stream, ConstVector mean, ConstVector deviation) const;

  /// Replaces the target values by (value - mean) / deviation.
  void standardize_values(Stream& stream, const Moments& moments);

 private:
  struct Standardized {
    Moments moments;
    Buffer<float> values;
    Matrix view;
  };
  static Moments moments(Stream& stream, ConstMatrix matrix);

  Buffer<float> inputs_;
  Buffer<float> values_;
  Buffer<std::int32_t> labels_;
  Matrix inputs_view_;
  Matrix values_view_;
  mutable std::vector<Standardized> standardized_;
};

}  // namespace mynah
