#include "engine/memory_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace mynah {
namespace {

void expect_no_overlap(const std::vector<Lifetime>& lifetimes, const MemoryPlan& plan, Index alignment) {
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    if (lifetimes[i].size == 0) continue;
    EXPECT_EQ(plan.offsets[i] % alignment, 0);
    EXPECT_LE(plan.offsets[i] + lifetimes[i].size, plan.total);
    for (std::size_t j = 0; j < i; ++j) {
      if (lifetimes[j].size == 0) continue;
      const bool at_once = lifetimes[i].first <= lifetimes[j].last && lifetimes[j].first <= lifetimes[i].last;
      const bool apart = plan.offsets[i] + lifetimes[i].size <= plan.offsets[j] ||
                         plan.offsets[j] + lifetimes[j].size <= plan.offsets[i];
      EXPECT_TRUE(!at_once || apart) << i << " and " << j;
    }
  }
}

TEST(MemoryPlan, WhatLivesAtOnceNeverOverlaps) {
  std::mt19937 generator(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> lifetimes(generator() % 40);
    for (Lifetime& one : lifetimes) {
      one.first = static_cast<int>(generator() % 30);
      one.last = one.first + static_cast<int>(generator() % 8);
      one.size = static_cast<Index>(generator() % 100);
    }
    const MemoryPlan plan = plan_memory(lifetimes, 16);
    expect_no_overlap(lifetimes, plan, 16);
  }
}

TEST(MemoryPlan, AChainNeedsTwoPlaces) {
  std::vector<Lifetime> chain(20);
  for (int i = 0; i < 20; ++i) chain[static_cast<std::size_t>(i)] = {64, i, i + 1};
  EXPECT_EQ(plan_memory(chain, 16).total, 128);
}

}  // namespace
}  // namespace mynah
