#include "schedule.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

#include "device_state.h"

namespace cuda_on_cpu {
namespace {

Schedule schedule_of_environment() {
  const char* text = std::getenv("MYNAH_CUDA_SCHEDULE");
  if (text == nullptr || *text == '\0') return {};
  const std::optional<Schedule> wanted = parse_schedule(text);
  if (wanted) return *wanted;
  std::fprintf(stderr, "CUDA on CPU: MYNAH_CUDA_SCHEDULE is '%s'; set it to forward, reverse or a seed\n", text);
  std::abort();
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

std::optional<Schedule> parse_schedule(std::string_view text) {
  if (text == "forward") return Schedule{Schedule::Kind::forward, 0};
  if (text == "reverse") return Schedule{Schedule::Kind::reverse, 0};
  Schedule seeded{Schedule::Kind::random, 0};
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, seeded.seed);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return seeded;
}

}  // namespace cuda_on_cpu
