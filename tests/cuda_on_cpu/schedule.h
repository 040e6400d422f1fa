#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "include/cuda_on_cpu/control.h"

namespace cuda_on_cpu::detail {

/// The schedule's source of choices; its sequence starts anew with set_schedule.
class Choices {
 public:
  explicit Choices(Schedule schedule) { restart(schedule); }

  void restart(Schedule schedule) {
    schedule_ = schedule;
    state_ = (schedule.seed + 1) * 0x9e3779b97f4a7c15u;
    if (state_ == 0) state_ = 1;
  }
  const Schedule& schedule() const { return schedule_; }
  Schedule::Kind kind() const { return schedule_.kind; }

  /// xorshift64* (Marsaglia 2003; Vigna 2016).
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }

  /// Which of `count` equals goes first.
  std::size_t choose(std::size_t count) {
    if (kind() == Schedule::Kind::forward) return 0;
    if (kind() == Schedule::Kind::reverse) return count - 1;
    return static_cast<std::size_t>((next() >> 16) % count);
  }

 private:
  Schedule schedule_;
  std::uint64_t state_ = 1;
};

Choices& choices();

}  // namespace cuda_on_cpu::detail
