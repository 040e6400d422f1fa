#pragma once

#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// The bin of kernels/histogram.h, or -1 for a value that is not counted: one text for the host and for kernels.
MYNAH_HOST_DEVICE inline Index histogram_bin(float x, float low, float high, Index bins) {
  if (!(x >= low && x <= high)) return -1;
  const double position = (static_cast<double>(x) - static_cast<double>(low)) * static_cast<double>(bins) /
                          (static_cast<double>(high) - static_cast<double>(low));
  const auto bin = static_cast<Index>(position);
  return bin < bins ? bin : bins - 1;
}

}  // namespace mynah::kernels
