#pragma once

#include "site.h"

/// Asynchronous copies into shared memory in groups that the thread waits for (cp.async).
namespace cuda_on_cpu::detail {

/// Notes the copy; fails the launch where an address is not aligned to `bytes`, `read` is not one of 0 ... bytes, or
/// the copy does not lead into shared memory.
void start_copy(void* shared, const void* global, int bytes, int read, Site site);
void commit_copies();
/// Does the copies of all groups that the calling thread has committed, but for the latest `groups`.
void wait_for_copies(int groups);

}  // namespace cuda_on_cpu::detail
