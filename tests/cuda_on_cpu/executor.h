#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "asynchronous.h"
#include "copy_groups.h"
#include "fiber.h"
#include "include/cuda_on_cpu/launch.h"
#include "include/cuda_on_cpu/synchronisation.h"

namespace cuda_on_cpu::detail {

struct KernelLaunch {
  const void* function = nullptr;
  dim3 grid;
  dim3 block;
  std::size_t dynamic_shared_bytes = 0;
  std::shared_ptr<const KernelCall> call;
};

/// One meeting of lanes of a warp.
struct Exchange {
  WarpValues data;
  WarpOperation operation;
  std::uint32_t mask;
  int readers;
  Site site;
};

/// Runs the blocks of a launch one after another, every CUDA thread a fiber of the calling operating-system thread.
/// Fibers switch only where CUDA threads wait for one another; which one goes on is the schedule's choice.
class Executor {
 public:
  /// Runs a launch until it has ended (true) or all its threads wait for the host (false); on failure the device's
  /// sticky error is set. go_on() after false; drop() ends it in the middle.
  bool start(const KernelLaunch& launch);
  bool go_on();
  void drop();

  bool is_running() const { return launch_ != nullptr && current_ >= 0; }
  std::string describe_running() const;

  // Called from kernels.
  int barrier(BarrierKind kind, int value, Site site);
  const WarpValues& exchange(WarpOperation operation, unsigned mask, std::uint64_t value, Site site);
  unsigned lane() const { return static_cast<unsigned>(current_) % 32; }
  unsigned living_lanes() const;
  void yield();
  void await_host(Site site);
  void* dynamic_shared() const { return dynamic_shared_.get(); }
  bool is_shared(const void* address) const;
  CopyGroups& copies() { return copies_[static_cast<std::size_t>(current_)]; }
  std::size_t dynamic_shared_bytes() const { return launch_->dynamic_shared_bytes; }
  int current_thread() const { return current_; }
  AsynchronousWork& asynchronous() { return asynchronous_; }
  /// Until somebody wakes the calling thread. `what` it waits in, for reports.
  void wait_in(const char* what, Site site);
  void wake(int thread) { set_ready(thread); }
  void note_failure(cudaError_t error, const std::string& text);

  /// Ends the block after a failure was noted. Nothing on the calling thread's stack is destroyed, so its frames must
  /// own nothing by then: a call of its own, after the one that put the report together.
  [[noreturn]] void abandon();

 private:
  struct Thread {
    Fiber* fiber = nullptr;        // nullptr until it starts
    Exchange* exchange = nullptr;  // the last one it took part in
    const char* waits_in = nullptr;
    Site waits_at;
    unsigned waits_for = 0;  // mask
    bool exited = false;
  };
  struct Warp {
    std::uint32_t exists = 0;
    std::uint32_t exited = 0;
    std::vector<Exchange*> pending;
  };

  static void fiber_body(Fiber& fiber);
  static void launch_body(Fiber& fiber);
  void run(const KernelLaunch& launch);
  bool enter(Context& context);
  bool leave_launch(Fiber& from);
  void run_block(std::uint64_t number);
  void fill_shared_memory();

  void set_ready(int thread) { ready_[static_cast<std::size_t>(thread) / 64] |= std::uint64_t{1} << (thread % 64); }
  void set_waiting(int thread) {
    ready_[static_cast<std::size_t>(thread) / 64] &= ~(std::uint64_t{1} << (thread % 64));
  }
  int pick() const;
  int next_thread();
  void select(int thread);
  Fiber& fiber_for(int thread);
  void suspend();
  void thread_finished(Fiber& fiber);
  void complete_if_all_came(Warp& warp, std::size_t index);
  void release(Exchange* exchange);
  void note_stuck(const std::string& what);
  std::string name_of(int thread) const;
  std::string waiting_threads() const;

  const KernelLaunch* launch_ = nullptr;
  int threads_ = 0;
  int current_ = -1;
  int living_ = 0;
  bool failed_ = false;
  std::vector<Thread> thread_;
  std::vector<Warp> warps_;
  std::vector<std::uint64_t> ready_;
  std::vector<CopyGroups> copies_;  // of each thread
  AsynchronousWork asynchronous_;

  int arrived_ = 0;
  int exited_ = 0;
  int barrier_sum_ = 0;
  int barrier_result_ = 0;
  BarrierKind barrier_kind_ = BarrierKind::plain;
  Site barrier_site_;
  int barrier_first_ = 0;

  // The whole launch runs on a stack of its own, so that it can be left in the middle of a block.
  Context host_;
  Fiber launch_fiber_{&Executor::launch_body};
  bool ended_ = true;
  // While it is left:
  KernelLaunch kept_launch_;  // what launch_ points to
  Fiber* left_from_ = nullptr;
  uint3 left_block_{};
  std::vector<char> left_static_shared_;
  std::vector<int> waiting_for_host_;

  Context main_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> free_exchanges_;

  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<char, Free> dynamic_shared_;
  char* static_shared_ = nullptr;
  std::size_t static_shared_bytes_ = 0;
};

/// The one whose kernel runs, or ran last.
Executor& executor();

}  // namespace cuda_on_cpu::detail
