#include "engine/resident_data.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/reduction.h"
#include "kernels/standardization.h"

namespace mynah {
namespace {

/// The chosen rows of a host matrix, rows padded to 16 bytes, in device memory.
Matrix upload_rows(Stream& stream, ConstMatrix source, std::span<const std::int32_t> rows, Buffer<float>& storage) {
  const Index stride = (source.columns + 3) / 4 * 4;
  std::vector<float> chosen(rows.size() * static_cast<std::size_t>(stride), 0.0f);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(source.data + rows[i] * source.stride, source.columns, chosen.data() + static_cast<Index>(i) * stride);
  }
  storage = Buffer<float>(stream, std::span<const float>(chosen));
  return {storage.data(), static_cast<Index>(rows.size()), source.columns, stride};
}

}  // namespace

ResidentData::ResidentData(Stream& stream, const Demonstrations& demonstrations, std::span<const std::int32_t> rows) {
  inputs_view_ = upload_rows(stream, demonstrations.observation_matrix(), rows, inputs_);
  if (!demonstrations.discrete) {
    values_view_ = stored_values_ = upload_rows(stream, demonstrations.action_matrix(), rows, values_);
    return;
  }
  std::vector<std::int32_t> labels;
  labels.reserve(rows.size());
  for (const Index row : rows) labels.push_back(demonstrations.labels[static_cast<std::size_t>(row)]);
  labels_ = Buffer<std::int32_t>(stream, std::span<const std::int32_t>(labels));
}

Targets ResidentData::targets(Index first, Index count) const {
  Targets targets;
  if (values_view_.data != nullptr) targets.values = values_view_.middle_rows(first, count);
  if (labels_.data() != nullptr) targets.labels = {labels_.data() + first, count};
  return targets;
}

void ResidentData::check_targets(Stream& stream, const LossOptions& loss, Index prediction_columns) const {
  if (prediction_columns % windows_.targets != 0) {
    throw input_error("training data",
                      "has " + std::to_string(windows_.targets) + " targets a row, among which " +
                          std::to_string(prediction_columns) + " columns of predictions cannot be divided",
                      "give the network as many outputs for each");
  }
  const std::vector<float> values = values_.download(stream);
  const std::vector<std::int32_t> labels = labels_.download(stream);
  Targets targets;
  targets.values = {values.data(), stored_values_.rows, stored_values_.columns, stored_values_.stride};
  targets.labels = {labels.data(), static_cast<Index>(labels.size())};
  mynah::check_targets(loss, targets, prediction_columns / windows_.targets, "training data");
}

ResidentData::Moments ResidentData::moments_of_rows(Stream& stream, ConstMatrix matrix) const {
  if (has_windows()) throw Error(Error::Cause::internal, "resident data", "windows have no moments of their own");
  Buffer<float> mean(stream.device(), matrix.columns);
  Buffer<float> variance(stream.device(), matrix.columns);
  kernels::column_moments(stream, matrix, mean.view(), variance.view());
  Moments result{mean.download(stream), variance.download(stream)};
  result.constant.resize(result.deviation.size());
  for (std::size_t c = 0; c < result.deviation.size(); ++c) {
    // What is left of a constant column is rounding of its mean: far below any real spread.
    const float deviation = std::sqrt(result.deviation[c]);
    result.constant[c] = !(deviation > 1e-6f * std::max(1.0f, std::fabs(result.mean[c])));
    result.deviation[c] = result.constant[c] ? 1.0f : deviation;
  }
  return result;
}

ConstMatrix ResidentData::standardized_inputs(Stream& stream, ConstVector mean, ConstVector deviation) const {
  const auto on_host = [&](ConstVector values) {
    std::vector<float> copy(static_cast<std::size_t>(values.size));
    kernels::copy_to_host(stream, copy.data(), values.data, copy.size() * sizeof(float));
    return copy;
  };
  Moments moments{on_host(mean), on_host(deviation)};
  for (const Standardized& known : standardized_) {
    if (known.moments.mean == moments.mean && known.moments.deviation == moments.deviation) return known.view;
  }
  Standardized made{std::move(moments), Buffer<float>(stream.device(), inputs_view_.rows * inputs_view_.stride), {}};
  made.view = {made.values.data(), inputs_view_.rows, inputs_view_.columns, inputs_view_.stride};
  kernels::zero(stream, Matrix{made.values.data(), inputs_view_.rows, inputs_view_.stride});
  kernels::standardize(stream, inputs_view_, mean, deviation, made.view);
  standardized_.push_back(std::move(made));
  return standardized_.back().view;
}

void ResidentData::standardize_values(Stream& stream, const Moments& moments) {
  if (static_cast<Index>(moments.mean.size()) != stored_values_.columns) {
    throw Error(Error::Cause::internal, "resident data", "the moments are not those of one target's columns");
  }
  const Buffer<float> mean(stream, std::span<const float>(moments.mean));
  const Buffer<float> deviation(stream, std::span<const float>(moments.deviation));
  kernels::standardize(stream, stored_values_, mean.view(), deviation.view(), stored_values_);
  stream.synchronize();  // before mean and deviation go
}

}  // namespace mynah
