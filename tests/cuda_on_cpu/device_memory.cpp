#include "device_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include "device_state.h"
#include "fault.h"
#include "sanitizer.h"

namespace cuda_on_cpu {
namespace detail {
namespace {

constexpr std::size_t guard_bytes = 512;
constexpr std::size_t alignment = 256;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t commit_bytes = std::size_t{1} << 20;
constexpr std::size_t quarantine_bytes = std::size_t{32} << 20;

// As a float or a double the pattern is a NaN, and not the one that results of arithmetic on poisoned memory have.
constexpr std::uint32_t guard_word = 0xffffa5a5u;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

void fill_guard(char* from, char* to) {
  for (; from != to && reinterpret_cast<std::uintptr_t>(from) % 4 != 0; ++from)
    *from = static_cast<char>(guard_word >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 4)));
  for (; from != to; from += 4) std::memcpy(from, &guard_word, 4);
}

/// The first changed byte of a guard zone, or nullptr.
const char* first_change(const char* from, const char* to) {
  for (; from != to; ++from)
    if (*from != static_cast<char>(guard_word >> (8 * (reinterpret_cast<std::uintptr_t>(from) % 4)))) return from;
  return nullptr;
}

bool guard_is_intact(const char* from, const char* to) {
  while (from != to && reinterpret_cast<std::uintptr_t>(from) % 4 != 0)
    if (first_change(from, from + 1) != nullptr)
      return false;
    else
      ++from;
  for (; from != to; from += 4) {
    std::uint32_t word;
    std::memcpy(&word, from, 4);
    if (word != guard_word) return false;
  }
  return true;
}

struct Record {
  std::size_t bytes = 0;
  std::size_t number = 0;
  Site site;
};

std::string describe(const Record& record) {
  std::string text = "allocation " + std::to_string(record.number) + " of " + std::to_string(record.bytes) + " bytes";
  if (record.site.file != nullptr)
    text += " made at " + std::string(record.site.file) + ":" + std::to_string(record.site.line);
  return text;
}

struct Freed {
  char* data;
  Record record;
};

/// An allocation's region is guard, data rounded up to `alignment`, guard; regions lie side by side.
std::size_t region_bytes(std::size_t bytes) {
  return 2 * guard_bytes + rounded_up(std::max<std::size_t>(bytes, 1), alignment);
}

class Arena {
 public:
  Arena() {
    base_ = static_cast<char*>(
        mmap(nullptr, default_memory_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base_ == MAP_FAILED) {
      std::fputs("CUDA on CPU: cannot reserve addresses for device memory\n", stderr);
      std::abort();
    }
    install_fault_handler();
  }

  bool in_range(const void* address) const {
    const auto* p = static_cast<const char*>(address);
    return p >= base_ && p < base_ + default_memory_bytes;
  }

  char* allocate(std::size_t bytes, Site site) {
    if (bytes > limit_ || used_ + bytes > limit_) return nullptr;
    const std::size_t wanted = region_bytes(bytes);
    char* region = take_free(wanted);
    if (region == nullptr) {
      empty_quarantine(0);
      region = take_free(wanted);
    }
    if (region == nullptr) region = take_new(wanted);
    if (region == nullptr) return nullptr;
    char* data = region + guard_bytes;
    access(region, wanted, PROT_READ | PROT_WRITE);
    unpoison(region, wanted);
    fill_guard(region, data);
    std::memset(data, 0xff, bytes);
    fill_guard(data + bytes, region + wanted);
    poison(region, guard_bytes);
    poison(data + bytes, static_cast<std::size_t>(region + wanted - (data + bytes)));
    if (open_ == 0) access(region, wanted, PROT_NONE);
    live_[data] = {bytes, ++count_, site};
    used_ += bytes;
    return data;
  }

  bool release(char* data) {
    const auto entry = live_.find(data);
    if (entry == live_.end()) return false;
    const Record record = entry->second;
    live_.erase(entry);
    used_ -= record.bytes;
    char* region = data - guard_bytes;
    const std::size_t size = region_bytes(record.bytes);
    access(region, size, PROT_READ | PROT_WRITE);
    if (!address_sanitizer) {
      note_broken_guard(data, record);
      fill_guard(region, region + size);
    }
    if (open_ == 0) access(region, size, PROT_NONE);
    poison(region, size);
    quarantine_.push_back({data, record});
    quarantined_ += size;
    empty_quarantine(quarantine_bytes);
    return true;
  }

  const std::pair<char* const, Record>* find(const void* address) const {
    auto* p = const_cast<char*>(static_cast<const char*>(address));
    auto entry = live_.upper_bound(p);
    if (entry == live_.begin()) return nullptr;
    --entry;
    return p < entry->first + std::max<std::size_t>(entry->second.bytes, 1) ? &*entry : nullptr;
  }

  std::string describe_address(const void* address) const {
    const auto* p = static_cast<const char*>(address);
    if (const auto* entry = find(address))
      return "byte " + std::to_string(p - entry->first) + " of " + describe(entry->second);
    for (const Freed& freed : quarantine_)
      if (p >= freed.data && p < freed.data + freed.record.bytes)
        return "byte " + std::to_string(p - freed.data) + " of freed " + describe(freed.record);
    auto after = live_.upper_bound(const_cast<char*>(p));
    std::string text = "outside every allocation";
    if (after != live_.begin()) {
      const auto before = std::prev(after);
      text += ", " + std::to_string(p - (before->first + before->second.bytes)) + " bytes after the end of " +
              describe(before->second);
    }
    if (after != live_.end())
      text += ", " + std::to_string(after->first - p) + " bytes before " + describe(after->second);
    return text;
  }

  void note_broken_guard(char* data, const Record& record) {
    char* region = data - guard_bytes;
    char* end = region + region_bytes(record.bytes);
    for (const auto& [from, to] : {std::pair{region, data}, std::pair{data + record.bytes, end}}) {
      if (guard_is_intact(from, to)) continue;
      const char* place = first_change(from, to);
      if (broken_.empty())
        broken_ = "device memory was overwritten " +
                  (place < data ? std::to_string(data - place) + " bytes before "
                                : std::to_string(place - (data + record.bytes)) + " bytes after the end of ") +
                  describe(record);
      fill_guard(from, to);
    }
  }

  std::string broken_guards() {
    if (!address_sanitizer)
      for (const auto& [data, record] : live_) note_broken_guard(data, record);
    return std::exchange(broken_, {});
  }

  std::string broken_at_free() { return std::exchange(broken_, {}); }

  void note_overwritten_freed(const Freed& freed) {
    if (address_sanitizer) return;
    char* region = freed.data - guard_bytes;
    char* end = region + region_bytes(freed.record.bytes);
    if (guard_is_intact(region, end)) return;
    if (broken_.empty())
      broken_ = "device memory was overwritten after it was freed: " + describe_address(first_change(region, end));
    fill_guard(region, end);
  }

  std::string broken_freed() {
    for (const Freed& freed : quarantine_) note_overwritten_freed(freed);
    return std::exchange(broken_, {});
  }

  void open() {
    if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--open_ == 0) protect(PROT_NONE);
  }
  bool is_open() const { return open_ > 0; }
  int suspend() {
    const int depth = open_;
    if (depth > 0) protect(PROT_NONE);
    open_ = 0;
    return depth;
  }
  void resume(int depth) {
    open_ = depth;
    if (depth > 0) protect(PROT_READ | PROT_WRITE);
  }

