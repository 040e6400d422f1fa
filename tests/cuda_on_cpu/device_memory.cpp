#include "device_memory.h"

#include <cstdlib>
#include <cstring>
#include <map>

#include "arena.h"
#include "device_state.h"

namespace cuda_on_cpu {
namespace detail {
namespace {

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
