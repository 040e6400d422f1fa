#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "device_vector.h"
#include "kernels.h"

namespace {

using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking), cudaSuccess);
  }
  void TearDown() override {
    EXPECT_EQ(cudaStreamDestroy(first), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(second), cudaSuccess);
    cuda_on_cpu::reset();
  }

  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
};

TEST_F(StreamTest, CopiesLandOnlyWhenSomebodyWaits) {
  const DeviceVector<float> x(std::vector<float>(8, 2.0f));
  std::vector<float> host(8, 5.0f);
  ASSERT_EQ(cudaMemcpyAsync(host.data(), x.get(), x.bytes(), cudaMemcpyDeviceToHost, first), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(second), cudaSuccess);
  for (const float value : host) EXPECT_TRUE(std::isnan(value));
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
  EXPECT_EQ(host, std::vector<float>(8, 2.0f));
}

TEST_F(StreamTest, PageableSourcesAreTakenAtOnceAndPinnedOnesWhenTheCopyRuns) {
  const DeviceVector<float> from_pageable(4), from_pinned(4);
  std::vector<float> pageable(4, 1.0f);
  float* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 4 * sizeof(float)), cudaSuccess);
  std::fill(pinned, pinned + 4, 1.0f);
  ASSERT_EQ(cudaMemcpyAsync(from_pageable.get(), pageable.data(), 16, cudaMemcpyHostToDevice, first), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(from_pinned.get(), pinned, 16, cudaMemcpyHostToDevice, first), cudaSuccess);
  std::fill(pageable.begin(), pageable.end(), 2.0f);
  std::fill(pinned, pinned + 4, 2.0f);
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
  EXPECT_EQ(from_pageable.to_host(), std::vector<float>(4, 1.0f));
  EXPECT_EQ(from_pinned.to_host(), std::vector<float>(4, 2.0f));
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST_F(StreamTest, EventsOrderStreams) {
  for (const Schedule schedule : {Schedule{Schedule::Kind::forward, 0}, Schedule{Schedule::Kind::reverse, 0},
                                  Schedule{Schedule::Kind::random, 3}}) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> y(4);
    cudaEvent_t event = nullptr;
    ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
    ASSERT_EQ(cudaMemsetAsync(y.get(), 0, y.bytes(), second), cudaSuccess);
    ASSERT_EQ(correct::add(second, y.get(), 4, 3.0f), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(event, second), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(first, event), cudaSuccess);
    ASSERT_EQ(correct::add(first, y.get(), 4, 4.0f), cudaSuccess);
    EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
    EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
    EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
    EXPECT_EQ(y.to_host(), std::vector<float>(4, 7.0f));
    EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  }
}

TEST_F(StreamTest, AMissingWaitBetweenStreamsShowsUnderSomeSchedule) {
  bool differs = false;
  for (const Schedule schedule : {Schedule{Schedule::Kind::forward, 0}, Schedule{Schedule::Kind::reverse, 0},
                                  Schedule{Schedule::Kind::random, 3}}) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> y(4);
    ASSERT_EQ(cudaMemsetAsync(y.get(), 0, y.bytes(), first), cudaSuccess);
    ASSERT_EQ(correct::add(second, y.get(), 4, 4.0f), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    if (!(y.to_host()[0] == 4.0f)) differs = true;
  }
  EXPECT_TRUE(differs);
}

TEST_F(StreamTest, TheLegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  cudaStream_t blocking = nullptr;
  ASSERT_EQ(cudaStreamCreate(&blocking), cudaSuccess);
  for (const Schedule schedule : {Schedule{Schedule::Kind::forward, 0}, Schedule{Schedule::Kind::reverse, 0},
                                  Schedule{Schedule::Kind::random, 3}}) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> y(4);
    ASSERT_EQ(cudaMemsetAsync(y.get(), 0, y.bytes(), blocking), cudaSuccess);
    ASSERT_EQ(correct::add(nullptr, y.get(), 4, 4.0f), cudaSuccess);
    float* host = nullptr;
    ASSERT_EQ(cudaMallocHost(&host, y.bytes()), cudaSuccess);
    ASSERT_EQ(cudaMemcpyAsync(host, y.get(), y.bytes(), cudaMemcpyDeviceToHost, blocking), cudaSuccess);
    EXPECT_TRUE(std::isnan(host[0]));
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_EQ(host[0], 4.0f);
    EXPECT_EQ(cudaFreeHost(host), cudaSuccess);
  }
  EXPECT_EQ(cudaStreamDestroy(blocking), cudaSuccess);
}

