#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>

#include "executor.h"

namespace cuda_on_cpu::detail {

/// A launch whose threads all wait, for the host or for threads that do: it goes on when the host asks the device for
/// something, as it does on hardware all the time. What it has on the device stays as it is meanwhile, its shared
/// memory too; other launches run in between.
class SuspendedLaunch {
 public:
  SuspendedLaunch(Executor& executor, const void* kernel)
      : executor_(&executor), kernel_(kernel), thread_(std::this_thread::get_id()) {}

  /// Its place in the stream: of the operation that it is.
  std::uint64_t sequence = 0;

  /// Lets it run until it ends (true) or all its threads wait again (false). host_waits: the host does nothing before
  /// the launch ends; if that takes longer than patience(), they wait for each other and the launch fails.
  bool go_on(bool host_waits);
  /// Ends it in the middle.
  void drop();

 private:
  Executor* executor_;
  const void* kernel_;
  std::thread::id thread_;  // whose copy of the static shared memory the kernel's pointers lead to
  std::optional<std::chrono::steady_clock::time_point> waited_since_;
};

/// Runs a launch until it ends or is suspended, which take_suspended() then returns, once.
void run_launch(const KernelLaunch& launch);
std::optional<SuspendedLaunch> take_suspended();

}  // namespace cuda_on_cpu::detail
