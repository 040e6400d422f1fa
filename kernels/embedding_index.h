#pragma once

#include "kernels/host_device.h"
#include "kernels/view.h"

namespace mynah::kernels {

/// The row of a table that a float names, or -1 where it is no whole number in [0, count): also NaN and infinity.
template <class Scalar>
MYNAH_HOST_DEVICE inline Index embedding_index(Scalar value, Index count) {
  if (!(value >= Scalar(0) && value < static_cast<Scalar>(count))) return -1;
  const auto index = static_cast<Index>(value);
  return static_cast<Scalar>(index) == value && index < count ? index : -1;
}

}  // namespace mynah::kernels
