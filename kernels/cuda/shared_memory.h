#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// The block's dynamic shared memory (LaunchShape::shared_bytes), aligned to 16 bytes. The CUDA-on-CPU build has a
/// header of the same name in its place, because a host compiler cannot declare such memory.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char mynah_dynamic_shared[];
  return reinterpret_cast<T*>(mynah_dynamic_shared);
}

}  // namespace mynah::kernels::cuda
