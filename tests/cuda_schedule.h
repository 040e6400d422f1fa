#pragma once

#include <string>
#include <vector>

/// Thread schedules of the emulated CUDA device, and what it can, for tests that are compiled once for it and for a
/// GPU.
namespace mynah::tests {

/// Whether the CUDA device is the emulated one.
bool has_cuda_schedules();

/// "forward", "reverse" and a seed: that of MYNAH_CUDA_SCHEDULE if it has one, else 1. On a GPU, which has a schedule
/// of its own, one name for it.
std::vector<std::string> cuda_schedules();

/// Sets one for a scope; afterwards that of MYNAH_CUDA_SCHEDULE is back. Does nothing on a GPU.
class CudaScheduleScope {
 public:
  explicit CudaScheduleScope(const std::string& schedule);
  ~CudaScheduleScope();
  CudaScheduleScope(const CudaScheduleScope&) = delete;
  CudaScheduleScope& operator=(const CudaScheduleScope&) = delete;
};

/// For a scope the emulated device has no clusters of blocks, as a GPU before sm_90. Does nothing on a GPU.
class NoCudaClusters {
 public:
  NoCudaClusters();
  ~NoCudaClusters();
  NoCudaClusters(const NoCudaClusters&) = delete;
  NoCudaClusters& operator=(const NoCudaClusters&) = delete;
};

}  // namespace mynah::tests
