#include "executor.h"

#include <algorithm>
#include <bit>
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

Executor*& current_executor() {
  static auto* instance = new Executor;  // never destroyed: fibers outlive static objects
  return instance;
}

}  // namespace

Executor& executor() {
  return *current_executor();
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
  writable_block_index() = block().index;
  select(current_);
  std::copy_n(block().kept_static_shared.data(), static_shared_bytes_, static_shared_);
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
  std::copy_n(static_shared_, static_shared_bytes_, block().kept_static_shared.data());
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
  stride_ = (threads_ + 63) / 64 * 64;
  cluster_blocks_ = static_cast<int>(launch.cluster.x * launch.cluster.y * launch.cluster.z);
  const auto numbers = static_cast<std::size_t>(stride_) * static_cast<std::size_t>(cluster_blocks_);
  thread_.resize(numbers);
  copies_.resize(numbers);
  warps_.resize(numbers / 32);
  ready_.resize(numbers / 64);
  while (blocks_.size() < static_cast<std::size_t>(cluster_blocks_)) blocks_.push_back(std::make_unique<Block>());
  writable_block_dim() = launch.block;
  writable_grid_dim() = launch.grid;

  const std::uint64_t clusters =
      std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z / static_cast<unsigned>(cluster_blocks_);
  std::vector<std::uint64_t> order;
  if (choices().kind() == Schedule::Kind::random) {
    order.resize(clusters);
    std::iota(order.begin(), order.end(), std::uint64_t{0});
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[choices().choose(i)]);
  }
  for (std::uint64_t i = 0; i < clusters && !failed_; ++i) {
    const bool backwards = choices().kind() == Schedule::Kind::reverse;
    run_cluster(order.empty() ? (backwards ? clusters - 1 - i : i) : order[i]);
  }
  launch_ = nullptr;
}

/// All blocks of cluster `number` as they are before they begin.
void Executor::prepare_blocks(std::uint64_t number) {
  const dim3 grid = launch_->grid, cluster = launch_->cluster;
  const std::uint64_t across = grid.x / cluster.x, down = grid.y / cluster.y;
  const uint3 first{static_cast<unsigned>(number % across) * cluster.x,
                    static_cast<unsigned>(number / across % down) * cluster.y,
                    static_cast<unsigned>(number / across / down) * cluster.z};
  for (int i = 0; i < cluster_blocks_; ++i) {
    Block& one = *blocks_[static_cast<std::size_t>(i)];
    const auto rank = static_cast<unsigned>(i);
    one.index = {first.x + rank % cluster.x, first.y + rank / cluster.x % cluster.y,
                 first.z + rank / cluster.x / cluster.y};
    one.begun = false;
    one.exited = one.arrived = 0;
    one.dynamic_shared.resize(launch_->dynamic_shared_bytes);
    one.kept_static_shared.resize(static_shared_bytes_);
    if (cluster_blocks_ > 1) one.close();
    auto* const ready = ready_.data() + i * (stride_ / 64);
    std::fill_n(ready, stride_ / 64, ~std::uint64_t{0});
    if (threads_ % 64 != 0) ready[stride_ / 64 - 1] = (std::uint64_t{1} << (threads_ % 64)) - 1;
  }
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    const int lanes = std::clamp(threads_ - static_cast<int>(w) * 32 % stride_, 0, 32);
    warps_[w].exists = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warps_[w].exited = 0;
    warps_[w].pending.clear();
  }
}

void Executor::run_cluster(std::uint64_t number) {
  prepare_blocks(number);
  std::fill(thread_.begin(), thread_.end(), Thread{});
  for (CopyGroups& copies : copies_) copies.clear();
  living_ = threads_ * cluster_blocks_;
  asynchronous_.begin_block(cluster_blocks_ == 1 ? threads_ : stride_ * cluster_blocks_);
  cluster_arrived_ = cluster_gone_ = 0;
  current_block_ = -1;
  switch_context(main_, fiber_for(pick()).context);
  current_ = -1;
  if (!failed_) return;
  // Whatever was on the stacks of the threads is abandoned; device code owns nothing.
  for (const auto& fiber : fibers_)
    if (fiber->thread >= 0) {
      fiber->restart();
      idle_.push_back(fiber.get());
    }
  free_exchanges_.clear();
  for (const auto& exchange : exchanges_) free_exchanges_.push_back(exchange.get());
}

/// Makes `number` the block whose thread runs.
void Executor::enter_block(int number) {
  if (number == current_block_) return;
  if (current_block_ >= 0 && block().exited < threads_) {
    std::copy_n(static_shared_, static_shared_bytes_, block().kept_static_shared.data());
  }
  current_block_ = number;
  writable_block_index() = block().index;
  if (block().begun) {
    std::copy_n(block().kept_static_shared.data(), static_shared_bytes_, static_shared_);
    return;
  }
  block().begun = true;
  block().dynamic_shared.open();
  block().dynamic_shared.fill();
  block().kept_static_shared.open();
  // All of the library's, not only the kernel's own: which part a kernel reaches through the functions it calls cannot
  // be told from outside.
  if (static_shared_bytes_ != 0) std::memset(static_shared_, 0xff, static_shared_bytes_);
}

