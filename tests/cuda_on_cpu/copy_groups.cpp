#include "copy_groups.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "executor.h"

namespace cuda_on_cpu::detail {

void CopyGroups::clear() {
  copies_.clear();
  ends_.clear();
}

void CopyGroups::wait(std::size_t groups) {
  if (ends_.size() <= groups) return;
  const auto last = ends_.end() - static_cast<std::ptrdiff_t>(groups) - 1;
  const std::size_t count = *last;
  for (std::size_t i = 0; i < count; ++i) {
    const Copy& copy = copies_[i];
    std::memset(copy.to, 0, static_cast<std::size_t>(copy.bytes));
    if (copy.read > 0) std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.read));
  }
  copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(count));
  ends_.erase(ends_.begin(), last + 1);
  for (std::size_t& end : ends_) end -= count;
}

bool Executor::is_shared(const void* address) const {
  const auto lies_in = [at = reinterpret_cast<std::uintptr_t>(address)](const char* first, std::size_t bytes) {
    return at - reinterpret_cast<std::uintptr_t>(first) < bytes;
  };
  return lies_in(static_cast<const char*>(dynamic_shared()), launch_->dynamic_shared_bytes) ||
         lies_in(static_shared_, static_shared_bytes_);
}

void start_copy(void* shared, const void* global, int bytes, int read, Site site) {
  const auto misaligned = [bytes](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % static_cast<std::uintptr_t>(bytes) != 0;
  };
  if (!executor().is_shared(shared) || executor().is_shared(global))
    fail_kernel("an asynchronous copy leads from global into shared memory, and this one does not", site);
  if (misaligned(shared)) fail_kernel("the target of an asynchronous copy is not aligned to its size", site);
  if (misaligned(global)) fail_kernel("the source of an asynchronous copy is not aligned to its size", site);
  if (read < 0 || read > bytes) fail_kernel("an asynchronous copy that would read more than it writes", site);
  executor().copies().start({shared, global, bytes, read});
}

void commit_copies() {
  executor().copies().commit();
}

void wait_for_copies(int groups) {
  executor().copies().wait(static_cast<std::size_t>(groups));
}

}  // namespace cuda_on_cpu::detail
