#include "executor.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "device_memory.h"
#include "device_state.h"
#include "kernel_module.h"
#include "schedule.h"

#include "thread_index.h"

namespace cuda_on_cpu::detail {
namespace {

constexpr std::size_t dynamic_guard_bytes = address_sanitizer ? 0 : 256;
constexpr unsigned char dynamic_guard = 0xa5;

std::string text_of(uint3 index) {
  char text[48];
  std::snprintf(text, sizeof(text), "(%u, %u, %u)", index.x, index.y, index.z);
  return text;
}

}  // namespace

namespace {

Executor*& current_executor() {
  static auto* instance = new Executor;  // never destroyed: fibers outlive static objects
  return instance;
}

}  // namespace

Executor& executor() {
  return *current_executor();
}

void Executor::Free::operator()(void* memory) const {
  std::free(memory);
}

std::string running_kernel() {
  return executor().describe_running();
}

bool Executor::start(const KernelLaunch& launch) {
  kept_launch_ = launch;
  ended_ = false;
  return enter(launch_fiber_.context);
}

bool Executor::go_on() {
  writable_block_dim() = launch_->block;
  writable_grid_dim() = launch_->grid;
  writable_block_index() = left_block_;
  select(current_);
  std::copy(left_static_shared_.begin(), left_static_shared_.end(), static_shared_);
  return enter(left_from_->context);
}

void Executor::drop() {
  failed_ = true;
  waiting_for_host_.clear();
  enter(main_);
}

bool Executor::enter(Context& context) {
  Executor* const before = std::exchange(current_executor(), this);
  switch_context(host_, context);
  current_executor() = before;
  return ended_;
}

void Executor::launch_body(Fiber& fiber) {
  Executor& self = executor();
  for (;;) {
    self.run(self.kept_launch_);
    self.ended_ = true;
    switch_context(fiber.context, self.host_);
  }
}

/// False where no thread waits for the host; else leaves the launch, and returns when it goes on.
bool Executor::leave_launch(Fiber& from) {
  if (waiting_for_host_.empty()) return false;
  left_from_ = &from;
  left_block_ = writable_block_index();
  left_static_shared_.assign(static_shared_, static_shared_ + static_shared_bytes_);
  switch_context(from.context, host_);
  for (const int thread : waiting_for_host_) set_ready(thread);
  waiting_for_host_.clear();
  return true;
}

void Executor::await_host(Site site) {
  waiting_for_host_.push_back(current_);
  wait_in("await_host", site);
}

void Executor::wait_in(const char* what, Site site) {
  Thread& me = thread_[static_cast<std::size_t>(current_)];
  me.waits_in = what;
  me.waits_at = site;
  set_waiting(current_);
  suspend();
  me.waits_in = nullptr;
}

void Executor::run(const KernelLaunch& launch) {
  const SharedImage image = shared_image_of(launch.function);
  if (!image.found) {
    fail_device(cudaErrorInvalidDeviceFunction,
                "kernel " + kernel_name(launch.function) +
                    " does not lie in a shared library; its shared memory cannot be told from other thread-local data");
    return;
  }
  launch_ = &launch;
  failed_ = false;
  static_shared_ = image.data;
  static_shared_bytes_ = image.bytes;
  threads_ = static_cast<int>(launch.block.x * launch.block.y * launch.block.z);
  thread_.resize(static_cast<std::size_t>(threads_));
  copies_.resize(static_cast<std::size_t>(threads_));
  warps_.resize(static_cast<std::size_t>(threads_ + 31) / 32);
  ready_.resize(static_cast<std::size_t>(threads_ + 63) / 64);
  void* memory = nullptr;
  if (posix_memalign(&memory, 128, launch.dynamic_shared_bytes + dynamic_guard_bytes) != 0) std::abort();
  dynamic_shared_.reset(static_cast<char*>(memory));
  writable_block_dim() = launch.block;
  writable_grid_dim() = launch.grid;

  const std::uint64_t blocks = std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  std::vector<std::uint64_t> order;
  if (choices().kind() == Schedule::Kind::random) {
    order.resize(blocks);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[choices().choose(i)]);
  }
  for (std::uint64_t i = 0; i < blocks && !failed_; ++i) {
    fill_shared_memory();
    const bool backwards = choices().kind() == Schedule::Kind::reverse;
    run_block(order.empty() ? (backwards ? blocks - 1 - i : i) : order[i]);
  }
  dynamic_shared_.reset();
  launch_ = nullptr;
}

void Executor::fill_shared_memory() {
  std::memset(dynamic_shared_.get(), 0xff, launch_->dynamic_shared_bytes);
  std::memset(dynamic_shared_.get() + launch_->dynamic_shared_bytes, dynamic_guard, dynamic_guard_bytes);
  // All of the library's, not only the kernel's own: which part a kernel reaches through the functions it calls cannot
  // be told from outside.
  if (static_shared_bytes_ != 0) std::memset(static_shared_, 0xff, static_shared_bytes_);
}

