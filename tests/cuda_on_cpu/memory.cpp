#include <cstring>
#include <utility>
#include <vector>

#include "device_memory.h"
#include "device_state.h"
#include "include/cuda_runtime_api.h"
#include "stream.h"

namespace cuda_on_cpu::detail {
namespace {

/// A copy or fill of `height` rows of `width` bytes, `pitch` apart.
struct Rows {
  char* data = nullptr;
  std::size_t pitch = 0;
  std::size_t width = 0;
  std::size_t height = 0;

  std::size_t extent() const { return height == 0 || width == 0 ? 0 : (height - 1) * pitch + width; }
  char* row(std::size_t i) const { return data + i * pitch; }
};

/// Whether the rows may be used as one end of a copy: allocated if on the device, and there at all.
bool is_usable(const Rows& rows) {
  if (rows.data == nullptr) return false;
  return !in_device_range(rows.data) || is_allocated(rows.data, rows.extent());
}

bool matches(bool from_device, bool to_device, cudaMemcpyKind kind) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !from_device && !to_device;
    case cudaMemcpyHostToDevice:
      return !from_device && to_device;
    case cudaMemcpyDeviceToHost:
      return from_device && !to_device;
    case cudaMemcpyDeviceToDevice:
      return from_device && to_device;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

void copy_rows(const Rows& to, const Rows& from) {
  for (std::size_t i = 0; i < to.height; ++i) std::memcpy(to.row(i), from.row(i), to.width);
}

/// When an operation gets its turn, memory that was there when it was queued may have been freed.
bool still_usable(const Rows& rows, const char* what) {
  if (is_usable(rows)) return true;
  fail_device(cudaErrorIllegalAddress,
              std::string(what) + " used device memory that was freed before it ran: " + describe_address(rows.data));
  return false;
}

cudaError_t check_copy(const Rows& to, const Rows& from, cudaMemcpyKind kind) {
  if (to.width > to.pitch || to.width > from.pitch) return cudaErrorInvalidPitchValue;
  if (!is_usable(to) || !is_usable(from)) return cudaErrorInvalidValue;
  return matches(in_device_range(from.data), in_device_range(to.data), kind) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t queue_copy(Rows to, Rows from, cudaMemcpyKind kind, cudaStream_t handle) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return sticky_error();
  const auto stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (to.extent() == 0) return cudaSuccess;
  if (const cudaError_t error = check_copy(to, from, kind)) return error;
  const bool capturing = stream->capture != nullptr;
  const bool from_pageable = !in_device_range(from.data) && !is_pinned(from.data);
  if (from_pageable && !capturing) {
    // CUDA takes pageable memory into a staging buffer before the call returns; pinned memory is read when the copy
    // runs.
    auto staged = std::make_shared<std::vector<char>>(from.width * from.height);
    copy_rows({staged->data(), from.width, from.width, from.height}, from);
    return enqueue(handle, cudaGraphNodeTypeMemcpy, [to, staged] {
      if (still_usable(to, "a copy")) copy_rows(to, {staged->data(), to.width, to.width, to.height});
    });
  }
  const cudaError_t error = enqueue(handle, cudaGraphNodeTypeMemcpy, [to, from] {
    if (still_usable(to, "a copy") && still_usable(from, "a copy")) copy_rows(to, from);
  });
  // What a copy has not brought yet is undefined; NaN shows that nobody waited for it.
  if (error == cudaSuccess && !capturing && !in_device_range(to.data))
    for (std::size_t i = 0; i < to.height; ++i) std::memset(to.row(i), 0xff, to.width);
  return error;
}

cudaError_t copy_now(Rows to, Rows from, cudaMemcpyKind kind) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return sticky_error();
  if (const cudaError_t error = refuse_implicit_wait()) return error;
  if (const cudaError_t error = refuse_during_capture()) return error;
  if (to.extent() == 0) return cudaSuccess;
  if (const cudaError_t error = check_copy(to, from, kind)) return error;
  const cudaError_t error = enqueue(nullptr, cudaGraphNodeTypeMemcpy, [to, from] {
    if (still_usable(to, "a copy") && still_usable(from, "a copy")) copy_rows(to, from);
  });
  if (error != cudaSuccess) return error;
  drain(*find_stream(nullptr));
  return sticky_error();
}

cudaError_t queue_fill(Rows to, int value, cudaStream_t stream) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return sticky_error();
  if (!find_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (to.extent() == 0) return cudaSuccess;
  if (to.width > to.pitch) return cudaErrorInvalidPitchValue;
  if (!is_usable(to) || (!in_device_range(to.data) && !is_pinned(to.data))) return cudaErrorInvalidValue;
  return enqueue(stream, cudaGraphNodeTypeMemset, [to, value] {
    if (!still_usable(to, "a fill")) return;
    for (std::size_t i = 0; i < to.height; ++i) std::memset(to.row(i), value, to.width);
  });
}

Rows bytes_at(const void* data, std::size_t bytes) {
  return {static_cast<char*>(const_cast<void*>(data)), bytes, bytes, bytes == 0 ? std::size_t{0} : std::size_t{1}};
}

Rows rows_at(const void* data, std::size_t pitch, std::size_t width, std::size_t height) {
  return {static_cast<char*>(const_cast<void*>(data)), pitch, width, height};
}

void report_broken_at_free() {
  const std::string broken = broken_at_free();
  if (!broken.empty()) fail_device(cudaErrorIllegalAddress, broken + "\n  found when memory was freed");
}

}  // namespace
}  // namespace cuda_on_cpu::detail

