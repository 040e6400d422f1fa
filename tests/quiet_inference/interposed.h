#pragma once

#include <functional>

/// In this program malloc and its kin, which operator new calls, and the locks of pthreads are its own: they count, and
/// call those of the C library.
namespace mynah::tests {

struct Counts {
  int allocations = 0;  ///< malloc, calloc, realloc, aligned_alloc, posix_memalign, memalign
  int locks = 0;        ///< pthread_mutex_lock, _trylock, pthread_rwlock_rdlock, _wrlock, pthread_spin_lock
};

/// What the calling thread does of it while `work` runs.
Counts counted(const std::function<void()>& work);

}  // namespace mynah::tests
