#pragma once

#include <cmath>

#include "kernels/gaussian_likelihood.h"
#include "kernels/host_device.h"

namespace mynah::kernels {

/// The formulas of kernels/gaussian_likelihood.h at one element, one text for both twins.
template <class Scalar>
struct GaussianLikelihood {
  Scalar log_variance;  ///< s, cut
  Scalar residual;      ///< r = t - μ
  Scalar precision;     ///< e⁻ˢ
  bool below, above;    ///< which limit s was cut to

  MYNAH_HOST_DEVICE GaussianLikelihood(Scalar mean, Scalar given_log_variance, Scalar target,
                                       const GaussianLikelihoodOptions& options) {
    using std::exp;
    const auto smallest = static_cast<Scalar>(options.smallest_log_variance);
    const auto largest = static_cast<Scalar>(options.largest_log_variance);
    below = given_log_variance < smallest;
    above = given_log_variance > largest;
    log_variance = below ? smallest : above ? largest : given_log_variance;  // NaN stays NaN
    residual = target - mean;
    precision = exp(-log_variance);
  }

  /// r e⁻ˢ first: r² alone may overflow.
  MYNAH_HOST_DEVICE Scalar scaled_square() const { return residual * precision * residual; }
  MYNAH_HOST_DEVICE double value(bool full) const {
    constexpr double half_log_two_pi = 0.91893853320467274178;
    return 0.5 * (static_cast<double>(log_variance) + static_cast<double>(scaled_square())) +
           (full ? half_log_two_pi : 0.0);
  }
  MYNAH_HOST_DEVICE Scalar mean_gradient() const { return -residual * precision; }
  MYNAH_HOST_DEVICE Scalar log_variance_gradient() const {
    const Scalar gradient = Scalar(0.5) * (Scalar(1) - scaled_square());
    // Descent goes against the gradient: below, it leads back where it is negative.
    return (below && gradient > Scalar(0)) || (above && gradient < Scalar(0)) ? Scalar(0) : gradient;
  }
  MYNAH_HOST_DEVICE Scalar mean_tangent(Scalar mean_direction, Scalar log_variance_direction) const {
    return precision * (mean_direction + (below || above ? Scalar(0) : residual * log_variance_direction));
  }
  MYNAH_HOST_DEVICE Scalar log_variance_tangent(Scalar mean_direction, Scalar log_variance_direction) const {
    if (below || above) return Scalar(0);
    return precision * residual * (mean_direction + Scalar(0.5) * residual * log_variance_direction);
  }
};

}  // namespace mynah::kernels
