#pragma once

#include <optional>
#include <string>

#include "kernels/classification.h"
#include "kernels/gaussian_likelihood.h"
#include "kernels/loss.h"
#include "kernels/mixture_likelihood.h"

namespace mynah {

/// What a network is trained to make small. kernels/loss.h, kernels/classification.h, kernels/gaussian_likelihood.h and
/// kernels/mixture_likelihood.h have the definitions. A prediction has a column for each target column, with three
/// exceptions: softmax_cross_entropy has one for each class, gaussian_likelihood two, the means of all target columns
/// and then their log-variances, and mixture_likelihood the parameters of a mixture.
enum class Loss {
  mse,
  l1,
  huber,
  binary_cross_entropy,
  hinge,
  wasserstein,
  softmax_cross_entropy,
  gaussian_likelihood,
  mixture_likelihood
};

/// A loss and its options. Each option belongs to one kind and means nothing to the others.
struct LossOptions {
  Loss kind = Loss::mse;
  float huber_delta = 1.0f;  ///< Where the huber loss goes over from a square to a line; above 0.
  float positive_weight =
      1.0f;  ///< Of targets that are 1, in binary_cross_entropy; 0 or more. More finds more of them.
  float label_smoothing = 0.0f;               ///< Share of each label that goes to all classes; in [0, 1]. Often 0.1.
  std::optional<std::int32_t> ignored_label;  ///< Rows with this label do not count; torch's habit is -100.
  ConstVector class_weights;  ///< [classes] in device memory, which must outlive its use; empty: 1 each.
  kernels::GaussianLikelihoodOptions gaussian_likelihood;
  kernels::MixtureOptions<float> mixture;  ///< log_scale has to outlive its use.

  LossOptions() = default;
  LossOptions(Loss kind_) : kind(kind_) {}
};

/// "softmax_cross_entropy".
std::string loss_name(Loss loss);

/// The loss as kernels/loss.h has it; nothing for those of other headers.
std::optional<kernels::ElementwiseLoss> elementwise_loss_of(const LossOptions& loss);

/// Whether targets are class indices; else they are values.
inline bool takes_labels(Loss loss) {
  return loss == Loss::softmax_cross_entropy;
}

/// Columns of a prediction for targets of so many columns; not for losses that take labels.
inline Index prediction_columns(const LossOptions& loss, Index target_columns) {
  if (loss.kind == Loss::mixture_likelihood) return kernels::mixture_columns(loss.mixture.components, target_columns);
  return loss.kind == Loss::gaussian_likelihood ? 2 * target_columns : target_columns;
}

/// What predictions are compared with.
struct Targets {
  ConstMatrix values;             ///< [rows, target columns], for losses of values.
  ConstLabels labels;             ///< [rows], for losses of classes.
  ConstVector weights = {};       ///< [rows]: by how much each row's loss is multiplied; empty: 1 each.
  std::optional<float> constant;  ///< In place of values: the same for every element (real or generated, for a GAN).
};

/// Value (added to loss_sum, times rows) and gradient of the loss; see kernels/loss.h.
void evaluate_loss(Stream& stream, const LossOptions& loss, ConstMatrix prediction, const Targets& targets,
                   VectorView<double> loss_sum, Matrix gradient);

/// gradient_tangent = H_L prediction_tangent, the derivative of the gradient along a direction of the prediction; see
/// kernels/loss.h. All matrices of the shape of prediction; gradient_tangent may not overlap prediction_tangent.
void evaluate_loss_tangent(Stream& stream, const LossOptions& loss, ConstMatrix prediction, const Targets& targets,
                           ConstMatrix prediction_tangent, Matrix gradient_tangent);

/// Refuses options out of range: input_error naming the loss.
void check_loss(const LossOptions& loss);

/// Refuses options out of range, and targets *in host memory* that the loss is not defined for: labels that are no
/// class and not ignored, values that are not finite, or not in [0, 1] (binary_cross_entropy), or not ±1 (hinge),
/// weights that are negative or not finite, numbers of columns that do not fit. To be called where data enter: on the
/// device nobody looks. Errors: input_error that begins with `place` and names the loss, the row, what is wrong, and a
/// remedy.
void check_targets(const LossOptions& loss, const Targets& targets, Index prediction_columns, const std::string& place);

/// Refuses a loss that is infinite or not a number: input_error at `place`, which names the layer or the step
/// ("training, step 1204"), with a remedy.
void require_finite_loss(double loss, const std::string& place);
/// The same with a remedy that knows more of the user's options.
void require_finite_loss(double loss, const std::string& place, const std::string& remedy);

}  // namespace mynah
