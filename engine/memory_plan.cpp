#include "engine/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace mynah {

MemoryPlan plan_memory(const std::vector<Lifetime>& lifetimes, Index alignment) {
  MemoryPlan plan;
  plan.offsets.assign(lifetimes.size(), 0);
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lifetimes[a].size > lifetimes[b].size; });
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t one : order) {
    const Lifetime& lifetime = lifetimes[one];
    if (lifetime.size == 0) continue;
    Index offset = 0;
    for (const std::size_t other : placed) {
      const Lifetime& there = lifetimes[other];
      if (there.last < lifetime.first || lifetime.last < there.first) continue;
      if (plan.offsets[other] >= offset + lifetime.size) break;  // it fits into the gap before
      const Index end = plan.offsets[other] + there.size;
      offset = std::max(offset, (end + alignment - 1) / alignment * alignment);
    }
    plan.offsets[one] = offset;
    plan.total = std::max(plan.total, offset + lifetime.size);
    const auto place = std::upper_bound(placed.begin(), placed.end(), offset,
                                        [&](Index value, std::size_t other) { return value < plan.offsets[other]; });
    placed.insert(place, one);
  }
  return plan;
}

}  // namespace mynah
