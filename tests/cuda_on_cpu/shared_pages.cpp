#include "shared_pages.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sanitizer.h"

namespace cuda_on_cpu::detail {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t zone_bytes = address_sanitizer ? 0 : 256;
constexpr unsigned char zone = 0xa5;

}  // namespace

SharedPages::~SharedPages() {
  if (data_ != nullptr) munmap(data_ - page_bytes, capacity_ + 2 * page_bytes);
}

void SharedPages::resize(std::size_t bytes) {
  const std::size_t wanted = (bytes + zone_bytes + page_bytes) / page_bytes * page_bytes;
  if (wanted > capacity_) {
    if (data_ != nullptr) munmap(data_ - page_bytes, capacity_ + 2 * page_bytes);
    void* pages = mmap(nullptr, wanted + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) {
      std::fputs("CUDA on CPU: no memory for the shared memory of a block\n", stderr);
      std::abort();
    }
    data_ = static_cast<char*>(pages) + page_bytes;
    capacity_ = wanted;
    is_open_ = false;
  }
  open();
  unpoison(data_, capacity_);
  poison(data_ + bytes, capacity_ - bytes);
  bytes_ = bytes;
}

void SharedPages::fill() {
  std::memset(data_, 0xff, bytes_);
  std::memset(data_ + bytes_, zone, zone_bytes);
}

long SharedPages::overrun() const {
  for (std::size_t i = 0; i < zone_bytes; ++i)
    if (static_cast<unsigned char>(data_[bytes_ + i]) != zone) return static_cast<long>(i);
  return -1;
}

void SharedPages::open() {
  if (is_open_) return;
  is_open_ = true;
  mprotect(data_, capacity_, PROT_READ | PROT_WRITE);
}

void SharedPages::close() {
  is_open_ = false;
  mprotect(data_, capacity_, PROT_NONE);
}

bool SharedPages::is_near(const void* address) const {
  const char* at = static_cast<const char*>(address);
  return data_ != nullptr && at >= data_ - page_bytes && at < data_ + capacity_ + page_bytes;
}

}  // namespace cuda_on_cpu::detail
