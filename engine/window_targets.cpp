#include "engine/window_targets.h"

#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/gather.h"

namespace mynah {

WindowTargets::WindowTargets(DeviceId device, const ResidentData& data, Index rows, Index prediction_columns)
    : rows_(rows), targets_(data.targets_per_row()), columns_(prediction_columns / data.targets_per_row()) {
  if (data.has_labels()) {
    labels_ = Buffer<std::int32_t>(device, rows * targets_);
  } else {
    values_ = Buffer<float>(device, rows * data.values().columns);
    weights_ = Buffer<float>(device, targets_ > 1 ? rows * targets_ : 0);
  }
  prediction_ = Buffer<float>(device, rows * prediction_columns);
  gradient_ = Buffer<float>(device, rows * prediction_columns);
}

void WindowTargets::gather(Stream& stream, const ResidentData& data, ConstLabels rows, const Index* first) const {
  if (data.has_labels()) {
    return kernels::gather_label_windows(stream, data.labels(), targets_, rows, first, labels_.view());
  }
  kernels::gather_rows(stream, data.values(), rows, first, {values_.data(), rows_, data.values().columns});
  if (targets_ == 1) return;
  kernels::gather_rows(stream, data.target_weights(), rows, first, {weights_.data(), rows_, targets_});
}

Matrix WindowTargets::by_target(const Buffer<float>& storage) const {
  return {storage.data(), rows_ * targets_, storage.size() / std::max(Index{1}, rows_ * targets_)};
}

ConstMatrix WindowTargets::dense(Stream& stream, ConstMatrix prediction) const {
  if (prediction.stride == prediction.columns) return {prediction.data, rows_ * targets_, columns_};
  kernels::copy(stream, prediction, {prediction_.data(), rows_, prediction.columns});
  return by_target(prediction_);
}

void WindowTargets::evaluate(Stream& stream, const LossOptions& loss, ConstMatrix prediction,
                             VectorView<double> loss_sum, Matrix gradient) const {
  Targets targets;
  targets.labels = labels_.view();
  targets.weights = weights_.view();
  if (values_.size() > 0) targets.values = by_target(values_);
  const bool gaps = gradient.data != nullptr && gradient.stride != gradient.columns;
  Matrix dense_gradient;
  if (gaps) dense_gradient = by_target(gradient_);
  if (gradient.data != nullptr && !gaps) dense_gradient = {gradient.data, rows_ * targets_, columns_};
  evaluate_loss(stream, loss, dense(stream, prediction), targets, loss_sum, dense_gradient);
  if (gaps) kernels::copy(stream, {gradient_.data(), rows_, gradient.columns}, gradient);
}

void WindowTargets::count_correct(Stream& stream, ConstMatrix prediction, VectorView<double> count) const {
  kernels::count_correct(stream, dense(stream, prediction), labels_.view(), count);
}

}  // namespace mynah
