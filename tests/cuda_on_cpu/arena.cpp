#include "arena.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fault.h"
#include "guard_zone.h"
#include "sanitizer.h"

namespace cuda_on_cpu::detail {
namespace {

constexpr std::size_t guard_bytes = 512;
constexpr std::size_t alignment = 256;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t commit_bytes = std::size_t{1} << 20;
constexpr std::size_t quarantine_bytes = std::size_t{2} << 20;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// An allocation's region is guard, data rounded up to `alignment`, guard; regions lie side by side.
std::size_t region_bytes(std::size_t bytes) {
  return 2 * guard_bytes + rounded_up(std::max<std::size_t>(bytes, 1), alignment);
}

}  // namespace

std::string describe(const Record& record) {
  std::string text = "allocation " + std::to_string(record.number) + " of " + std::to_string(record.bytes) + " bytes";
  if (record.site.file != nullptr)
    text += " made at " + std::string(record.site.file) + ":" + std::to_string(record.site.line);
  return text;
}

Arena::Arena() {
  base_ = static_cast<char*>(
      mmap(nullptr, default_memory_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (base_ == MAP_FAILED) {
    std::fputs("CUDA on CPU: cannot reserve addresses for device memory\n", stderr);
    std::abort();
  }
  install_fault_handler();
}

bool Arena::in_range(const void* address) const {
  const auto* p = static_cast<const char*>(address);
  return p >= base_ && p < base_ + default_memory_bytes;
}

char* Arena::allocate(std::size_t bytes, Site site) {
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

bool Arena::release(char* data) {
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

const std::pair<char* const, Record>* Arena::find(const void* address) const {
  auto* p = const_cast<char*>(static_cast<const char*>(address));
  auto entry = live_.upper_bound(p);
  if (entry == live_.begin()) return nullptr;
  --entry;
  return p < entry->first + std::max<std::size_t>(entry->second.bytes, 1) ? &*entry : nullptr;
}

std::string Arena::describe_address(const void* address) const {
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

void Arena::note_broken_guard(char* data, const Record& record) {
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

std::string Arena::broken_guards() {
  if (!address_sanitizer)
    for (const auto& [data, record] : live_) note_broken_guard(data, record);
  return std::exchange(broken_, {});
}

void Arena::note_overwritten_freed(const Freed& freed) {
  if (address_sanitizer) return;
  char* region = freed.data - guard_bytes;
  char* end = region + region_bytes(freed.record.bytes);
  if (guard_is_intact(region, end)) return;
  if (broken_.empty())
    broken_ = "device memory was overwritten after it was freed: " + describe_address(first_change(region, end));
  fill_guard(region, end);
}

std::string Arena::broken_freed() {
  for (const Freed& freed : quarantine_) note_overwritten_freed(freed);
  return std::exchange(broken_, {});
}

void Arena::open() {
  if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
}

void Arena::close() {
  if (--open_ == 0) protect(PROT_NONE);
}

int Arena::suspend() {
  const int depth = open_;
  if (depth > 0) protect(PROT_NONE);
  open_ = 0;
  return depth;
}

void Arena::resume(int depth) {
  open_ = depth;
  if (depth > 0) protect(PROT_READ | PROT_WRITE);
}

void Arena::protect(int protection) {
  if (committed_ != 0) mprotect(base_, committed_, protection);
}

void Arena::access(char* from, std::size_t bytes, int protection) {
  if (open_ > 0) return;
  const auto start = reinterpret_cast<std::uintptr_t>(from) / page_bytes * page_bytes;
  const auto end = rounded_up(reinterpret_cast<std::uintptr_t>(from) + bytes, page_bytes);
  mprotect(reinterpret_cast<void*>(start), end - start, protection);
}

char* Arena::take_free(std::size_t wanted) {
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

char* Arena::take_new(std::size_t wanted) {
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

void Arena::empty_quarantine(std::size_t keep) {
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
  give_back_end();
}

/// What is free behind the last allocation is uncommitted, since every launch changes the protection of all that is
/// committed: a test that once needed much would slow down those after it.
void Arena::give_back_end() {
  if (free_.empty()) return;
  const auto last = std::prev(free_.end());
  if (last->first + last->second != base_ + top_ || last->second < commit_bytes) return;
  top_ = static_cast<std::size_t>(last->first - base_);
  free_.erase(last);
  const std::size_t committed = rounded_up(top_, commit_bytes);
  if (committed >= committed_) return;
  mprotect(base_ + committed, committed_ - committed, PROT_NONE);
  madvise(base_ + committed, committed_ - committed, MADV_DONTNEED);
  committed_ = committed;
}

void Arena::add_free(char* region, std::size_t size) {
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

Arena& arena() {
  static auto* instance = new Arena;  // never destroyed: buffers may be freed while the process ends
  return *instance;
}

}  // namespace cuda_on_cpu::detail
