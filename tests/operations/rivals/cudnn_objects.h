#pragma once

#include <cudnn.h>

#include <array>
#include <memory>

#include "kernels/error.h"
#include "kernels/stream.h"
#include "kernels/view.h"

/// What cuDNN's calls are made of.
namespace mynah::tests::cudnn {

inline void check(cudnnStatus_t status) {
  if (status != CUDNN_STATUS_SUCCESS) throw Error(Error::Cause::device, "cuDNN", cudnnGetErrorString(status));
}

class Handle {
 public:
  explicit Handle(Stream& stream) {
    check(cudnnCreate(&handle_));
    check(cudnnSetStream(handle_, static_cast<cudaStream_t>(stream.native())));
  }
  ~Handle() { cudnnDestroy(handle_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

/// Describes a matrix, of which each row is an image [channels, height, width].
class Images {
 public:
  Images(ConstMatrix x, std::array<Index, 3> image) {
    const auto [channels, height, width] = image;
    check(cudnnCreateTensorDescriptor(&descriptor_));
    check(cudnnSetTensor4dDescriptorEx(descriptor_, CUDNN_DATA_FLOAT, static_cast<int>(x.rows),
                                       static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width),
                                       static_cast<int>(x.stride), static_cast<int>(height * width),
                                       static_cast<int>(width), 1));
  }
  ~Images() { cudnnDestroyTensorDescriptor(descriptor_); }
  Images(const Images&) = delete;
  Images& operator=(const Images&) = delete;
  cudnnTensorDescriptor_t get() const { return descriptor_; }

 private:
  cudnnTensorDescriptor_t descriptor_ = nullptr;
};

constexpr float one = 1.0f;
constexpr float zero = 0.0f;

}  // namespace mynah::tests::cudnn
