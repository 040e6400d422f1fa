#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "include/cuda_on_cpu/control.h"
#include "include/cuda_on_cpu/site.h"
#include "include/driver_types.h"

namespace cuda_on_cpu::detail {

constexpr std::size_t default_memory_bytes = std::size_t{4} << 30;

/// Device memory: one reserved range of addresses that the host may touch only while a device operation runs.
/// New memory is filled with 0xFF. Around every allocation lie guard zones: poisoned under AddressSanitizer, filled
/// with a pattern and checked otherwise.
cudaError_t allocate_device(void** pointer, std::size_t bytes, Site site);

/// cudaErrorInvalidValue unless it is the start of a live allocation.
cudaError_t free_device(void* pointer);

bool is_allocation_start(const void* pointer);

cudaError_t allocate_pinned(void** pointer, std::size_t bytes, Site site);
cudaError_t free_pinned(void* pointer);
bool is_pinned(const void* address);

/// True for any address in the reserved range, allocated or not.
bool in_device_range(const void* address);

/// True when the bytes lie wholly in one live allocation.
bool is_allocated(const void* address, std::size_t bytes);

/// Where an address lies relative to the nearest allocation, in words.
std::string describe_address(const void* address);

std::size_t device_bytes_used();
std::size_t device_bytes_total();

/// What was written into a guard zone since the last check (and repairs it); empty when nothing was.
std::string broken_guards();

/// What a free found so, without looking at anything else.
std::string broken_at_free();

void free_everything();

/// Opens device memory to the calling thread for a scope; nests.
class OpenMemory {
 public:
  OpenMemory();
  ~OpenMemory();
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

/// Closes it again inside such a scope, for host functions in a stream.
class CloseMemory {
 public:
  CloseMemory();
  ~CloseMemory();
  CloseMemory(const CloseMemory&) = delete;
  CloseMemory& operator=(const CloseMemory&) = delete;

 private:
  int depth_;
};

}  // namespace cuda_on_cpu::detail