  const std::map<char*, Record>& live() const { return live_; }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }
  void set_limit(std::size_t bytes) { limit_ = bytes == 0 ? default_limit() : std::min(bytes, default_limit()); }

 private:
  static std::size_t default_limit() { return default_memory_bytes - (std::size_t{64} << 20); }

  void protect(int protection) {
    if (committed_ != 0) mprotect(base_, committed_, protection);
  }

  void access(char* from, std::size_t bytes, int protection) {
    if (open_ > 0) return;
    const auto start = reinterpret_cast<std::uintptr_t>(from) / page_bytes * page_bytes;
    const auto end = rounded_up(reinterpret_cast<std::uintptr_t>(from) + bytes, page_bytes);
    mprotect(reinterpret_cast<void*>(start), end - start, protection);
  }

  char* take_free(std::size_t wanted) {
    for (auto entry = free_.begin(); entry != free_.end(); ++entry) {
      if (entry->second < wanted) continue;
      char* region = entry->first;
      const std::size_t left = entry->second - wanted;
      free_.erase(entry);
      if (left != 0) free_[region + wanted] = left;
      return region;
    }
    return nullptr;
  }

  char* take_new(std::size_t wanted) {
    if (wanted > default_memory_bytes - top_) return nullptr;
    char* region = base_ + top_;
    top_ += wanted;
    if (top_ > committed_) {
      const std::size_t committed = std::min(rounded_up(top_, commit_bytes), default_memory_bytes);
      if (open_ > 0) mprotect(base_ + committed_, committed - committed_, PROT_READ | PROT_WRITE);
      poison(base_ + committed_, committed - committed_);
      committed_ = committed;
    }
    return region;
  }

  /// Makes the oldest freed regions available again until at most `keep` bytes are held back.
  void empty_quarantine(std::size_t keep) {
    while (quarantined_ > keep && !quarantine_.empty()) {
      const Freed freed = quarantine_.front();
      char* region = freed.data - guard_bytes;
      const std::size_t size = region_bytes(freed.record.bytes);
      access(region, size, PROT_READ | PROT_WRITE);
      note_overwritten_freed(freed);
      if (open_ == 0) access(region, size, PROT_NONE);
      quarantine_.pop_front();
      quarantined_ -= size;
      add_free(region, size);
    }
  }