void Executor::run_block(std::uint64_t number) {
  const dim3 grid = launch_->grid;
  writable_block_index() = {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y),
                            static_cast<unsigned>(number / grid.x / grid.y)};
  std::fill(thread_.begin(), thread_.end(), Thread{});
  for (CopyGroups& copies : copies_) copies.clear();
  std::fill(ready_.begin(), ready_.end(), ~std::uint64_t{0});
  if (threads_ % 64 != 0) ready_.back() = (std::uint64_t{1} << (threads_ % 64)) - 1;
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    const int lanes = std::min(32, threads_ - static_cast<int>(w) * 32);
    warps_[w].exists = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warps_[w].exited = 0;
    warps_[w].pending.clear();
  }
  living_ = threads_;
  arrived_ = exited_ = 0;
  asynchronous_.begin_block(threads_);
  switch_context(main_, fiber_for(pick()).context);
  current_ = -1;
  if (failed_) {
    // Whatever was on the stacks of the threads is abandoned; device code owns nothing.
    for (const auto& fiber : fibers_)
      if (fiber->thread >= 0) {
        fiber->restart();
        idle_.push_back(fiber.get());
      }
    free_exchanges_.clear();
    for (const auto& exchange : exchanges_) free_exchanges_.push_back(exchange.get());
    return;
  }
  const char* end = dynamic_shared_.get() + launch_->dynamic_shared_bytes;
  for (std::size_t i = 0; i < dynamic_guard_bytes; ++i)
    if (static_cast<unsigned char>(end[i]) != dynamic_guard) {
      failed_ = true;
      fail_device(cudaErrorIllegalAddress, "kernel " + kernel_name(launch_->function) + " wrote " + std::to_string(i) +
                                               " bytes after the end of its " +
                                               std::to_string(launch_->dynamic_shared_bytes) +
                                               " bytes of dynamic shared memory");
      return;
    }
}

void Executor::fiber_body(Fiber& fiber) {
  Executor& self = executor();
  for (;;) {
    self.launch_->call->run();
    self.thread_finished(fiber);
  }
}

int Executor::pick() const {
  const int words = static_cast<int>(ready_.size());
  const auto word = [this](int i) { return ready_[static_cast<std::size_t>(i)]; };
  switch (choices().kind()) {
    case Schedule::Kind::forward:
      for (int i = 0; i < words; ++i)
        if (word(i) != 0) return i * 64 + std::countr_zero(word(i));
      return -1;
    case Schedule::Kind::reverse:
      for (int i = words - 1; i >= 0; --i)
        if (word(i) != 0) return i * 64 + 63 - std::countl_zero(word(i));
      return -1;
    case Schedule::Kind::random:
      break;
  }
  // The first ready thread from a random one on, cyclically.
  const int start = static_cast<int>(choices().choose(static_cast<std::size_t>(threads_)));
  const std::uint64_t high = word(start / 64) >> (start % 64);
  if (high != 0) return start + std::countr_zero(high);
  for (int k = 1; k <= words; ++k) {
    const int i = (start / 64 + k) % words;
    if (word(i) != 0) return i * 64 + std::countr_zero(word(i));
  }
  return -1;
}

/// pick(), after what asynchronous work the schedule lets happen, and, where no thread can go on, after as much of it
/// as lets one.
int Executor::next_thread() {
  asynchronous_.progress();
  int next = pick();
  while (next < 0 && asynchronous_.complete_one()) next = pick();
  return next;
}

void Executor::select(int thread) {
  current_ = thread;
  const auto linear = static_cast<unsigned>(thread);
  const dim3 block = launch_->block;
  writable_thread_index() = {linear % block.x, linear / block.x % block.y, linear / (block.x * block.y)};
}

Fiber& Executor::fiber_for(int thread) {
  select(thread);
  Thread& chosen = thread_[static_cast<std::size_t>(thread)];
  if (chosen.fiber == nullptr) {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>(&Executor::fiber_body));
      idle_.push_back(fibers_.back().get());
    }
    chosen.fiber = idle_.back();
    idle_.pop_back();
    chosen.fiber->thread = thread;
  }
  return *chosen.fiber;
}

void Executor::suspend() {
  int next = next_thread();
  if (next < 0 && leave_launch(*thread_[static_cast<std::size_t>(current_)].fiber)) next = pick();
  if (next < 0) {
    note_stuck("no thread can go on");
    abandon();
  }
  if (next == current_) return;
  Fiber* from = thread_[static_cast<std::size_t>(current_)].fiber;
  switch_context(from->context, fiber_for(next).context);
}

