#include "earlier_work.h"

#include <cstdint>
#include <string>

#include "device_state.h"
#include "kernel_module.h"

namespace cuda_on_cpu::detail {
namespace {

std::uint64_t waits = 0;  // of the running launch; one runs at a time

}  // namespace

bool may_overlap_earlier_work(const cudaLaunchConfig_t& config) {
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    if (attribute.id == cudaLaunchAttributeProgrammaticStreamSerialization &&
        attribute.val.programmaticStreamSerializationAllowed != 0) {
      return true;
    }
  }
  return false;
}

void forget_waits() {
  waits = 0;
}

void note_wait_for_earlier_work() {
  ++waits;
}

void check_waits(const KernelLaunch& launch) {
  const std::uint64_t threads =
      std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z * launch.block.x * launch.block.y * launch.block.z;
  if (waits == threads || sticky_error() != cudaSuccess) return;
  fail_device(cudaErrorLaunchFailure, "kernel " + kernel_name(launch.function) +
                                          " may overlap the work before it, but waited for it " +
                                          std::to_string(waits) + " times in " + std::to_string(threads) + " threads");
}

}  // namespace cuda_on_cpu::detail
