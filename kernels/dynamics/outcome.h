#pragma once

#include <cstdint>

#include "kernels/host_device.h"

namespace mynah::dynamics {

/// What one step of a task gives beside the new state.
struct StepOutcome {
  double reward;
  bool terminated;  ///< The task itself has ended; a time limit is not the dynamics' business.
};

/// A word as a number in (-1, 1), symmetric about 0. Exact in double: its product with a bound is rounded once, so
/// that every device starts an episode from the same bits.
MYNAH_HOST_DEVICE inline double symmetric_uniform(std::uint32_t word) {
  return (2.0 * static_cast<double>(word) + 1.0) * (1.0 / 4294967296.0) - 1.0;
}

}  // namespace mynah::dynamics