using namespace cuda_on_cpu::detail;
using cuda_on_cpu::Site;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes, Site site) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (const cudaError_t error = refuse_during_capture()) return returned(error);
  if (pointer == nullptr) return returned(cudaErrorInvalidValue);
  return returned(allocate_device(pointer, bytes, site));
}

cudaError_t cudaMallocPitch(void** pointer, std::size_t* pitch, std::size_t width, std::size_t height, Site site) {
  if (pitch == nullptr) return returned(cudaErrorInvalidValue);
  *pitch = (width + 511) / 512 * 512;
  return cudaMalloc(pointer, *pitch * height, site);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream, Site site) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  const auto state = find_stream(stream);
  if (!state) return returned(cudaErrorInvalidResourceHandle);
  if (pointer == nullptr) return returned(cudaErrorInvalidValue);
  if (state->capture) {
    state->capture->invalid = true;
    return returned(cudaErrorStreamCaptureUnsupported);
  }
  return returned(allocate_device(pointer, bytes, site));
}

cudaError_t cudaFree(void* pointer) {
  const DeviceLock lock;
  if (const cudaError_t error = refuse_during_capture()) return returned(error);
  drain_all();
  const cudaError_t error = free_device(pointer);
  report_broken_at_free();
  return returned(sticky_error() != cudaSuccess ? sticky_error() : error);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  const auto state = find_stream(stream);
  if (!state) return returned(cudaErrorInvalidResourceHandle);
  if (pointer == nullptr) return cudaSuccess;
  if (state->capture) {
    state->capture->invalid = true;
    return returned(cudaErrorStreamCaptureUnsupported);
  }
  if (!is_allocation_start(pointer)) return returned(cudaErrorInvalidValue);
  return returned(enqueue(stream, cudaGraphNodeTypeEmpty, [pointer] {
    if (free_device(pointer) != cudaSuccess)
      fail_device(cudaErrorInvalidValue, "device memory was freed twice: " + describe_address(pointer));
    report_broken_at_free();
  }));
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned int, Site site) {
  const DeviceLock lock;
  if (sticky_error() != cudaSuccess) return returned(sticky_error());
  if (const cudaError_t error = refuse_during_capture()) return returned(error);
  if (pointer == nullptr) return returned(cudaErrorInvalidValue);
  return returned(allocate_pinned(pointer, bytes, site));
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned int flags, Site site) {
  return cudaHostAlloc(pointer, bytes, flags, site);
}

cudaError_t cudaFreeHost(void* pointer) {
  const DeviceLock lock;
  if (const cudaError_t error = refuse_during_capture()) return returned(error);
  drain_all();
  return returned(free_pinned(pointer));
}

cudaError_t cudaHostGetDevicePointer(void** device_pointer, void* host_pointer, unsigned int) {
  const DeviceLock lock;
  if (device_pointer == nullptr || !is_pinned(host_pointer)) return returned(cudaErrorInvalidValue);
  *device_pointer = host_pointer;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const DeviceLock lock;
  if (free == nullptr || total == nullptr) return returned(cudaErrorInvalidValue);
  *total = device_bytes_total();
  *free = *total - device_bytes_used();
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const DeviceLock lock;
  if (attributes == nullptr || pointer == nullptr) return returned(cudaErrorInvalidValue);
  void* address = const_cast<void*>(pointer);
  if (is_allocated(pointer, 1))
    *attributes = {cudaMemoryTypeDevice, 0, address, nullptr};
  else if (is_pinned(pointer))
    *attributes = {cudaMemoryTypeHost, 0, address, address};
  else
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, address};
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return returned(copy_now(bytes_at(to, bytes), bytes_at(from, bytes), kind));
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return returned(queue_copy(bytes_at(to, bytes), bytes_at(from, bytes), kind, stream));
}

cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                         std::size_t height, cudaMemcpyKind kind) {
  return returned(copy_now(rows_at(to, to_pitch, width, height), rows_at(from, from_pitch, width, height), kind));
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return returned(
      queue_copy(rows_at(to, to_pitch, width, height), rows_at(from, from_pitch, width, height), kind, stream));
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return returned(queue_fill(bytes_at(to, bytes), value, stream));
}

cudaError_t cudaMemset2D(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height) {
  return cudaMemset2DAsync(to, pitch, value, width, height, nullptr);
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height,
                              cudaStream_t stream) {
  return returned(queue_fill(rows_at(to, pitch, width, height), value, stream));
}