void Executor::thread_finished(Fiber& fiber) {
  Thread& thread = thread_[static_cast<std::size_t>(current_)];
  Warp& warp = warps_[static_cast<std::size_t>(current_) / 32];
  thread.exited = true;
  set_waiting(current_);
  --living_;
  ++exited_;
  if (thread.exchange != nullptr) release(std::exchange(thread.exchange, nullptr));
  warp.exited |= 1u << lane();
  if (copies().count() > 0) {
    note_failure(cudaErrorLaunchFailure, "thread " + name_of(current_) + " returned while " +
                                             std::to_string(copies().count()) +
                                             " asynchronous copies were under way that it has not waited for");
    abandon();
  }
  for (std::size_t i = warp.pending.size(); i-- > 0;) complete_if_all_came(warp, i);
  if (arrived_ > 0) {
    note_stuck("thread " + name_of(current_) + " returned while others wait for the whole block");
    abandon();
  }
  if (living_ == 0 && asynchronous_.is_copying()) {
    note_stuck("the block ended before its copies into shared memory did");
    abandon();
  }

  int next = next_thread();
  if (next < 0 && living_ > 0 && leave_launch(fiber)) next = pick();
  if (next >= 0 && thread_[static_cast<std::size_t>(next)].fiber == nullptr) {
    thread_[static_cast<std::size_t>(next)].fiber = &fiber;
    fiber.thread = next;
    select(next);
    return;
  }
  if (next < 0 && living_ > 0) {
    note_stuck("no thread can go on");
    abandon();
  }
  fiber.thread = -1;
  idle_.push_back(&fiber);
  switch_context(fiber.context, next < 0 ? main_ : fiber_for(next).context);
}

int Executor::barrier(BarrierKind kind, int value, Site site) {
  Thread& me = thread_[static_cast<std::size_t>(current_)];
  if (arrived_ == 0) {
    barrier_kind_ = kind;
    barrier_site_ = site;
    barrier_first_ = current_;
    barrier_sum_ = 0;
  }
  me.waits_in = "__syncthreads";
  me.waits_at = site;
  if (kind != barrier_kind_ || site.line != barrier_site_.line || std::strcmp(site.file, barrier_site_.file) != 0) {
    note_stuck("divergent barrier: threads of one block wait at different lines");
    abandon();
  }
  if (exited_ > 0) {
    note_stuck("threads wait for the whole block after " + std::to_string(exited_) + " of it returned");
    abandon();
  }
  ++arrived_;
  barrier_sum_ += value != 0;
  if (arrived_ == threads_) {
    arrived_ = 0;
    barrier_result_ = kind == BarrierKind::count ? barrier_sum_
                      : kind == BarrierKind::all ? barrier_sum_ == threads_
                                                 : barrier_sum_ != 0;
    for (int i = 0; i < threads_; ++i) set_ready(i);
  } else {
    set_waiting(current_);
  }
  suspend();
  me.waits_in = nullptr;
  return barrier_result_;
}

void Executor::yield() {
  if (is_running()) suspend();
}

unsigned Executor::living_lanes() const {
  const Warp& warp = warps_[static_cast<std::size_t>(current_) / 32];
  return warp.exists & ~warp.exited;
}

void Executor::note_failure(cudaError_t error, const std::string& text) {
  failed_ = true;
  fail_device(error, text + "\n  in " + describe_running());
}

void Executor::note_stuck(const std::string& what) {
  note_failure(cudaErrorLaunchFailure, what + waiting_threads());
}

void Executor::abandon() {
  Fiber* from = thread_[static_cast<std::size_t>(current_)].fiber;
  switch_context(from->context, main_);
  std::abort();  // nobody comes back to an abandoned thread
}

std::string Executor::name_of(int thread) const {
  const auto linear = static_cast<unsigned>(thread);
  const dim3 block = launch_->block;
  return text_of({linear % block.x, linear / block.x % block.y, linear / (block.x * block.y)});
}

std::string Executor::describe_running() const {
  if (!is_running()) return {};
  return "kernel " + kernel_name(launch_->function) + ", block " + text_of(writable_block_index()) + ", thread " +
         name_of(current_);
}

std::string Executor::waiting_threads() const {
  struct Group {
    const Thread* like;
    int count;
    int first;
  };
  std::vector<Group> groups;
  for (int i = 0; i < threads_; ++i) {
    const Thread& thread = thread_[static_cast<std::size_t>(i)];
    if (thread.waits_in == nullptr) continue;
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group.like->waits_in == thread.waits_in && group.like->waits_at.line == thread.waits_at.line &&
             group.like->waits_for == thread.waits_for;
    });
    if (same != groups.end())
      ++same->count;
    else
      groups.push_back({&thread, 1, i});
  }
  std::string text;
  for (const Group& group : groups) {
    text += "\n  " + std::to_string(group.count) + (group.count == 1 ? " thread" : " threads") + " from " +
            name_of(group.first) + " on: in " + group.like->waits_in;
    if (group.like->waits_for != 0) {
      char mask[24];
      std::snprintf(mask, sizeof(mask), " (mask %08x)", group.like->waits_for);
      text += mask;
    }
    if (group.like->waits_at.file != nullptr)
      text += " at " + std::string(group.like->waits_at.file) + ":" + std::to_string(group.like->waits_at.line);
  }
  return text;
}

}  // namespace cuda_on_cpu::detail
