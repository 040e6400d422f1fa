#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// The first parameter of a kernel that may start while the kernel before it in the stream is still running
/// (programmatic dependent launch, sm_90 and later; elsewhere it starts when that one has ended): its blocks are on
/// their multiprocessors, with their arguments read, when the memory they need is ready.
///
/// Such a kernel must call wait() in every thread, before anything else. launch() (launch.h) finds the parameter and
/// sets the attribute of the launch, for no other kernel; a kernel that takes it and never uses it is a warning, and on
/// CUDA-on-CPU (whose header of this name is found first) a launch of which a thread did not wait fails.
struct EarlierWork {
  /// Everything that was queued before has ended, its results are visible; the next kernel may get ready.
  ///
  /// What is said to the next kernel is said by all blocks, after each of them has waited; so when that kernel waits in
  /// turn, for this one alone, all that came before has ended as well.
  __device__ __forceinline__ void wait() const {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
  }
};

}  // namespace mynah::kernels::cuda
