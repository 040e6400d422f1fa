#include <cstdlib>
#include <string>

#include "cuda_on_cpu/control.h"

/// The emulated device's schedule, by the name that MYNAH_CUDA_SCHEDULE would have: see tests/cuda_schedule.h.
extern "C" void mynah_set_cuda_schedule(const char* schedule) {
  const std::string wanted = schedule;
  using cuda_on_cpu::Schedule;
  if (wanted == "forward") {
    cuda_on_cpu::set_schedule({Schedule::Kind::forward, 0});
  } else if (wanted == "reverse") {
    cuda_on_cpu::set_schedule({Schedule::Kind::reverse, 0});
  } else {
    cuda_on_cpu::set_schedule({Schedule::Kind::random, std::strtoull(schedule, nullptr, 10)});
  }
}

/// Whether the emulated device has clusters.
extern "C" void mynah_set_cuda_clusters(bool wanted) {
  cuda_on_cpu::set_clusters(wanted);
}
