#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Blocks that run together and reach each other's shared memory. Stands in for the header of the same name beside the
/// kernels.

inline constexpr bool has_clusters = true;

inline unsigned cluster_rank() {
  return cuda_on_cpu::detail::cluster_rank();
}
inline unsigned cluster_size() {
  return cuda_on_cpu::detail::cluster_size();
}

inline void cluster_arrive(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::cluster_arrive(site);
}
inline void cluster_wait(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::cluster_wait(site);
}
inline void cluster_sync(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cluster_arrive(site);
  cluster_wait(site);
}

template <class T>
T* in_block(T* mine, unsigned rank, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return reinterpret_cast<T*>(cuda_on_cpu::detail::in_block(mine, rank, site));
}

}  // namespace mynah::kernels::cuda
