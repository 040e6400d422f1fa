#pragma once

#include <span>
#include <utility>
#include <vector>

#include "kernels/memory.h"
#include "kernels/view.h"

namespace mynah {

/// `size` values of a trivially copyable type in the memory of one device; the owner of what views look at. Move-only.
/// Contents are undefined until written.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Buffer() = default;
  Buffer(DeviceId device, Index size)
      : device_(device),
        data_(static_cast<T*>(kernels::allocate(device, static_cast<std::size_t>(size) * sizeof(T)))),
        size_(size) {}
  /// A buffer that holds `values`.
  Buffer(Stream& stream, std::span<const T> values) : Buffer(stream.device(), static_cast<Index>(values.size())) {
    upload(stream, values);
  }
  ~Buffer() { kernels::release(device_, data_); }
  Buffer(Buffer&& other) noexcept
      : device_(other.device_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }
  DeviceId device() const noexcept { return device_; }
  VectorView<T> view() const noexcept { return {data_, size_}; }

  /// Copies the first values.size() values from the host; values.size() <= size().
  void upload(Stream& stream, std::span<const T> values) {
    kernels::copy_to_device(stream, data_, values.data(), values.size_bytes());
  }
  void upload(Stream& stream, const T& value) { upload(stream, std::span<const T>(&value, 1)); }

  /// Everything, on the host; waits for the stream.
  std::vector<T> download(Stream& stream) const {
    std::vector<T> values(static_cast<std::size_t>(size_));
    kernels::copy_to_host(stream, values.data(), data_, values.size() * sizeof(T));
    return values;
  }

 private:
  DeviceId device_;
  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace mynah