  void add_free(char* region, std::size_t size) {
    auto after = free_.lower_bound(region);
    if (after != free_.end() && region + size == after->first) {
      size += after->second;
      after = free_.erase(after);
    }
    if (after != free_.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == region) {
        before->second += size;
        return;
      }
    }
    free_[region] = size;
  }

  char* base_ = nullptr;
  std::size_t top_ = 0;
  std::size_t committed_ = 0;
  std::size_t limit_ = default_limit();
  std::size_t used_ = 0;
  std::size_t count_ = 0;
  int open_ = 0;
  std::map<char*, Record> live_;
  std::map<char*, std::size_t> free_;
  std::deque<Freed> quarantine_;
  std::size_t quarantined_ = 0;
  std::string broken_;
};

Arena& arena() {
  static auto* instance = new Arena;  // never destroyed: buffers may be freed while the process ends
  return *instance;
}

struct PinnedMemory {
  std::map<char*, Record> live;
  std::size_t count = 0;
};

PinnedMemory& pinned() {
  static auto* instance = new PinnedMemory;
  return *instance;
}

}  // namespace

cudaError_t allocate_device(void** pointer, std::size_t bytes, Site site) {
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  *pointer = arena().allocate(bytes, site);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

cudaError_t free_device(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  if (!arena().release(static_cast<char*>(pointer))) return cudaErrorInvalidValue;
  return cudaSuccess;
}

bool is_allocation_start(const void* pointer) {
  const auto* entry = arena().find(pointer);
  return entry != nullptr && entry->first == pointer;
}

cudaError_t allocate_pinned(void** pointer, std::size_t bytes, Site site) {
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  char* data = static_cast<char*>(std::malloc(bytes));
  if (data == nullptr) return cudaErrorMemoryAllocation;
  std::memset(data, 0xff, bytes);
  pinned().live[data] = {bytes, ++pinned().count, site};
  *pointer = data;
  return cudaSuccess;
}

cudaError_t free_pinned(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  if (pinned().live.erase(static_cast<char*>(pointer)) == 0) return cudaErrorInvalidValue;
  std::free(pointer);
  return cudaSuccess;
}

bool is_pinned(const void* address) {
  auto* p = const_cast<char*>(static_cast<const char*>(address));
  auto entry = pinned().live.upper_bound(p);
  if (entry == pinned().live.begin()) return false;
  --entry;
  return p < entry->first + entry->second.bytes;
}

bool in_device_range(const void* address) {
  return arena().in_range(address);
}

bool is_allocated(const void* address, std::size_t bytes) {
  const auto* entry = arena().find(address);
  if (entry == nullptr) return false;
  return static_cast<std::size_t>(static_cast<const char*>(address) - entry->first) + bytes <= entry->second.bytes;
}

std::string describe_address(const void* address) {
  return arena().describe_address(address);
}
std::size_t device_bytes_used() {
  return arena().used();
}
std::size_t device_bytes_total() {
  return arena().limit();
}
std::string broken_guards() {
  return arena().broken_guards();
}
std::string broken_at_free() {
  return arena().broken_at_free();
}
bool memory_is_open() {
  return arena().is_open();
}

void free_everything() {
  while (!arena().live().empty()) arena().release(arena().live().begin()->first);
}

OpenMemory::OpenMemory() {
  arena().open();
}
OpenMemory::~OpenMemory() {
  arena().close();
}
CloseMemory::CloseMemory() : depth_(arena().suspend()) {}
CloseMemory::~CloseMemory() {
  arena().resume(depth_);
}

}  // namespace detail

std::vector<Allocation> live_allocations() {
  const detail::DeviceLock lock;
  std::vector<Allocation> all;
  for (const auto& [data, record] : detail::arena().live())
    all.push_back({data, record.bytes, detail::describe(record), true});
  for (const auto& [data, record] : detail::pinned().live)
    all.push_back({data, record.bytes, "pinned host memory, " + detail::describe(record), false});
  return all;
}

std::string leak_report() {
  std::string text;
  for (const Allocation& allocation : live_allocations()) text += "not freed: " + allocation.where + "\n";
  return text;
}

bool memory_is_intact() {
  const detail::DeviceLock lock;
  const detail::OpenMemory open;
  std::string broken = detail::arena().broken_guards();
  if (broken.empty()) broken = detail::arena().broken_freed();
  if (!broken.empty()) detail::fail_device(cudaErrorIllegalAddress, broken);
  return broken.empty();
}

bool is_device_memory(const void* address) {
  const detail::DeviceLock lock;
  return detail::arena().find(address) != nullptr;
}

void set_memory_limit(std::size_t bytes) {
  const detail::DeviceLock lock;
  detail::arena().set_limit(bytes);
}

}  // namespace cuda_on_cpu
