#pragma once

#include <string>

#include "kernels/loss.h"

namespace mynah {

/// What a network is trained to make small: kernels/loss.h has the definitions.
enum class Loss { mse, softmax_cross_entropy };

inline std::string loss_name(Loss loss) {
  return loss == Loss::mse ? "mse" : "softmax_cross_entropy";
}

/// What predictions are compared with: a matrix for mse, class indices for softmax_cross_entropy.
struct Targets {
  ConstMatrix values;
  ConstLabels labels;
};

/// Value (added to loss_sum, times rows) and gradient of the loss; see kernels/loss.h.
inline void evaluate_loss(Stream& stream, Loss loss, ConstMatrix prediction, const Targets& targets,
                          VectorView<double> loss_sum, Matrix gradient) {
  if (loss == Loss::mse) {
    kernels::mse_loss(stream, prediction, targets.values, loss_sum, gradient);
  } else {
    kernels::softmax_cross_entropy_loss(stream, prediction, targets.labels, loss_sum, gradient);
  }
}

}  // namespace mynah
