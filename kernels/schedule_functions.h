#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/schedule.h"

namespace mynah::kernels {

/// The factor of kernels/schedule.h after `taken` steps: one text for the host and for kernels.
MYNAH_HOST_DEVICE inline double schedule_factor(const Schedule& schedule, Index taken) {
  const Index s = taken < 0 ? 0 : taken;
  const Index warmup = schedule.warmup_steps;
  if (s < warmup) return static_cast<double>(s + 1) / static_cast<double>(warmup + 1);
  if (schedule.kind == Schedule::constant) return 1.0;
  const double p =
      s >= schedule.steps ? 1.0 : static_cast<double>(s - warmup) / static_cast<double>(schedule.steps - warmup);
  const double last = schedule.final_factor;
  if (p >= 1.0) return last;
  if (schedule.kind == Schedule::linear) return 1.0 + (last - 1.0) * p;
  constexpr double pi = 3.14159265358979323846;
  return last + (1.0 - last) * 0.5 * (1.0 + cos(pi * p));
}

}  // namespace mynah::kernels
