#include "tests/quiet_inference/interposed.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdlib>

namespace mynah::tests {
namespace {

thread_local bool counting = false;
thread_local Counts counts;

}  // namespace

Counts counted(const std::function<void()>& work) {
  counts = {};
  counting = true;
  work();
  counting = false;
  return counts;
}

namespace {

void count_allocation() {
  if (counting) ++counts.allocations;
}

/// The C library's function of the same name, behind this program's.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace mynah::tests

// glibc's allocator under its other names, since dlsym allocates.
extern "C" {
// NOLINTBEGIN(clang-diagnostic-reserved-identifier): the C library's own.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
// NOLINTEND(clang-diagnostic-reserved-identifier)

void* malloc(std::size_t bytes) {
  mynah::tests::count_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  mynah::tests::count_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) {
  mynah::tests::count_allocation();
  return __libc_realloc(memory, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  mynah::tests::count_allocation();
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  mynah::tests::count_allocation();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  mynah::tests::count_allocation();
  *memory = __libc_memalign(alignment, bytes);
  return *memory == nullptr ? ENOMEM : 0;
}

// NOLINTBEGIN(bugprone-macro-parentheses): a name that is declared cannot stand in parentheses.
#define MYNAH_COUNTED_LOCK(name, Type)                                        \
  int name(Type* lock) {                                                      \
    static const auto of_library = mynah::tests::next<int (*)(Type*)>(#name); \
    if (mynah::tests::counting) ++mynah::tests::counts.locks;                 \
    return of_library(lock);                                                  \
  }
MYNAH_COUNTED_LOCK(pthread_mutex_lock, pthread_mutex_t)
MYNAH_COUNTED_LOCK(pthread_mutex_trylock, pthread_mutex_t)
MYNAH_COUNTED_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
MYNAH_COUNTED_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
#undef MYNAH_COUNTED_LOCK
// NOLINTEND(bugprone-macro-parentheses)
int pthread_spin_lock(pthread_spinlock_t* lock) {
  static const auto of_library = mynah::tests::next<int (*)(pthread_spinlock_t*)>("pthread_spin_lock");
  if (mynah::tests::counting) ++mynah::tests::counts.locks;
  return of_library(lock);
}
}
