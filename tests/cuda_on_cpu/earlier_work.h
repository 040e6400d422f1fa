#pragma once

#include "executor.h"

namespace cuda_on_cpu::detail {

/// Programmatic dependent launch. Kernels run one after another here; what is checked is that each thread of a launch
/// that may overlap the work before it waits for that work: on a device, one that does not would read, now and then,
/// what is not written yet.

/// Whether the launch has the attribute.
bool may_overlap_earlier_work(const cudaLaunchConfig_t& config);

/// Before a launch runs, and after one that may overlap: fails the device unless as many threads waited as there are.
void forget_waits();
void check_waits(const KernelLaunch& launch);

}  // namespace cuda_on_cpu::detail