/// All its threads have returned.
void Executor::end_block(Block& ended) {
  const long overrun = ended.dynamic_shared.overrun();
  if (cluster_blocks_ > 1) ended.close();
  if (overrun < 0) return;
  note_failure(cudaErrorIllegalAddress, std::to_string(overrun) + " bytes after the end of " +
                                            std::to_string(launch_->dynamic_shared_bytes) +
                                            " bytes of dynamic shared memory were overwritten");
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
  if (cluster_blocks_ == 1) return pick_from(0);
  // Mostly of the same block: to go to another takes copies.
  constexpr std::size_t seldom = 64;
  const auto blocks = static_cast<std::size_t>(cluster_blocks_);
  const bool leaves = current_block_ < 0 || choices().choose(seldom) == 0;
  const auto first = leaves ? choices().choose(blocks) : static_cast<std::size_t>(current_block_);
  for (std::size_t i = 0; i < blocks; ++i) {
    const int found = pick_from(static_cast<int>((first + i) % blocks));
    if (found >= 0) return found;
  }
  return -1;
}

/// The first ready thread of a block from a random one on, cyclically.
int Executor::pick_from(int block) const {
  const int words = stride_ / 64, first = block * stride_;
  const std::uint64_t* const word = ready_.data() + std::ptrdiff_t{block} * words;
  const int start = static_cast<int>(choices().choose(static_cast<std::size_t>(threads_)));
  const std::uint64_t high = word[start / 64] >> (start % 64);
  if (high != 0) return first + start + std::countr_zero(high);
  for (int k = 1; k <= words; ++k) {
    const int i = (start / 64 + k) % words;
    if (word[i] != 0) return first + i * 64 + std::countr_zero(word[i]);
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
  enter_block(block_of(thread));
  const auto linear = static_cast<unsigned>(thread % stride_);
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
  ++block().exited;
  if (!thread.has_arrived || thread.arrived_in != cluster_phase_) ++cluster_gone_;
  if (thread.exchange != nullptr) release(std::exchange(thread.exchange, nullptr));
  warp.exited |= 1u << lane();
  if (copies().count() > 0) {
    note_failure(cudaErrorLaunchFailure, "thread " + name_of(current_) + " returned while " +
                                             std::to_string(copies().count()) +
                                             " asynchronous copies were under way that it has not waited for");
    abandon();
  }
  for (std::size_t i = warp.pending.size(); i-- > 0;) complete_if_all_came(warp, i);
  if (block().arrived > 0) {
    note_stuck("thread " + name_of(current_) + " returned while others wait for the whole block");
    abandon();
  }
  if (cluster_arrived_ > 0 && cluster_gone_ > 0) {
    note_stuck("thread " + name_of(current_) + " returned while others wait for the whole cluster");
    abandon();
  }
  if (living_ == 0 && asynchronous_.is_copying()) {
    note_stuck("the block ended before its copies into shared memory did");
    abandon();
  }
  if (block().exited == threads_) end_block(block());
  if (failed_) abandon();

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
  Block& mine = block();
  if (mine.arrived == 0) {
    mine.kind = kind;
    mine.site = site;
    mine.sum = 0;
  }
  me.waits_in = "__syncthreads";
  me.waits_at = site;
  if (kind != mine.kind || !is_same(site, mine.site)) {
    note_stuck("divergent barrier: threads of one block wait at different lines");
    abandon();
  }
  if (mine.exited > 0) {
    note_stuck("threads wait for the whole block after " + std::to_string(mine.exited) + " of it returned");
    abandon();
  }
  ++mine.arrived;
  mine.sum += value != 0;
  if (mine.arrived == threads_) {
    mine.arrived = 0;
    mine.result = kind == BarrierKind::count ? mine.sum
                  : kind == BarrierKind::all ? mine.sum == threads_
                                             : mine.sum != 0;
    for (int i = 0; i < threads_; ++i) set_ready(current_block_ * stride_ + i);
  } else {
    set_waiting(current_);
  }
  suspend();
  me.waits_in = nullptr;
  return mine.result;
}

void Executor::yield() {
  if (is_running()) suspend();
}

unsigned Executor::living_lanes() const {
  const Warp& warp = warps_[static_cast<std::size_t>(current_) / 32];
  return warp.exists & ~warp.exited;
}

void Executor::abandon() {
  Fiber* from = thread_[static_cast<std::size_t>(current_)].fiber;
  switch_context(from->context, main_);
  std::abort();  // nobody comes back to an abandoned thread
}

}  // namespace cuda_on_cpu::detail
