#include "engine/loss.h"

#include <fmt/format.h>

#include <cmath>

namespace mynah {
namespace {

kernels::ElementwiseLoss elementwise(const LossOptions& loss) {
  using kernels::ElementwiseLoss;
  switch (loss.kind) {
    case Loss::l1:
      return ElementwiseLoss::l1;
    case Loss::huber:
      return {ElementwiseLoss::huber, loss.huber_delta};
    case Loss::binary_cross_entropy:
      return {ElementwiseLoss::binary_cross_entropy, loss.positive_weight};
    case Loss::hinge:
      return ElementwiseLoss::hinge;
    case Loss::wasserstein:
      return ElementwiseLoss::wasserstein;
    default:
      return ElementwiseLoss::mse;
  }
}

kernels::LossTargetOf<float> elementwise_target(const Targets& targets) {
  if (targets.constant) return *targets.constant;
  return targets.values;
}

kernels::CrossEntropyOptions<float> cross_entropy(const LossOptions& loss, const Targets& targets) {
  return {loss.class_weights, loss.label_smoothing, loss.ignored_label, targets.weights};
}

/// The means, or the log-variances, of a prediction.
template <class T>
MatrixView<T> half(MatrixView<T> prediction, Index number) {
  if (prediction.data == nullptr) return prediction;
  const Index columns = prediction.columns / 2;
  return prediction.middle_columns(number * columns, columns);
}

/// Of values that a distribution is fitted to.
bool is_likelihood(Loss loss) {
  return loss == Loss::gaussian_likelihood || loss == Loss::mixture_likelihood;
}

/// Targets that are missing would be taken for a constant one.
void require_values(const LossOptions& loss, ConstMatrix prediction, const Targets& targets) {
  if (prediction.empty() || targets.values.data != nullptr) return;
  if (targets.constant && !is_likelihood(loss.kind)) return;
  throw Error(Error::Cause::internal, loss_name(loss.kind), "there are no target values");
}

void check_labels(const LossOptions& loss, ConstLabels labels, Index classes, const std::string& place) {
  const std::string name = loss_name(loss.kind);
  if (!loss.class_weights.empty() && loss.class_weights.size != classes) {
    throw input_error(place,
                      fmt::format("{} has {} class weights for {} classes", name, loss.class_weights.size, classes),
                      "give one weight a class, or none");
  }
  for (Index m = 0; m < labels.size; ++m) {
    const std::int32_t label = labels.data[m];
    if ((label >= 0 && label < classes) || loss.ignored_label == label) continue;
    throw input_error(
        fmt::format("{}, row {}", place, m),
        fmt::format("label {} is none of the {} classes of {}, 0 to {}", label, classes, name, classes - 1),
        label < 0 ? "correct the label, or name it as the ignored label if the row should not count"
                  : fmt::format("give the network an output for every class (at least {}), or correct the label",
                                Index{label} + 1));
  }
}

/// Why the loss has no such target; empty where it has.
std::string complaint(Loss loss, float target) {
  if (!std::isfinite(target)) return "is not finite";
  if (loss == Loss::binary_cross_entropy && (target < 0.0f || target > 1.0f)) return "is not in [0, 1]";
  if (loss == Loss::hinge && target != 1.0f && target != -1.0f) return "is neither 1 nor -1";
  return {};
}

void check_target(Loss loss, float target, const std::string& place) {
  const std::string problem = complaint(loss, target);
  if (problem.empty()) return;
  throw input_error(place, fmt::format("target {:g} of {} {}", target, loss_name(loss), problem),
                    !std::isfinite(target) ? "correct or remove the row"
                    : loss == Loss::hinge
                        ? "label one class with 1 and the other with -1; labels of 0 become -1 by 2 t - 1"
                        : "give probabilities, or 0 and 1; for other targets, train with mse or huber");
}

void check_values(const LossOptions& loss, ConstMatrix values, Index columns, const std::string& place) {
  const Index needed = prediction_columns(loss, values.columns);
  if (needed != columns) {
    throw input_error(place,
                      fmt::format("{} compares {} target columns with {} columns of predictions", loss_name(loss.kind),
                                  values.columns, columns),
                      fmt::format("give the network {} outputs{}", needed,
                                  loss.kind == Loss::gaussian_likelihood  ? ": a mean and a log-variance for each"
                                  : loss.kind == Loss::mixture_likelihood ? ": the parameters of a mixture"
                                                                          : ""));
  }
  for (Index m = 0; m < values.rows; ++m) {
    for (Index c = 0; c < values.columns; ++c) {
      const float target = values.row(m).data[c];
      if (!complaint(loss.kind, target).empty()) {
        check_target(loss.kind, target, fmt::format("{}, row {}, column {}", place, m, c));
      }
    }
  }
}

void check_weights(const LossOptions& loss, ConstVector weights, Index rows, const std::string& place) {
  if (weights.empty()) return;
  if (weights.size != rows) {
    throw input_error(place, fmt::format("{} weights for {} rows of {}", weights.size, rows, loss_name(loss.kind)),
                      "give one weight a row, or none");
  }
  for (Index m = 0; m < weights.size; ++m) {
    const float weight = weights.data[m];
    if (std::isfinite(weight) && weight >= 0.0f) continue;
    throw input_error(fmt::format("{}, row {}", place, m),
                      fmt::format("weight {:g} of {} is negative or not finite", weight, loss_name(loss.kind)),
                      "give weights of 0 or more");
  }
}

void check_mixture(const kernels::MixtureOptions<float>& mixture) {
  const std::string name = loss_name(Loss::mixture_likelihood);
  if (mixture.components < 1 || mixture.components > kernels::most_mixture_components) {
    throw input_error(name, fmt::format("has {} components", mixture.components),
                      fmt::format("give 1 to {}", kernels::most_mixture_components));
  }
  if (!(mixture.smallest_log_deviation < mixture.largest_log_deviation)) {
    throw input_error(name,
                      fmt::format("the smallest log-deviation, {:g}, is not below the largest, {:g}",
                                  mixture.smallest_log_deviation, mixture.largest_log_deviation),
                      "-9.2 and 10 are the defaults");
  }
}

}  // namespace

std::optional<kernels::ElementwiseLoss> elementwise_loss_of(const LossOptions& loss) {
  if (loss.kind == Loss::softmax_cross_entropy || is_likelihood(loss.kind)) return std::nullopt;
  return elementwise(loss);
}

std::string loss_name(Loss loss) {
  if (loss == Loss::softmax_cross_entropy) return "softmax_cross_entropy";
  if (loss == Loss::gaussian_likelihood) return "gaussian_likelihood";
  if (loss == Loss::mixture_likelihood) return "mixture_likelihood";
  return elementwise(loss).name();
}

void evaluate_loss(Stream& stream, const LossOptions& loss, ConstMatrix prediction, const Targets& targets,
                   VectorView<double> loss_sum, Matrix gradient) {
  if (takes_labels(loss.kind)) {
    kernels::softmax_cross_entropy_loss(stream, prediction, targets.labels, loss_sum, gradient,
                                        cross_entropy(loss, targets));
    return;
  }
  require_values(loss, prediction, targets);
  if (loss.kind == Loss::gaussian_likelihood) {
    kernels::gaussian_likelihood_loss(stream, half(prediction, 0), half(prediction, 1), targets.values, loss_sum,
                                      half(gradient, 0), half(gradient, 1), loss.gaussian_likelihood, targets.weights);
    return;
  }
  if (loss.kind == Loss::mixture_likelihood) {
    kernels::mixture_likelihood_loss(stream, prediction, targets.values, loss_sum, gradient, loss.mixture,
                                     targets.weights);
    return;
  }
  kernels::elementwise_loss(stream, elementwise(loss), prediction, elementwise_target(targets), loss_sum, gradient,
                            targets.weights);
}

void evaluate_loss_tangent(Stream& stream, const LossOptions& loss, ConstMatrix prediction, const Targets& targets,
                           ConstMatrix prediction_tangent, Matrix gradient_tangent) {
  if (takes_labels(loss.kind)) {
    kernels::softmax_cross_entropy_loss_tangent(stream, prediction, targets.labels, prediction_tangent,
                                                gradient_tangent, cross_entropy(loss, targets));
    return;
  }
  require_values(loss, prediction, targets);
  if (loss.kind == Loss::gaussian_likelihood) {
    kernels::gaussian_likelihood_loss_tangent(stream, half(prediction, 0), half(prediction, 1), targets.values,
                                              half(prediction_tangent, 0), half(prediction_tangent, 1),
                                              half(gradient_tangent, 0), half(gradient_tangent, 1),
                                              loss.gaussian_likelihood, targets.weights);
    return;
  }
  if (loss.kind == Loss::mixture_likelihood) {
    kernels::mixture_likelihood_loss_tangent(stream, prediction, targets.values, prediction_tangent, gradient_tangent,
                                             loss.mixture, targets.weights);
    return;
  }
  kernels::elementwise_loss_tangent(stream, elementwise(loss), prediction, elementwise_target(targets),
                                    prediction_tangent, gradient_tangent, targets.weights);
}

void check_loss(const LossOptions& loss) {
  const std::string name = loss_name(loss.kind);
  if (loss.kind == Loss::huber && !(loss.huber_delta > 0.0f && std::isfinite(loss.huber_delta))) {
    throw input_error(name, fmt::format("delta {:g} is not above 0", loss.huber_delta), "1 is usual; mse has no limit");
  }
  if (loss.kind == Loss::binary_cross_entropy &&
      !(loss.positive_weight >= 0.0f && std::isfinite(loss.positive_weight))) {
    throw input_error(name, fmt::format("positive weight {:g} is not a number of 0 or more", loss.positive_weight),
                      "1 weighs both alike");
  }
  if (takes_labels(loss.kind) && !(loss.label_smoothing >= 0.0f && loss.label_smoothing <= 1.0f)) {
    throw input_error(name, fmt::format("label smoothing {:g} is not in [0, 1]", loss.label_smoothing),
                      "0 is none, 0.1 is usual");
  }
  const auto& limits = loss.gaussian_likelihood;
  if (loss.kind == Loss::gaussian_likelihood && !(limits.smallest_log_variance < limits.largest_log_variance)) {
    throw input_error(name,
                      fmt::format("the smallest log-variance, {:g}, is not below the largest, {:g}",
                                  limits.smallest_log_variance, limits.largest_log_variance),
                      "-13.8 and 20 are the defaults");
  }
  if (loss.kind == Loss::mixture_likelihood) check_mixture(loss.mixture);
}

void check_targets(const LossOptions& loss, const Targets& targets, Index prediction_columns,
                   const std::string& place) {
  check_loss(loss);
  if (takes_labels(loss.kind)) {
    check_labels(loss, targets.labels, prediction_columns, place);
    check_weights(loss, targets.weights, targets.labels.size, place);
    return;
  }
  if (targets.constant && !is_likelihood(loss.kind)) {
    check_target(loss.kind, *targets.constant, place);
    return;
  }
  check_values(loss, targets.values, prediction_columns, place);
  check_weights(loss, targets.weights, targets.values.rows, place);
}

void require_finite_loss(double loss, const std::string& place) {
  require_finite_loss(loss, place,
                      "lower the learning rate, limit the norm of the gradient, and check the data for values that are "
                      "far from all others");
}

void require_finite_loss(double loss, const std::string& place, const std::string& remedy) {
  if (std::isfinite(loss)) return;
  throw input_error(place, std::string("the loss is ") + (std::isnan(loss) ? "not a number" : "infinite"), remedy);
}

}  // namespace mynah
