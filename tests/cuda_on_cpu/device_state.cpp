#include "device_state.h"

#include <cstdio>

#include "include/cuda_on_cpu/control.h"
#include "include/cuda_runtime_api.h"
#include "schedule.h"

namespace cuda_on_cpu {
namespace detail {
namespace {

std::recursive_mutex& device_mutex() {
  static auto* mutex = new std::recursive_mutex;  // never destroyed: used while the process ends
  return *mutex;
}

cudaError_t sticky = cudaSuccess;
bool clusters = true;
thread_local cudaError_t last = cudaSuccess;

std::string& report_text() {
  static auto* text = new std::string;
  return *text;
}

}  // namespace

DeviceLock::DeviceLock() : lock_(device_mutex()) {}

cudaError_t returned(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) last = error;
  return error;
}

cudaError_t sticky_error() {
  return sticky;
}

void fail_device(cudaError_t error, const std::string& report) {
  if (sticky != cudaSuccess) return;
  sticky = error;
  report_text() = report + "\n  schedule " + describe(choices().schedule());
  std::fprintf(stderr, "CUDA on CPU: %s\n", report_text().c_str());
}

bool has_clusters() {
  const DeviceLock lock;
  return clusters;
}

void clear_errors() {
  sticky = cudaSuccess;
  last = cudaSuccess;
  report_text().clear();
}

}  // namespace detail

std::string last_report() {
  const detail::DeviceLock lock;
  return detail::report_text();
}

void set_clusters(bool wanted) {
  const detail::DeviceLock lock;
  detail::clusters = wanted;
}

}  // namespace cuda_on_cpu

using namespace cuda_on_cpu::detail;

cudaError_t cudaPeekAtLastError() {
  const DeviceLock lock;
  return sticky_error() != cudaSuccess ? sticky_error() : last;
}

cudaError_t cudaGetLastError() {
  const DeviceLock lock;
  const cudaError_t error = cudaPeekAtLastError();
  last = cudaSuccess;
  return error;
}

namespace {

struct ErrorText {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define MYNAH_ERROR(NAME, TEXT) \
  { NAME, #NAME, TEXT }
constexpr ErrorText error_texts[] = {
    MYNAH_ERROR(cudaSuccess, "no error"),
    MYNAH_ERROR(cudaErrorInvalidValue, "invalid argument"),
    MYNAH_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    MYNAH_ERROR(cudaErrorInitializationError, "initialization error"),
    MYNAH_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    MYNAH_ERROR(cudaErrorInvalidPitchValue, "invalid pitch"),
    MYNAH_ERROR(cudaErrorInvalidSymbol, "invalid device symbol"),
    MYNAH_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    MYNAH_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction"),
    MYNAH_ERROR(cudaErrorInsufficientDriver, "the driver is older than the runtime"),
    MYNAH_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    MYNAH_ERROR(cudaErrorNoDevice, "no CUDA-capable device"),
    MYNAH_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    MYNAH_ERROR(cudaErrorNoKernelImageForDevice, "no kernel image for this device"),
    MYNAH_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    MYNAH_ERROR(cudaErrorIllegalState, "illegal state"),
    MYNAH_ERROR(cudaErrorNotReady, "not ready"),
    MYNAH_ERROR(cudaErrorIllegalAddress, "an illegal memory access"),
    MYNAH_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    MYNAH_ERROR(cudaErrorLaunchTimeout, "the launch timed out"),
    MYNAH_ERROR(cudaErrorAssert, "an assertion failed in a kernel"),
    MYNAH_ERROR(cudaErrorMisalignedAddress, "a misaligned address"),
    MYNAH_ERROR(cudaErrorLaunchFailure, "a kernel failed"),
    MYNAH_ERROR(cudaErrorCooperativeLaunchTooLarge, "too many blocks in a cooperative launch"),
    MYNAH_ERROR(cudaErrorNotPermitted, "operation not permitted"),
    MYNAH_ERROR(cudaErrorNotSupported, "operation not supported"),
    MYNAH_ERROR(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
    MYNAH_ERROR(cudaErrorStreamCaptureInvalidated, "the capture was invalidated by an earlier error"),
    MYNAH_ERROR(cudaErrorStreamCaptureMerge, "two captures would be merged"),
    MYNAH_ERROR(cudaErrorStreamCaptureUnmatched, "the capture was not begun in this stream"),
    MYNAH_ERROR(cudaErrorStreamCaptureUnjoined, "a captured stream was not joined"),
    MYNAH_ERROR(cudaErrorStreamCaptureIsolation, "a dependency crosses the capture"),
    MYNAH_ERROR(cudaErrorStreamCaptureImplicit, "the legacy stream would wait for a capturing stream"),
    MYNAH_ERROR(cudaErrorCapturedEvent, "the event was last recorded in a capturing stream"),
    MYNAH_ERROR(cudaErrorStreamCaptureWrongThread, "another thread began the capture"),
    MYNAH_ERROR(cudaErrorGraphExecUpdateFailure, "the graph could not be updated"),
    MYNAH_ERROR(cudaErrorInvalidClusterSize, "invalid cluster size"),
    MYNAH_ERROR(cudaErrorUnknown, "unknown error"),
};
#undef MYNAH_ERROR

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  for (const ErrorText& entry : error_texts)
    if (entry.error == error) return entry.name;
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& entry : error_texts)
    if (entry.error == error) return entry.text;
  return "unrecognized error code";
}
