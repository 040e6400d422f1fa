#pragma once

#include <cstddef>
#include <vector>

#include "include/cuda_on_cpu/copy_groups.h"

namespace cuda_on_cpu::detail {

/// The copies that one thread has started and not waited for.
class CopyGroups {
 public:
  struct Copy {
    void* to;
    const void* from;
    int bytes;
    int read;
  };

  void clear();
  void start(const Copy& copy) { copies_.push_back(copy); }
  void commit() { ends_.push_back(copies_.size()); }
  void wait(std::size_t groups);
  std::size_t count() const { return copies_.size(); }

 private:
  std::vector<Copy> copies_;
  std::vector<std::size_t> ends_;  // of the groups, in copies_
};

}  // namespace cuda_on_cpu::detail
