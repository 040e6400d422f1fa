#include "suspended_launch.h"

#include <memory>
#include <utility>
#include <vector>

#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_on_cpu/control.h"
#include "kernel_module.h"

namespace cuda_on_cpu {
namespace detail {
namespace {

std::optional<SuspendedLaunch>& just_suspended() {
  static auto* slot = new std::optional<SuspendedLaunch>;
  return *slot;
}

/// Executors that run nothing; more than one where launches are suspended. Never destroyed, as the first one is not.
std::vector<Executor*>& idle_executors() {
  static auto* idle = new std::vector<Executor*>{&executor()};
  return *idle;
}

std::chrono::milliseconds& patience() {
  static std::chrono::milliseconds instance{10'000};
  return instance;
}

void finish(Executor& runner, const void* kernel) {
  idle_executors().push_back(&runner);
  if (address_sanitizer) return;
  const std::string broken = broken_guards();
  if (!broken.empty()) fail_device(cudaErrorIllegalAddress, broken + "\n  found after kernel " + kernel_name(kernel));
}

}  // namespace

void run_launch(const KernelLaunch& launch) {
  auto& idle = idle_executors();
  if (idle.empty()) idle.push_back(new Executor);
  Executor& runner = *idle.back();
  idle.pop_back();
  if (runner.start(launch)) {
    finish(runner, launch.function);
  } else {
    just_suspended().emplace(runner, launch.function);
  }
}

std::optional<SuspendedLaunch> take_suspended() {
  return std::exchange(just_suspended(), std::nullopt);
}

bool SuspendedLaunch::go_on(bool host_waits) {
  if (sticky_error() != cudaSuccess) {
    drop();
    return true;
  }
  if (thread_ != std::this_thread::get_id()) {
    fail_device(cudaErrorLaunchFailure,
                "kernel " + kernel_name(kernel_) +
                    " waits for the host; only the operating-system thread that began it can let it go on");
    drop();
    return true;
  }
  if (executor_->go_on()) {
    finish(*executor_, kernel_);
    return true;
  }
  if (!host_waits) {
    waited_since_.reset();
    return false;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!waited_since_) waited_since_ = now;
  if (now - *waited_since_ < patience()) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));  // for other threads of the host, and for its clock
    return false;
  }
  fail_device(cudaErrorLaunchTimeout,
              "the host waits for kernel " + kernel_name(kernel_) + ", which waits for the host");
  drop();
  return true;
}

void SuspendedLaunch::drop() {
  executor_->drop();
  idle_executors().push_back(executor_);
}

}  // namespace detail

void set_patience(std::chrono::milliseconds wanted) {
  const detail::DeviceLock lock;
  detail::patience() = wanted;
}

}  // namespace cuda_on_cpu
