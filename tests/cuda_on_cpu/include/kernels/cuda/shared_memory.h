#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// The block's dynamic shared memory. Stands in for the header of the same name beside the kernels.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
  return static_cast<T*>(cuda_on_cpu::detail::dynamic_shared_memory());
}

}  // namespace mynah::kernels::cuda
