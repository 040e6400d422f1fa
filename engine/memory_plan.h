#pragma once

#include <vector>

#include "kernels/view.h"

namespace mynah {

/// Something that needs memory from step `first` to step `last`, both included.
struct Lifetime {
  Index size = 0;
  int first = 0;
  int last = 0;
};

struct MemoryPlan {
  std::vector<Index> offsets;  ///< of each lifetime, in the order given
  Index total = 0;
};

/// Places lifetimes in one buffer so that those with a step in common do not overlap: the largest first, each at the
/// lowest offset that is free for all its steps. Sizes of 0 take no place. Offsets are multiples of `alignment`.
MemoryPlan plan_memory(const std::vector<Lifetime>& lifetimes, Index alignment);

}  // namespace mynah
