#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <vector>

/// Device memory for a test; copies wait.
template <class T>
class DeviceVector {
 public:
  explicit DeviceVector(std::size_t count) : count_(count) { EXPECT_EQ(cudaMalloc(&data_, bytes()), cudaSuccess); }
  explicit DeviceVector(const std::vector<T>& values) : DeviceVector(values.size()) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), cudaSuccess);
  }
  ~DeviceVector() { cudaFree(data_); }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;

  T* get() const { return data_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  std::vector<T> to_host() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};
