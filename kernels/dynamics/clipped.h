#pragma once

#include "kernels/host_device.h"

namespace mynah::dynamics {

/// x within ± bound; NaN stays NaN.
MYNAH_HOST_DEVICE constexpr double clipped(double x, double bound) {
  return x < -bound ? -bound : x > bound ? bound : x;
}

}  // namespace mynah::dynamics
