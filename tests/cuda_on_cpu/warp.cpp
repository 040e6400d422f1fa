#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "executor.h"

// The parts of the executor that lanes of a warp, and device code at large, call.

namespace cuda_on_cpu::detail {
namespace {

const char* function_of(WarpOperation operation) {
  switch (operation) {
    case WarpOperation::sync:
      return "__syncwarp";
    case WarpOperation::shuffle:
      return "__shfl_sync";
    case WarpOperation::ballot:
      return "__ballot_sync, __any_sync or __all_sync";
    case WarpOperation::any:
      return "__any_sync";
    case WarpOperation::all:
      return "__all_sync";
    case WarpOperation::match_any:
      return "__match_any_sync";
    case WarpOperation::match_all:
      return "__match_all_sync";
    case WarpOperation::reduce:
      return "__reduce_sync";
    case WarpOperation::multiply_tf32:
      return "mma.sync of tf32";
    case WarpOperation::multiply_bfloat16:
      return "mma.sync of bfloat16";
    case WarpOperation::load_blocks:
      return "ldmatrix";
  }
  return "";
}

}  // namespace

const WarpValues& Executor::exchange(WarpOperation operation, unsigned mask, std::uint64_t value, Site site) {
  Thread& me = thread_[static_cast<std::size_t>(current_)];
  Warp& warp = warps_[static_cast<std::size_t>(current_) / 32];
  const unsigned my_lane = lane();
  if (((mask >> my_lane) & 1u) == 0) {
    me.waits_in = function_of(operation);
    me.waits_at = site;
    me.waits_for = mask;
    {
      note_stuck("lane " + std::to_string(my_lane) + " takes part in a warp operation whose mask does not name it");
      abandon();
    }
  }
  if (me.exchange != nullptr) release(std::exchange(me.exchange, nullptr));

  auto found = std::find_if(warp.pending.begin(), warp.pending.end(), [&](const Exchange* pending) {
    return pending->mask == mask && pending->operation == operation;
  });
  if (found == warp.pending.end()) {
    if (free_exchanges_.empty()) {
      exchanges_.push_back(std::make_unique<Exchange>());
      free_exchanges_.push_back(exchanges_.back().get());
    }
    Exchange* fresh = free_exchanges_.back();
    free_exchanges_.pop_back();
    fresh->data.arrived = 0;
    fresh->operation = operation;
    fresh->mask = mask;
    fresh->readers = 0;
    fresh->site = site;
    found = warp.pending.insert(warp.pending.end(), fresh);
  }
  Exchange* meeting = *found;
  meeting->data.values[my_lane] = value;
  meeting->data.arrived |= 1u << my_lane;
  ++meeting->readers;
  me.exchange = meeting;
  me.waits_in = function_of(operation);
  me.waits_at = site;
  me.waits_for = mask;
  set_waiting(current_);
  complete_if_all_came(warp, static_cast<std::size_t>(found - warp.pending.begin()));
  suspend();
  me.waits_in = nullptr;
  me.waits_for = 0;
  return meeting->data;
}

void Executor::complete_if_all_came(Warp& warp, std::size_t index) {
  Exchange* meeting = warp.pending[index];
  const std::uint32_t needed = meeting->mask & warp.exists & ~warp.exited;
  if ((meeting->data.arrived & needed) != needed) return;
  warp.pending.erase(warp.pending.begin() + static_cast<std::ptrdiff_t>(index));
  const int first = static_cast<int>(&warp - warps_.data()) * 32;
  for (int i = 0; i < 32; ++i)
    if ((meeting->data.arrived >> i) & 1u) set_ready(first + i);
}

void Executor::release(Exchange* exchange) {
  if (--exchange->readers == 0) free_exchanges_.push_back(exchange);
}

int barrier(BarrierKind kind, int value, Site site) {
  return executor().barrier(kind, value, site);
}

const WarpValues& exchange(WarpOperation operation, unsigned mask, std::uint64_t value, Site site) {
  return executor().exchange(operation, mask, value, site);
}

unsigned lane() {
  return executor().lane();
}
unsigned living_lanes() {
  return executor().living_lanes();
}
void* dynamic_shared_memory() {
  return executor().dynamic_shared();
}
void yield() {
  executor().yield();
}
void cluster_arrive(Site site) {
  executor().cluster_arrive(site);
}
void cluster_wait(Site site) {
  executor().cluster_wait(site);
}
unsigned cluster_rank() {
  return executor().cluster_rank();
}
unsigned cluster_size() {
  return executor().cluster_size();
}
char* in_block(const void* mine, unsigned rank, Site site) {
  return executor().in_block(mine, rank, site);
}
void await_host(Site site) {
  executor().await_host(site);
}

void fail_kernel(const char* text, Site site) {
  executor().note_failure(cudaErrorLaunchFailure,
                          std::string(text) + " at " + (site.file ? site.file : "?") + ":" + std::to_string(site.line));
  executor().abandon();
}

}  // namespace cuda_on_cpu::detail

// A failed assert() in a kernel ends the launch, not the process, as on a device. This definition comes before the C
// library's in the search order of every program that links the runtime.
extern "C" [[noreturn]] void __assert_fail(const char* assertion, const char* file, unsigned int line,
                                           const char* function) noexcept {
  using namespace cuda_on_cpu::detail;
  if (executor().is_running()) {
    executor().note_failure(cudaErrorAssert, std::string(file) + ":" + std::to_string(line) + ": " + function +
                                                 ": assertion failed: " + assertion);
    executor().abandon();
  }
  std::fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, assertion);
  std::abort();
}
