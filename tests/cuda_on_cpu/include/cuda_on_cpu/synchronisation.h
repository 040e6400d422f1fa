#pragma once

#include <cstdint>
#include <cstring>

#include "../device_launch_parameters.h"
#include "site.h"

namespace cuda_on_cpu::detail {

enum class BarrierKind { plain, count, all, any };
enum class WarpOperation {
  sync,
  shuffle,
  ballot,
  any,
  all,
  match_any,
  match_all,
  reduce,
  multiply_tf32,
  multiply_bfloat16,
  load_blocks
};

/// What the lanes of a warp brought to an operation, each as up to 64 bits.
struct WarpValues {
  std::uint64_t values[32];
  std::uint32_t arrived;
};

/// Waits until every thread of the block has come to this barrier; returns the reduction of `value` that kind asks for.
int barrier(BarrierKind kind, int value, Site site);

/// Waits until every living lane of mask has come to the same operation. The result stays valid until this thread's
/// next operation of this kind.
const WarpValues& exchange(WarpOperation operation, unsigned mask, std::uint64_t value, Site site);

/// The barrier of all threads of the cluster, in two parts: the calling thread has come, and it waits for the others.
void cluster_arrive(Site site);
void cluster_wait(Site site);
/// The place of the calling thread's block in its cluster, and how many it has; 0 and 1 without clusters.
unsigned cluster_rank();
unsigned cluster_size();
/// What is, in the shared memory of block `rank` of the cluster, at the place that `mine` has in that of the own block.
char* in_block(const void* mine, unsigned rank, Site site);

/// The calling thread has waited for the kernels before its own (programmatic dependent launch).
void note_wait_for_earlier_work();

/// Position of the calling thread in its warp, 0 to 31.
unsigned lane();

/// Bits of the lanes of the calling thread's warp that exist and have not returned.
unsigned living_lanes();

/// Ends the launch with an error whose report carries text and site.
[[noreturn]] void fail_kernel(const char* text, Site site);

/// The block's dynamic shared memory, aligned to 128 bytes, exactly as large as the launch asked for.
void* dynamic_shared_memory();

/// Lets another thread of the block run, if one can.
void yield();

/// Lets other threads of the block run; when all wait here or for those that do, the launch is suspended until the host
/// asks the device for something. Called where a thread has looked in vain for what the host should have written.
void await_host(Site site);

template <class T>
std::uint64_t to_bits(T value) {
  static_assert(sizeof(T) <= 8, "lanes exchange at most 8 bytes at a time");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// The value of lane source; all bits set (NaN, -1) if that lane did not take part, where CUDA leaves it undefined.
template <class T>
T shuffled(unsigned mask, T value, unsigned source, Site site) {
  const WarpValues& all = exchange(WarpOperation::shuffle, mask, to_bits(value), site);
  return from_bits<T>((all.arrived >> source) & 1u ? all.values[source] : ~std::uint64_t{0});
}

inline unsigned segment_of(int width, Site site) {
  if (width <= 0 || width > 32 || (width & (width - 1)) != 0)
    fail_kernel("the width of a shuffle is not a power of two up to 32", site);
  return static_cast<unsigned>(width);
}

}  // namespace cuda_on_cpu::detail

inline void __syncthreads(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::barrier(cuda_on_cpu::detail::BarrierKind::plain, 0, site);
}
inline int __syncthreads_count(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cuda_on_cpu::detail::barrier(cuda_on_cpu::detail::BarrierKind::count, predicate, site);
}
inline int __syncthreads_and(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cuda_on_cpu::detail::barrier(cuda_on_cpu::detail::BarrierKind::all, predicate, site);
}
inline int __syncthreads_or(int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return cuda_on_cpu::detail::barrier(cuda_on_cpu::detail::BarrierKind::any, predicate, site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::exchange(cuda_on_cpu::detail::WarpOperation::sync, mask, 0, site);
}

// Blocks run one after another on one operating-system thread, so memory is always consistent.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {
  cuda_on_cpu::detail::yield();
}
[[noreturn]] inline void __trap(cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  cuda_on_cpu::detail::fail_kernel("the kernel called __trap()", site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const unsigned segment = cuda_on_cpu::detail::segment_of(width, site);
  const unsigned base = cuda_on_cpu::detail::lane() & ~(segment - 1);
  return cuda_on_cpu::detail::shuffled(mask, value, base | (static_cast<unsigned>(source) & (segment - 1)), site);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const unsigned segment = cuda_on_cpu::detail::segment_of(width, site);
  const unsigned lane = cuda_on_cpu::detail::lane();
  return cuda_on_cpu::detail::shuffled(mask, value, (lane & (segment - 1)) < delta ? lane : lane - delta, site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const unsigned segment = cuda_on_cpu::detail::segment_of(width, site);
  const unsigned lane = cuda_on_cpu::detail::lane();
  return cuda_on_cpu::detail::shuffled(mask, value, delta >= segment - (lane & (segment - 1)) ? lane : lane + delta,
                                       site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const unsigned segment = cuda_on_cpu::detail::segment_of(width, site);
  const unsigned lane = cuda_on_cpu::detail::lane();
  const unsigned source = lane ^ static_cast<unsigned>(lane_mask);
  return cuda_on_cpu::detail::shuffled(mask, value, source > (lane | (segment - 1)) ? lane : source, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const auto& all =
      cuda_on_cpu::detail::exchange(cuda_on_cpu::detail::WarpOperation::ballot, mask, predicate != 0, site);
  unsigned bits = 0;
  for (unsigned i = 0; i < 32; ++i)
    if ((all.arrived >> i) & 1u) bits |= static_cast<unsigned>(all.values[i]) << i;
  return bits;
}
inline int __any_sync(unsigned mask, int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return __ballot_sync(mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return __ballot_sync(mask, predicate == 0, site) == 0;
}

/// Only the calling lane: hardware promises no more about which lanes have converged.
inline unsigned __activemask() {
  return 1u << cuda_on_cpu::detail::lane();
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const std::uint64_t mine = cuda_on_cpu::detail::to_bits(value);
  const auto& all = cuda_on_cpu::detail::exchange(cuda_on_cpu::detail::WarpOperation::match_any, mask, mine, site);
  unsigned bits = 0;
  for (unsigned i = 0; i < 32; ++i)
    if (((all.arrived >> i) & 1u) && all.values[i] == mine) bits |= 1u << i;
  return bits;
}

template <class T>
unsigned __match_all_sync(unsigned mask, T value, int* predicate, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  const std::uint64_t mine = cuda_on_cpu::detail::to_bits(value);
  const auto& all = cuda_on_cpu::detail::exchange(cuda_on_cpu::detail::WarpOperation::match_all, mask, mine, site);
  bool equal = true;
  for (unsigned i = 0; i < 32; ++i)
    if (((all.arrived >> i) & 1u) && all.values[i] != mine) equal = false;
  *predicate = equal;
  return equal ? mask : 0u;
}

namespace cuda_on_cpu::detail {

template <class T, class Combine>
T reduced(unsigned mask, T value, Site site, Combine combine) {
  const WarpValues& all = exchange(WarpOperation::reduce, mask, to_bits(value), site);
  bool first = true;
  T result{};
  for (unsigned i = 0; i < 32; ++i) {
    if (!((all.arrived >> i) & 1u)) continue;
    const T other = from_bits<T>(all.values[i]);
    result = first ? other : combine(result, other);
    first = false;
  }
  return result;
}

}  // namespace cuda_on_cpu::detail

#define MYNAH_WARP_REDUCE(NAME, T, EXPRESSION)                                                        \
  inline T NAME(unsigned mask, T value, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {         \
    return cuda_on_cpu::detail::reduced(mask, value, site, [](T a, T b) -> T { return EXPRESSION; }); \
  }
MYNAH_WARP_REDUCE(__reduce_add_sync, unsigned, a + b)
MYNAH_WARP_REDUCE(__reduce_min_sync, unsigned, a < b ? a : b)
MYNAH_WARP_REDUCE(__reduce_max_sync, unsigned, a < b ? b : a)
MYNAH_WARP_REDUCE(__reduce_min_sync, int, a < b ? a : b)
MYNAH_WARP_REDUCE(__reduce_max_sync, int, a < b ? b : a)
MYNAH_WARP_REDUCE(__reduce_and_sync, unsigned, a& b)
MYNAH_WARP_REDUCE(__reduce_or_sync, unsigned, a | b)
MYNAH_WARP_REDUCE(__reduce_xor_sync, unsigned, a ^ b)
#undef MYNAH_WARP_REDUCE

inline int __reduce_add_sync(unsigned mask, int value, cuda_on_cpu::Site site = cuda_on_cpu::Site::here()) {
  return static_cast<int>(__reduce_add_sync(mask, static_cast<unsigned>(value), site));
}
