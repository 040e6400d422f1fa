#include "tests/cuda_schedule.h"

#include <cctype>
#include <cstdlib>

/// Defined where the tests run on the emulated device (tests/emulated_schedule.cpp), and nowhere else.
extern "C" [[gnu::weak]] void mynah_set_cuda_schedule(const char* schedule);
extern "C" [[gnu::weak]] void mynah_set_cuda_clusters(bool wanted);

namespace mynah::tests {
namespace {

std::string schedule_of_environment() {
  const char* text = std::getenv("MYNAH_CUDA_SCHEDULE");
  return text == nullptr || *text == '\0' ? "forward" : text;
}

}  // namespace

bool has_cuda_schedules() {
  return mynah_set_cuda_schedule != nullptr;
}

std::vector<std::string> cuda_schedules() {
  if (!has_cuda_schedules()) return {"of the GPU"};
  const std::string wanted = schedule_of_environment();
  return {"forward", "reverse", std::isdigit(static_cast<unsigned char>(wanted[0])) ? wanted : "1"};
}

CudaScheduleScope::CudaScheduleScope(const std::string& schedule) {
  if (has_cuda_schedules()) mynah_set_cuda_schedule(schedule.c_str());
}

CudaScheduleScope::~CudaScheduleScope() {
  if (has_cuda_schedules()) mynah_set_cuda_schedule(schedule_of_environment().c_str());
}

NoCudaClusters::NoCudaClusters() {
  if (has_cuda_schedules()) mynah_set_cuda_clusters(false);
}

NoCudaClusters::~NoCudaClusters() {
  if (has_cuda_schedules()) mynah_set_cuda_clusters(true);
}

}  // namespace mynah::tests
