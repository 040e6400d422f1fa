#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stream.h"

namespace mynah::kernels {

/// Device memory, aligned to 256 bytes, contents undefined. 0 bytes: null. Errors: Error::Cause::device when there is
/// not enough, with the size asked for.
void* allocate(DeviceId device, std::size_t bytes);
void release(DeviceId device, void* memory) noexcept;

/// How often allocate() has been called in this process: a test shows with it that steady-state training allocates
/// nothing.
std::int64_t allocation_count() noexcept;

/// Copies; the device side lies on the stream's device. The host memory of copy_to_device may change as soon as the
/// call returns; copy_to_host waits for the stream and for the copy.
void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes);
void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes);
void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes);

namespace cuda {
void* allocate(int ordinal, std::size_t bytes);
void release(int ordinal, void* memory) noexcept;
void copy_to_device(Stream& stream, void* device, const void* host, std::size_t bytes);
void copy_to_host(Stream& stream, void* host, const void* device, std::size_t bytes);
void copy_on_device(Stream& stream, void* to, const void* from, std::size_t bytes);
void* create_stream(int ordinal);
void destroy_stream(int ordinal, void* stream) noexcept;
void synchronize(int ordinal, void* stream);
}  // namespace cuda

}  // namespace mynah::kernels
