#pragma once

#include <cstddef>

namespace cuda_on_cpu::detail {

/// Shared memory of a block, in pages of its own between guard pages, so that it can be closed: whoever touches it then
/// is found by the fault handler.
class SharedPages {
 public:
  SharedPages() = default;
  ~SharedPages();
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  /// Opens it, with room for `bytes` and, where nothing watches accesses, a guard zone behind them.
  void resize(std::size_t bytes);
  char* data() const { return data_; }

  /// Fills it with 0xFF, the guard zone too.
  void fill();
  /// How many bytes after its end were overwritten; -1: none.
  long overrun() const;

  void open();
  void close();
  /// Whether an address is in it or in its guard pages.
  bool is_near(const void* address) const;

 private:
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t capacity_ = 0;  // of the pages between the guard pages
  bool is_open_ = false;
};

}  // namespace cuda_on_cpu::detail
