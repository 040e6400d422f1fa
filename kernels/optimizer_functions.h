#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/optimizer.h"

/// One element of the optimizers' steps: one text for the host and for kernels.
namespace mynah::kernels {

/// g times the factor of clipping, before a decay is added: a product of its own, so that a factor of 1 changes
/// nothing.
MYNAH_HOST_DEVICE inline float scaled_gradient(float gradient, float scale) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(gradient, scale);  // not contracted with the addition that follows
#else
  return gradient * scale;
#endif
}

/// The coefficients of sgd_step, each rounded once from double.
struct SgdCoefficients {
  float rate, momentum, decay;
  bool nesterov;

  MYNAH_HOST_DEVICE SgdCoefficients(const SgdOptions& options, float learning_rate)
      : rate(learning_rate),
        momentum(static_cast<float>(options.momentum)),
        decay(static_cast<float>(options.weight_decay)),
        nesterov(options.nesterov) {}

  /// g already multiplied by the factor of clipping.
  template <bool with_momentum>
  MYNAH_HOST_DEVICE void step(float g, float& theta, float& buffer) const {
    g += decay * theta;
    if constexpr (with_momentum) {
      buffer = momentum * buffer + g;
      g = nesterov ? g + momentum * buffer : buffer;
    }
    theta -= rate * g;
  }
};

/// The coefficients of rmsprop_step, and its step for one element (the CPU takes it block by block).
struct RmsPropCoefficients {
  float rate, alpha, rest, epsilon, momentum, decay;

  MYNAH_HOST_DEVICE RmsPropCoefficients(const RmsPropOptions& options, float learning_rate)
      : rate(learning_rate),
        alpha(static_cast<float>(options.alpha)),
        rest(static_cast<float>(1.0 - options.alpha)),
        epsilon(static_cast<float>(options.epsilon)),
        momentum(static_cast<float>(options.momentum)),
        decay(static_cast<float>(options.weight_decay)) {}

  template <bool with_momentum, bool centered>
  MYNAH_HOST_DEVICE void step(float g, float& theta, float& square, float& buffer, float& average) const {
    g += decay * theta;
    square = alpha * square + rest * g * g;
    float variance = square;
    if constexpr (centered) {
      average = alpha * average + rest * g;
      variance -= average * average;
      if (variance < 0.0f) variance = 0.0f;  // NaN stays NaN
    }
    float update = g / (sqrtf(variance) + epsilon);
    if constexpr (with_momentum) update = buffer = momentum * buffer + update;
    theta -= rate * update;
  }
};

/// What clip_factor writes; NaN stays NaN.
MYNAH_HOST_DEVICE inline float clip_factor_of(double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  return factor > 1.0 ? 1.0f : static_cast<float>(factor);
}

MYNAH_HOST_DEVICE inline float averaged(float average, float value, float rest) {
  return average + rest * (value - average);
}

}  // namespace mynah::kernels
