#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "device_memory.h"
#include "include/cuda_on_cpu/site.h"

namespace cuda_on_cpu::detail {

/// What is remembered of an allocation.
struct Record {
  std::size_t bytes = 0;
  std::size_t number = 0;
  Site site;
};

std::string describe(const Record& record);

/// The reserved addresses of device memory, and what was allocated in them. Freed regions rest in a quarantine for a
/// while, so that what still uses them is seen.
class Arena {
 public:
  Arena();

  bool in_range(const void* address) const;

  /// nullptr when the device is full.
  char* allocate(std::size_t bytes, Site site);

  /// False unless `data` is the start of a live allocation.
  bool release(char* data);

  /// The live allocation that holds an address, or nullptr.
  const std::pair<char* const, Record>* find(const void* address) const;
  std::string describe_address(const void* address) const;

  // What was overwritten since the last question: guard zones of live allocations; a guard zone at its allocation's
  // end; memory that was freed. Empty when nothing was.
  std::string broken_guards();
  std::string broken_at_free() { return std::exchange(broken_, {}); }
  std::string broken_freed();

  // The host's access, counted; suspend() gives the count that resume() takes back.
  void open();
  void close();
  bool is_open() const { return open_ > 0; }
  int suspend();
  void resume(int depth);

  const std::map<char*, Record>& live() const { return live_; }
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }
  void set_limit(std::size_t bytes) { limit_ = bytes == 0 ? default_limit() : std::min(bytes, default_limit()); }

 private:
  struct Freed {
    char* data;
    Record record;
  };

  static std::size_t default_limit() { return default_memory_bytes - (std::size_t{64} << 20); }

  void protect(int protection);
  void access(char* from, std::size_t bytes, int protection);
  void note_broken_guard(char* data, const Record& record);
  void note_overwritten_freed(const Freed& freed);

  char* take_free(std::size_t wanted);
  char* take_new(std::size_t wanted);
  void add_free(char* region, std::size_t size);

  /// Makes the oldest freed regions available again until at most `keep` bytes are held back.
  void empty_quarantine(std::size_t keep);
  void give_back_end();

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

Arena& arena();

}  // namespace cuda_on_cpu::detail
