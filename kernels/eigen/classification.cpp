#include "kernels/classification.h"

#include <cmath>
#include <limits>

#include "kernels/eigen/map.h"
#include "kernels/eigen/vectorized/views.h"

namespace mynah::kernels::eigen {
namespace {

template <class Scalar>
Index position_of_largest(VectorView<const Scalar> scores) {
  Index best = 0;
  for (Index c = 1; c < scores.size; ++c) {
    if (scores.data[c] > scores.data[best]) best = c;
  }
  return best;
}

/// What the rows of a batch are compared with: q, Q and D of kernels/classification.h.
template <class Scalar>
class Comparison {
 public:
  Comparison(Index classes, ConstLabels labels, const CrossEntropyOptions<Scalar>& options)
      : options_(options), labels_(labels), classes_(classes) {
    smooth_ = options.label_smoothing / static_cast<Scalar>(classes);
    sum_of_smooth_ = options.label_smoothing;
    if (!options.class_weights.empty()) sum_of_smooth_ = smooth_ * map(options.class_weights).sum();
    divisor_ = static_cast<double>(labels.size);
    if (options.class_weights.empty() && !options.ignored_label) return;
    divisor_ = 0.0;
    for (Index m = 0; m < labels.size; ++m) {
      if (counts(m) && is_class(m)) divisor_ += static_cast<double>(class_weight(labels.data[m]));
    }
  }

  bool counts(Index m) const { return options_.ignored_label != labels_.data[m]; }
  bool is_class(Index m) const { return labels_.data[m] >= 0 && labels_.data[m] < classes_; }
  double weight(Index m) const {
    return options_.weights.empty() ? 1.0 : static_cast<double>(options_.weights.data[m]);
  }
  /// 1 / D, or 0 where nothing counts
  double share() const { return divisor_ == 0.0 ? 0.0 : 1.0 / divisor_; }
  /// q at the label without what smoothing adds to it: (1 - ε) u
  Scalar sharp(Index label) const { return (Scalar(1) - options_.label_smoothing) * class_weight(label); }
  /// q at the label
  Scalar compared(Index label) const { return sharp(label) + smooth_ * class_weight(label); }
  /// Q
  Scalar sum(Index label) const { return sharp(label) + sum_of_smooth_; }
  bool is_smoothed() const { return options_.label_smoothing != Scalar(0); }
  /// Σ_c values_c u_c ε / K
  template <class Values>
  Scalar smoothed(const Values& values) const {
    if (options_.class_weights.empty()) return smooth_ * values.sum();
    return smooth_ * (values * map(options_.class_weights).array()).sum();
  }
  /// values_c -= factor u_c ε / K
  template <class Values>
  void subtract_smoothed(Values& values, Scalar factor) const {
    if (options_.class_weights.empty()) {
      values -= factor * smooth_;
    } else {
      values -= (factor * smooth_) * map(options_.class_weights).array();
    }
  }

 private:
  Scalar class_weight(Index label) const {
    return options_.class_weights.empty() ? Scalar(1) : options_.class_weights.data[label];
  }

