#pragma once

#include <span>

#include "engine/buffer.h"
#include "engine/demonstrations.h"
#include "engine/loss.h"

namespace mynah {

/// Windows of an episode that are rows of a data set: for networks that see several steps, or predict several actions.
/// A window that begins at step s has
///
///   as inputs    the observations of steps s - before, ..., s - before + inputs - 1, flat; the first of the episode
///                stands for those before it, and the last for those behind its end;
///   as targets   the actions of steps s, ..., s + targets - 1, flat; those behind the end of the episode count for
///                nothing (weight 0, or label RowWindows::no_label).
///
/// Windows begin at steps 0, every, 2 every, ... of each episode. Where `every` is more than 1, those are left out that
/// have no action that the window before them has not.
struct RowWindows {
  Index inputs = 1;
  Index before = 0;
  Index targets = 1;
  Index every = 1;

  static constexpr std::int32_t no_label = -1;
};

/// A supervised data set that lies whole in device memory: inputs [rows, columns] and, row by row, either target values
/// or class indices.
class ResidentData {
 public:
  ResidentData() = default;
  /// The given rows of the demonstrations: observations, and actions or labels.
  ResidentData(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows);

  /// Windows of these rows, which rise; rows that follow each other in one episode are taken for an episode. No
  /// observation or action is stored more than once, but for `before` and the like at the ends of episodes: in memory,
  /// the rows of inputs() and values() overlap, and of all the rows only window_rows() are windows. Errors: input_error
  /// for too many rows, internal for windows without inputs, targets or a distance between them.
  ResidentData(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
               const RowWindows& windows);

  bool has_windows() const { return window_rows_.size() > 0; }
  /// The rows that are windows; empty: all rows count.
  ConstLabels window_rows() const { return window_rows_.view(); }
  /// How many actions a row of targets has; of labels, row r has those from r on.
  Index targets_per_row() const { return windows_.targets; }
  /// [rows, targets_per_row], where it is more than 1: 1 where there is such an action, else 0.
  ConstMatrix target_weights() const { return weights_view_; }
  /// The sum of these weights over some rows, numbers in device memory.
  double count_targets(Stream& stream, ConstLabels rows) const;

  Index rows() const { return inputs_view_.rows; }
  bool empty() const { return rows() == 0; }
  ConstMatrix inputs() const { return inputs_view_; }
  ConstMatrix values() const { return values_view_; }  ///< No columns where the targets are classes.
  ConstLabels labels() const { return labels_.view(); }
  bool has_labels() const { return labels_.size() > 0; }
  Targets targets(Index first, Index count) const;
  /// Downloads the targets and refuses what the loss is not defined for, or what does not fit the number of columns of
  /// a prediction, for all targets of a row: see check_targets of engine/loss.h.
  void check_targets(Stream& stream, const LossOptions& loss, Index prediction_columns) const;

  /// Mean and standard deviation of each column of the inputs, and of the target values; a constant column gets
  /// deviation 1, so that it can be divided by. Not of windows, whose rows repeat what is stored once.
  struct Moments {
    std::vector<float> mean;
    std::vector<float> deviation;
    std::vector<bool> constant = {};  ///< Whether the column is.
  };
  Moments input_moments(Stream& stream) const { return moments_of_rows(stream, inputs_view_); }
  Moments value_moments(Stream& stream) const { return moments_of_rows(stream, values_view_); }

  /// (input - mean) / deviation, of every row: made once for the same numbers and kept as long as the data. mean,
  /// deviation [columns] in device memory.
  ConstMatrix standardized_inputs(Stream& stream, ConstVector mean, ConstVector deviation) const;

  /// Replaces the target values by (value - mean) / deviation. moments: of the columns of one target.
  void standardize_values(Stream& stream, const Moments& moments);

 private:
  struct Standardized {
    Moments moments;
    Buffer<float> values;
    Matrix view;
  };
  Moments moments_of_rows(Stream& stream, ConstMatrix matrix) const;

  Buffer<float> inputs_;
  Buffer<float> values_;
  Buffer<std::int32_t> labels_;
  Buffer<float> weights_;
  Buffer<std::int32_t> window_rows_;
  Matrix inputs_view_;
  Matrix values_view_;
  Matrix stored_values_;  ///< Each once: values_view_, or what its rows are windows of.
  Matrix weights_view_;
  RowWindows windows_;
  mutable std::vector<Standardized> standardized_;
};

}  // namespace mynah
