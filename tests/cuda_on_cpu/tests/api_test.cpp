#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "device_vector.h"
#include "kernels.h"

namespace {

__global__ void kernel_in_the_program(int*) {}

cudaError_t launch_shape(dim3 grid, dim3 block) {
  // The kernel would fail if it ran: the addresses are null.
  return correct::coordinates(nullptr, nullptr, grid, block);
}

TEST(LaunchTest, ImpossibleShapesAreRefused) {
  EXPECT_EQ(launch_shape(0, 32), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(1, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(1, 1025), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(1, dim3(32, 33)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(1, dim3(1, 1, 65)), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(dim3(1, 65536), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch_shape(dim3(1, 1, 65536), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST(LaunchTest, SharedMemoryBeyondTheDefaultHasToBeAskedFor) {
  // 48 KiB is 12288 floats, more than one block of reverse() has threads, so the launch is made by hand.
  const auto launch = [](std::size_t shared) {
    cudaLaunchConfig_t config{};
    config.gridDim = 1;
    config.blockDim = 32;
    config.dynamicSmemBytes = shared;
    return cudaLaunchKernelEx(
        &config,
        reinterpret_cast<void (*)(const float*, float*, int)>(const_cast<void*>(correct::reverse_kernel_address())),
        nullptr, nullptr, 0);
  };
  EXPECT_EQ(launch(48 * 1024), cudaSuccess);
  EXPECT_EQ(launch(48 * 1024 + 1), cudaErrorInvalidValue);
  const void* kernel = correct::reverse_kernel_address();
  constexpr auto limit = cudaFuncAttributeMaxDynamicSharedMemorySize;
  EXPECT_EQ(cudaFuncSetAttribute(kernel, limit, 228 * 1024), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, limit, 227 * 1024), cudaSuccess);
  EXPECT_EQ(launch(227 * 1024), cudaSuccess);
  EXPECT_EQ(launch(227 * 1024 + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kernel, limit, 48 * 1024), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  int blocks = 0;
  EXPECT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 256, 0), cudaSuccess);
  EXPECT_EQ(blocks, 8);
  cudaGetLastError();
}

TEST(LaunchTest, KernelsOutsideASharedLibraryAreRefused) {
  cudaLaunchConfig_t config{};
  config.gridDim = 1;
  config.blockDim = 1;
  EXPECT_EQ(cudaLaunchKernelEx(&config, &kernel_in_the_program, nullptr), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorInvalidDeviceFunction);
  EXPECT_NE(cuda_on_cpu::last_report().find("shared library"), std::string::npos);
  cuda_on_cpu::reset();
}

TEST(MemoryTest, CopiesAreChecked) {
  const DeviceVector<float> x(10);
  std::vector<float> host(20, 1.0f);
  EXPECT_EQ(cudaMemcpy(x.get(), host.data(), 44, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.get() + 1, host.data(), 40, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.get(), host.data(), 40, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(nullptr, host.data(), 40, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(x.get(), 0, 41), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(host.data(), 0, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.get() + 2, host.data(), 32, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(x.to_host()[9], 1.0f);
  EXPECT_EQ(cudaFree(host.data()), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(x.get() + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  cudaGetLastError();
}

TEST(MemoryTest, RowsWithAPitch) {
  std::vector<float> host(6 * 4);
  std::iota(host.begin(), host.end(), 0.0f);
  const DeviceVector<float> x(std::vector<float>(5 * 4, -1.0f));
  ASSERT_EQ(cudaMemcpy2D(x.get(), 20, host.data(), 24, 12, 4, cudaMemcpyHostToDevice), cudaSuccess);
  const auto values = x.to_host();
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 5; ++column)
      EXPECT_EQ(values[row * 5 + column], column < 3 ? host[row * 6 + column] : -1.0f);
  EXPECT_EQ(cudaMemcpy2D(x.get(), 8, host.data(), 24, 12, 4, cudaMemcpyHostToDevice), cudaErrorInvalidPitchValue);
  EXPECT_EQ(cudaMemset2D(x.get(), 20, 0, 12, 4), cudaSuccess);
  EXPECT_EQ(x.to_host()[2], 0.0f);
  EXPECT_EQ(x.to_host()[3], -1.0f);
  cudaGetLastError();
}

TEST(MemoryTest, TheDeviceCanBeFull) {
  cuda_on_cpu::set_memory_limit(std::size_t{1} << 20);
  void* large = nullptr;
  EXPECT_EQ(cudaMalloc(&large, (std::size_t{1} << 20) + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(large, nullptr);
  EXPECT_EQ(cudaMalloc(&large, std::size_t{1} << 19), cudaSuccess);
  std::size_t free = 0;
  std::size_t total = 0;
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(total - free, std::size_t{1} << 19);
  EXPECT_EQ(cudaFree(large), cudaSuccess);
  cuda_on_cpu::set_memory_limit(0);
  cudaGetLastError();
}

TEST(MemoryTest, ManyAllocationsReuseAddressesAndStayApart) {
  std::vector<float*> pointers(40, nullptr);
  for (int round = 0; round < 60; ++round) {
    for (std::size_t i = static_cast<std::size_t>(round) % 3; i < pointers.size(); i += 3) {
      EXPECT_EQ(cudaFree(pointers[i]), cudaSuccess);
      const std::size_t bytes = 100000 + 4096 * i;
      ASSERT_EQ(cudaMalloc(&pointers[i], bytes), cudaSuccess);
      EXPECT_EQ(reinterpret_cast<std::size_t>(pointers[i]) % 256, 0u);
      ASSERT_EQ(cudaMemset(pointers[i], static_cast<int>(i), bytes), cudaSuccess);
    }
    EXPECT_TRUE(cuda_on_cpu::memory_is_intact()) << cuda_on_cpu::last_report();
  }
  for (std::size_t i = 0; i < pointers.size(); ++i) {
    unsigned char byte = 0;
    EXPECT_EQ(cudaMemcpy(&byte, pointers[i], 1, cudaMemcpyDeviceToHost), cudaSuccess);
    EXPECT_EQ(byte, i);
    EXPECT_EQ(cudaFree(pointers[i]), cudaSuccess);
  }
  EXPECT_EQ(cuda_on_cpu::leak_report(), "");
}

TEST(DeviceTest, Properties) {
  int count = 0;
  ASSERT_EQ(cudaGetDeviceCount(&count), cudaSuccess);
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  cudaDeviceProp properties{};
  ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
  EXPECT_EQ(properties.warpSize, 32);
  int value = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0), cudaSuccess);
  EXPECT_EQ(value, properties.multiProcessorCount);
  EXPECT_EQ(std::string(cudaGetErrorName(cudaErrorInvalidDevice)), "cudaErrorInvalidDevice");
  cudaPointerAttributes attributes{};
  const DeviceVector<float> x(3);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, x.get() + 1), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  ASSERT_EQ(cudaPointerGetAttributes(&attributes, &value), cudaSuccess);
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  cudaGetLastError();
}

TEST(ScheduleTest, IsNamedAsTheEnvironmentVariableTakesIt) {
  using cuda_on_cpu::Schedule;
  EXPECT_EQ(describe(Schedule{Schedule::Kind::forward, 0}), "forward");
  EXPECT_EQ(describe(Schedule{Schedule::Kind::reverse, 0}), "reverse");
  EXPECT_EQ(describe(Schedule{Schedule::Kind::random, 42}), "42");
}

}  // namespace