  const CrossEntropyOptions<Scalar>& options_;
  ConstLabels labels_;
  Index classes_;
  Scalar smooth_, sum_of_smooth_;
  double divisor_;
};

/// The same where nothing is smoothed, through the vectorised softmax.
double sharp_cross_entropy_of_row(const Comparison<float>& comparison, ConstVector logits, Index m, Index label,
                                  Vector gradient) {
  const float of_label = logits.data[label];  // read before: gradient may be logits
  const float all = comparison.sum(label);
  const double weight = comparison.weight(m);
  const auto scale = static_cast<float>(weight * comparison.share());
  const auto row = vectorized::operations().softmax_row(logits.size, logits.data, scale * all, gradient.data);
  if (gradient.data != nullptr) gradient.data[label] -= scale * comparison.compared(label);
  if (all == 0.0f) return 0.0;  // a class of weight 0 may have a logit of minus infinity
  const double at_label = static_cast<double>(of_label) - static_cast<double>(row.largest);
  return weight * static_cast<double>(all) * (std::log(static_cast<double>(row.sum)) - at_label);
}

/// The loss of row m, times w_m.
template <class Scalar>
double cross_entropy_of_row(const Comparison<Scalar>& comparison, VectorView<const Scalar> logits, Index m, Index label,
                            VectorView<Scalar> gradient) {
  if constexpr (std::is_same_v<Scalar, float>) {
    if (!comparison.is_smoothed()) return sharp_cross_entropy_of_row(comparison, logits, m, label, gradient);
  }
  const auto l = map(logits).array();
  const Scalar largest = l.maxCoeff();
  // In double: the difference of two floats may be too large for a float.
  const double at_label = static_cast<double>(l[label]) - static_cast<double>(largest);
  const double smoothed = comparison.is_smoothed() ? static_cast<double>(comparison.smoothed(l - largest))
                                                   : 0.0;  // before l is overwritten
  const Scalar all = comparison.sum(label), sharp = comparison.sharp(label);
  const double weight = comparison.weight(m);
  Scalar partition;
  if (gradient.data == nullptr) {
    partition = (l - largest).exp().sum();
  } else {
    const auto scale = static_cast<Scalar>(weight * comparison.share());
    auto g = map(gradient).array();
    g = (l - largest).exp();  // the exponentials are taken once, in the gradient's place
    partition = g.sum();
    const Scalar of_label = scale * (all * (g[label] / partition) - comparison.compared(label));
    g *= scale * all / partition;
    if (comparison.is_smoothed()) comparison.subtract_smoothed(g, scale);
    g[label] = of_label;
  }
  const double entropy = static_cast<double>(all) * std::log(static_cast<double>(partition)) - smoothed;
  // A class of weight 0 may have a logit of minus infinity.
  return weight * (sharp == Scalar(0) ? entropy : entropy - static_cast<double>(sharp) * at_label);
}

}  // namespace

template <class Scalar>
void softmax_cross_entropy_loss(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels, VectorView<double> loss_sum,
                                MatrixOf<Scalar> gradient, CrossEntropyOptions<Scalar> options) {
  const Comparison<Scalar> comparison(logits.columns, labels, options);
  double loss = 0.0;
  for (Index m = 0; m < logits.rows; ++m) {
    const VectorView<Scalar> g = gradient.data == nullptr ? VectorView<Scalar>{} : gradient.row(m);
    if (!comparison.counts(m)) {
      if (g.data != nullptr) map(g).setZero();
    } else if (!comparison.is_class(m)) {
      loss = std::numeric_limits<double>::quiet_NaN();
      if (g.data != nullptr) map(g).setConstant(std::numeric_limits<Scalar>::quiet_NaN());
    } else {
      loss += cross_entropy_of_row<Scalar>(comparison, logits.row(m), m, labels.data[m], g);
    }
  }
  if (!loss_sum.empty()) loss_sum.data[0] += loss * (static_cast<double>(logits.rows) * comparison.share());
}

template <class Scalar>
void softmax_cross_entropy_loss_tangent(Stream&, ConstMatrixOf<Scalar> logits, ConstLabels labels,
                                        ConstMatrixOf<Scalar> logits_tangent, MatrixOf<Scalar> gradient_tangent,
                                        CrossEntropyOptions<Scalar> options) {
  const Comparison<Scalar> comparison(logits.columns, labels, options);
  for (Index m = 0; m < logits.rows; ++m) {
    auto out = map(gradient_tangent.row(m)).array();
    if (!comparison.counts(m)) {
      out.setZero();
      continue;
    }
    if (!comparison.is_class(m)) {
      out.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      continue;
    }
    const auto l = map(logits.row(m)).array();
    const auto direction = map(logits_tangent.row(m)).array();
    const Scalar largest = l.maxCoeff();
    out = (l - largest).exp();  // once, in the result's place
    const Scalar partition = out.sum();
    const Scalar mean = (out * direction).sum() / partition;
    const auto scale =
        static_cast<Scalar>(comparison.weight(m) * comparison.share()) * comparison.sum(labels.data[m]) / partition;
    out *= scale * (direction - mean);
  }
}

template <class Scalar>
void count_correct(Stream&, MatrixView<const Scalar> scores, ConstLabels labels, VectorView<double> count) {
  Index correct = 0;
  for (Index m = 0; m < scores.rows; ++m) correct += position_of_largest(scores.row(m)) == labels.data[m] ? 1 : 0;
  count.data[0] += static_cast<double>(correct);
}

template <class Scalar>
void argmax_rows(Stream&, MatrixView<const Scalar> scores, Labels out) {
  for (Index m = 0; m < scores.rows; ++m) {
    out.data[m] = static_cast<std::int32_t>(position_of_largest(scores.row(m)));
  }
}

MYNAH_FOR_FLOAT_AND_DOUBLE(softmax_cross_entropy_loss)
MYNAH_FOR_FLOAT_AND_DOUBLE(softmax_cross_entropy_loss_tangent)
MYNAH_FOR_FLOAT_AND_DOUBLE(count_correct)
MYNAH_FOR_FLOAT_AND_DOUBLE(argmax_rows)

}  // namespace mynah::kernels::eigen
