#include <algorithm>

#include "engine/resident_data.h"
#include "kernels/error.h"

namespace mynah {
namespace {

/// Runs of rows that follow each other in one episode.
std::vector<RowRange> runs_of(const Demonstrations& demonstrations, std::span<const std::int32_t> rows) {
  std::vector<RowRange> runs;
  Index episode_end = -1;
  for (const Index row : rows) {
    if (!runs.empty() && row == runs.back().end && row < episode_end) {
      runs.back().end = row + 1;
      continue;
    }
    runs.push_back({row, row + 1});
    episode_end = demonstrations.episode(demonstrations.episode_of(row)).end;
  }
  return runs;
}

/// What is stored: every run with copies of its ends, so that its windows are contiguous and lie within it.
struct StoredWindows {
  StoredWindows(const Demonstrations& demonstrations, std::span<const std::int32_t> rows, const RowWindows& windows) {
    const Index after = std::max({Index{0}, windows.inputs - 1 - windows.before, windows.targets - 1});
    for (const RowRange& run : runs_of(demonstrations, rows)) {
      const auto begin = static_cast<Index>(inputs.size());
      for (Index i = -windows.before; i < run.size() + after; ++i) {
        inputs.push_back(run.begin + std::clamp<Index>(i, 0, run.size() - 1));
        const Index step = i + windows.before;
        targets.push_back(run.begin + std::min(step, run.size() - 1));
        weights.push_back(step < run.size() ? 1.0f : 0.0f);
      }
      for (Index start = 0; start < run.size(); start += windows.every) {
        const bool has_more_than_last = start == 0 || start - windows.every + windows.targets < run.size();
        if (windows.every > 1 && !has_more_than_last) break;
        starts.push_back(static_cast<std::int32_t>(begin + start));
      }
    }
  }

  std::vector<Index> inputs, targets;  ///< Rows of the demonstrations.
  std::vector<float> weights;          ///< Of the targets.
  std::vector<std::int32_t> starts;    ///< Of windows, in the above.
};

Buffer<float> upload(Stream& stream, ConstMatrix source, const std::vector<Index>& rows) {
  std::vector<float> values(rows.size() * static_cast<std::size_t>(source.columns));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(source.data + rows[i] * source.stride, source.columns,
                values.data() + static_cast<Index>(i) * source.columns);
  }
  return Buffer<float>(stream, std::span<const float>(values));
}

}  // namespace

ResidentData::ResidentData(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows,
                           const RowWindows& windows)
    : windows_(windows) {
  if (windows.inputs < 1 || windows.before < 0 || windows.targets < 1 || windows.every < 1) {
    throw Error(Error::Cause::internal, "row windows", "a window has no inputs or targets, or does not go on");
  }
  if (rows.empty()) return;
  const StoredWindows stored(demonstrations, rows, windows);
  const auto size = static_cast<Index>(stored.inputs.size());
  if (size > INT32_MAX) {
    throw input_error(demonstrations.source, "has too many rows for windows: " + std::to_string(size),
                      "give fewer demonstrations");
  }
  const Index count = size - std::max(windows.inputs, windows.targets) + 1;
  // Row r of a view begins one stored row behind row r - 1.
  const auto overlapping = [&](const Buffer<float>& storage, Index columns, Index window) {
    return Matrix{storage.data(), count, window * columns, columns};
  };
  inputs_ = upload(stream, demonstrations.observation_matrix(), stored.inputs);
  inputs_view_ = overlapping(inputs_, demonstrations.observation_size, windows.inputs);
  weights_ = Buffer<float>(stream, std::span<const float>(stored.weights));
  if (windows.targets > 1) weights_view_ = overlapping(weights_, 1, windows.targets);
  window_rows_ = Buffer<std::int32_t>(stream, std::span<const std::int32_t>(stored.starts));
  if (!demonstrations.discrete) {
    values_ = upload(stream, demonstrations.action_matrix(), stored.targets);
    stored_values_ = {values_.data(), size, demonstrations.action_size};
    values_view_ = overlapping(values_, demonstrations.action_size, windows.targets);
    return;
  }
  std::vector<std::int32_t> labels;
  labels.reserve(stored.targets.size());
  for (std::size_t i = 0; i < stored.targets.size(); ++i) {
    const bool counts = stored.weights[i] > 0.0f || windows.targets == 1;
    labels.push_back(counts ? demonstrations.labels[static_cast<std::size_t>(stored.targets[i])]
                            : RowWindows::no_label);
  }
  labels_ = Buffer<std::int32_t>(stream, std::span<const std::int32_t>(labels));
}

double ResidentData::count_targets(Stream& stream, ConstLabels rows) const {
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(rows.size));
  kernels::copy_to_host(stream, chosen.data(), rows.data, chosen.size() * sizeof(std::int32_t));
  const std::vector<float> weights = weights_.download(stream);
  double sum = 0.0;
  for (const std::int32_t row : chosen) {
    for (Index s = 0; s < windows_.targets; ++s) sum += weights[static_cast<std::size_t>(row + s)];
  }
  return sum;
}

}  // namespace mynah
