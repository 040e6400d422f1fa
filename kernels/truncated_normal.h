#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"

namespace mynah::kernels {

/// Φ⁻¹ of (word + 1/2) / 2³² shrunk to (Φ(-2), Φ(2)): a standard normal number, cut off at ±2. One text for the host
/// and for kernels; in double and rounded once.
///
/// With q = Φ(z) - 1/2 for z >= 0, Newton's method on the concave Φ begins at sqrt(2π) |q|, which is left of the root
/// since Φ's slope is largest at 0, and approaches from there; at most 2 away, eight steps are more than enough.
MYNAH_HOST_DEVICE inline float truncated_unit_normal(std::uint32_t word) {
  constexpr double half_mass = 0.47724986805182079;  // Φ(2) - 1/2
  constexpr double root_two_pi = 2.5066282746310005;
  const double q = ((static_cast<double>(word) + 0.5) * (2.0 / 4294967296.0) - 1.0) * half_mass;
  const double magnitude = fabs(q);
  double z = root_two_pi * magnitude;
  for (int i = 0; i < 8; ++i) {
    const double mass = 0.5 * erf(z * 0.70710678118654752);
    z += (magnitude - mass) * root_two_pi * exp(0.5 * z * z);
  }
  if (z > 2.0) z = 2.0;
  return static_cast<float>(q < 0.0 ? -z : z);
}

}  // namespace mynah::kernels
