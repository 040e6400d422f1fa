#include "schedule.h"

#include <cstdlib>
#include <string>

#include "device_state.h"

namespace cuda_on_cpu {
namespace {

Schedule schedule_of_environment() {
  const char* text = std::getenv("MYNAH_CUDA_SCHEDULE");
  const std::string wanted = text ? text : "forward";
  if (wanted.empty() || wanted == "forward") return {};
  if (wanted == "reverse") return {Schedule::Kind::reverse, 0};
  return {Schedule::Kind::random, std::strtoull(wanted.c_str(), nullptr, 10)};
}

}  // namespace

namespace detail {

Choices& choices() {
  static Choices instance(schedule_of_environment());
  return instance;
}

}  // namespace detail

void set_schedule(Schedule schedule) {
  const detail::DeviceLock lock;
  detail::choices().restart(schedule);
}

Schedule schedule() {
  const detail::DeviceLock lock;
  return detail::choices().schedule();
}

std::string describe(Schedule schedule) {
  switch (schedule.kind) {
    case Schedule::Kind::forward:
      return "forward";
    case Schedule::Kind::reverse:
      return "reverse";
    case Schedule::Kind::random:
      return std::to_string(schedule.seed);
  }
  return {};
}

}  // namespace cuda_on_cpu
