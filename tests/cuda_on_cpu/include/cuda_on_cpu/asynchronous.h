#pragma once

#include <cstdint>

#include "site.h"

/// What threads of a block start and do not wait for: copies into shared memory that report to barriers there
/// (mbarrier, cp.async.bulk), and products of warpgroups (wgmma). When, and in which order, it is done is the
/// schedule's choice: `forward` as late as possible, when no thread can go on; `reverse` as soon as a thread waits, the
/// last first.
namespace cuda_on_cpu::detail {

/// Where a byte of the block's dynamic shared memory lies in the window of shared memory, as instructions name it:
/// aligned to 16 bytes as the memory is, and no further.
std::uint32_t shared_address(const void* address, Site site);
/// The `bytes` bytes there; fails the launch where they are not all in dynamic shared memory.
const void* at_shared_address(std::uint32_t address, std::uint32_t bytes, Site site);

/// A phase of the barrier is complete when `arrivals` threads have arrived and all bytes that they expect have come.
void initialize_barrier(std::uint64_t* barrier, int arrivals, Site site);
void arrive(std::uint64_t* barrier, std::uint32_t expected_bytes, Site site);
/// Returns when the barrier's phase of this parity (the first is 0) is complete: at once where the one before the
/// current phase has it.
void wait_for_barrier(std::uint64_t* barrier, std::uint32_t parity, Site site);
/// Until it is done, what lies there is 0xFF.
void copy_to_shared(void* to, const void* from, std::uint32_t bytes, std::uint64_t* barrier, Site site);

/// Adds a product to the sums of a warpgroup's threads, which it is given in order: A and B by descriptors.
using MultiplyWarpgroup = void (*)(std::uint64_t a, std::uint64_t b, float* const* sums);

void order_registers();
/// Each of the 128 threads of the warpgroup brings its `count` sums, which are NaN until it has waited for them.
void multiply_asynchronously(MultiplyWarpgroup multiply, std::uint64_t a, std::uint64_t b, float* sums, int count,
                             Site site);
void commit_products();
/// Returns when all but the latest `others` groups that the thread has committed are done.
void wait_for_products(int others, Site site);

}  // namespace cuda_on_cpu::detail
