#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Stands in for the header of the same name beside the kernels. Kernels run one after another here; that each thread
/// of a launch with cudaLaunchAttributeProgrammaticStreamSerialization waits is counted, and a launch where one does
/// not fails.
struct EarlierWork {
  __device__ __forceinline__ void wait() const { cuda_on_cpu::detail::note_wait_for_earlier_work(); }
};

}  // namespace mynah::kernels::cuda
