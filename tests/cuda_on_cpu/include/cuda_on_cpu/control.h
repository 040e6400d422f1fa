#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a test may ask of the emulated device beyond CUDA's own interface.
namespace cuda_on_cpu {

/// The order in which threads of a block, blocks of a grid and unordered streams and graph nodes run. A correct kernel
/// gives the same result under every one.
struct Schedule {
  enum class Kind {
    forward,  ///< The lowest thread that can run goes as far as it can.
    reverse,  ///< The highest one does, and blocks run last to first.
    random,   ///< A seeded choice at every switch, and of the order of the blocks.
  };
  Kind kind = Kind::forward;
  std::uint64_t seed = 0;
};

/// Takes effect from the next operation that runs. The first schedule is read from the environment variable
/// MYNAH_CUDA_SCHEDULE ("forward", "reverse" or a seed; forward when it is unset or empty). Any other text there ends
/// the process, so that a misspelt schedule is not taken for a passed one.
void set_schedule(Schedule schedule);
Schedule schedule();

/// "forward", "reverse" or the seed: what to put into MYNAH_CUDA_SCHEDULE to repeat a run.
std::string describe(Schedule schedule);

/// The reverse of describe(); nothing for text that names no schedule. A seed is a decimal number below 2^64.
std::optional<Schedule> parse_schedule(std::string_view text);

/// Sets a schedule for a scope.
class ScheduleScope {
 public:
  explicit ScheduleScope(Schedule scoped) : previous_(schedule()) { set_schedule(scoped); }
  ~ScheduleScope() { set_schedule(previous_); }
  ScheduleScope(const ScheduleScope&) = delete;
  ScheduleScope& operator=(const ScheduleScope&) = delete;

 private:
  Schedule previous_;
};

/// What the last failed launch or broken guard zone was, in full; empty when there was none since reset().
std::string last_report();

/// Forgets a sticky error, its report, queued operations and captures. Allocations stay. For tests that plant defects.
void reset();

struct Allocation {
  const void* address = nullptr;
  std::size_t bytes = 0;
  std::string where;  ///< Which allocation it was, and the line that asked for it.
  bool on_device = true;
};

/// Device memory and pinned host memory that was not freed.
std::vector<Allocation> live_allocations();

/// One line for every live allocation; empty when nothing leaked.
std::string leak_report();

/// Looks at the guard zones of every allocation and at freed memory. True when they are intact; otherwise last_report()
/// says what was overwritten. Every launch does the first half of this by itself, so a test needs it only after frees.
bool memory_is_intact();

/// How long the host waits for a kernel that waits for the host before the launch fails, as it would hang on hardware:
/// 10 seconds at first.
void set_patience(std::chrono::milliseconds wanted);

/// Whether the device has clusters, as it has at first. Without them it says so, and launches with one are refused with
/// cudaErrorNotSupported.
void set_clusters(bool wanted);

/// True for an address inside a live device allocation.
bool is_device_memory(const void* address);

/// Limits what the device can hold, in bytes, for tests of running out of memory. 0 restores the default.
void set_memory_limit(std::size_t bytes);

}  // namespace cuda_on_cpu
