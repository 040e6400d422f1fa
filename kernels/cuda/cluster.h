#pragma once

#include <cuda_runtime.h>

namespace mynah::kernels::cuda {

/// Blocks that run together and reach each other's shared memory: thread-block clusters, of sm_90 and later
/// (LaunchShape::cluster). The one place with their PTX; on earlier devices, which no launch with clusters reaches,
/// there is nothing behind these names. The CUDA-on-CPU build has a header of the same name in its place, where what is
/// forbidden here fails.

/// Whether a device with clusters can run the code that is being compiled: kernels for them are empty elsewhere.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
inline constexpr bool has_clusters = false;
#else
inline constexpr bool has_clusters = true;
#endif

/// The place of the calling thread's block in its cluster, and how many blocks that has.
__device__ __forceinline__ unsigned cluster_rank() {
  unsigned rank = 0;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
  return rank;
}
__device__ __forceinline__ unsigned cluster_size() {
  unsigned size = 1;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
#endif
  return size;
}

/// The barrier of all threads of the cluster, in two parts, called by turns by every thread, all at the same lines:
/// what a thread read and wrote before it came is behind those who waited. A thread may not touch another block's
/// shared memory before that block has begun, which a barrier shows, or after it has ended: so one has to be between.
__device__ __forceinline__ void cluster_arrive() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release;" ::: "memory");
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire;" ::: "memory");
#endif
}
__device__ __forceinline__ void cluster_sync() {
  cluster_arrive();
  cluster_wait();
}

/// What is, in the shared memory of block `rank` of the cluster, at the place that `mine` has in that of the own block.
/// It is read and written like any memory.
template <class T>
__device__ __forceinline__ T* in_block(T* mine, unsigned rank) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  unsigned long long other;
  asm("mapa.u64 %0, %1, %2;" : "=l"(other) : "l"(reinterpret_cast<unsigned long long>(mine)), "r"(rank));
  return reinterpret_cast<T*>(other);
#else
  static_cast<void>(rank);
  return mine;
#endif
}

}  // namespace mynah::kernels::cuda