TEST_F(StreamTest, PollingEnds) {
  const DeviceVector<float> y(std::vector<float>(4, 0.0f));
  for (int i = 0; i < 5; ++i) ASSERT_EQ(correct::add(first, y.get(), 4, 1.0f), cudaSuccess);
  int polls = 0;
  while (cudaStreamQuery(first) == cudaErrorNotReady) ASSERT_LT(++polls, 100);
  EXPECT_EQ(y.to_host(), std::vector<float>(4, 5.0f));
}

TEST_F(StreamTest, EventsMeasureTime) {
  const DeviceVector<float> y(std::vector<float>(4, 0.0f));
  cudaEvent_t start = nullptr;
  cudaEvent_t end = nullptr;
  ASSERT_EQ(cudaEventCreate(&start), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&end), cudaSuccess);
  float milliseconds = -1.0f;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);
  ASSERT_EQ(cudaEventRecord(start, first), cudaSuccess);
  ASSERT_EQ(correct::add(first, y.get(), 4, 1.0f), cudaSuccess);
  ASSERT_EQ(cudaEventRecord(end, first), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorNotReady);
  EXPECT_EQ(cudaEventSynchronize(end), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaSuccess);
  EXPECT_GT(milliseconds, 0.0f);
  EXPECT_EQ(cudaEventDestroy(start), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(end), cudaSuccess);
}

TEST_F(StreamTest, MemoryFreedInStreamOrder) {
  float* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 16, first), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(memory, 0, 16, first), cudaSuccess);
  ASSERT_EQ(correct::add(first, memory, 4, 1.5f), cudaSuccess);
  std::vector<float> host(4);
  ASSERT_EQ(cudaMemcpyAsync(host.data(), memory, 16, cudaMemcpyDeviceToHost, first), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, first), cudaSuccess);
  EXPECT_TRUE(cuda_on_cpu::is_device_memory(memory));
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
  EXPECT_FALSE(cuda_on_cpu::is_device_memory(memory));
  EXPECT_EQ(host, std::vector<float>(4, 1.5f));
}

TEST_F(StreamTest, AFillOfMemoryThatWasFreedMeanwhileIsCaught) {
  float* memory = nullptr;
  ASSERT_EQ(cudaMallocAsync(&memory, 16, first), cudaSuccess);
  ASSERT_EQ(cudaMemsetAsync(memory, 0, 16, second), cudaSuccess);
  ASSERT_EQ(cudaFreeAsync(memory, first), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(second), cudaErrorIllegalAddress);
  EXPECT_NE(cuda_on_cpu::last_report().find("freed before it ran"), std::string::npos) << cuda_on_cpu::last_report();
}

TEST_F(StreamTest, HostFunctionsRunInOrder) {
  const DeviceVector<float> y(std::vector<float>(1, 1.0f));
  float* host = nullptr;
  ASSERT_EQ(cudaMallocHost(&host, sizeof(float)), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(host, y.get(), sizeof(float), cudaMemcpyDeviceToHost, first), cudaSuccess);
  ASSERT_EQ(cudaLaunchHostFunc(
                first, [](void* data) { *static_cast<float*>(data) += 1.0f; }, host),
            cudaSuccess);
  EXPECT_TRUE(std::isnan(*host));
  EXPECT_EQ(cudaStreamSynchronize(first), cudaSuccess);
  EXPECT_EQ(*host, 2.0f);
  EXPECT_EQ(cudaFreeHost(host), cudaSuccess);
}

}  // namespace
