#pragma once

#include <mutex>
#include <string>

#include "include/driver_types.h"

namespace cuda_on_cpu::detail {

/// One operating-system thread at a time uses the device: every call of the interface holds this.
class DeviceLock {
 public:
  DeviceLock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Notes an error for cudaGetLastError of this thread and returns it; a success passes through.
cudaError_t returned(cudaError_t error);

/// The error of a failed launch, which every later call returns until the device is reset; cudaSuccess when there is
/// none.
cudaError_t sticky_error();

/// A launch or a copy failed while it ran: sets the sticky error, keeps the report and prints it to standard error.
void fail_device(cudaError_t error, const std::string& report);

void clear_errors();

/// Whether the device has clusters: cuda_on_cpu::set_clusters.
bool has_clusters();

}  // namespace cuda_on_cpu::detail
