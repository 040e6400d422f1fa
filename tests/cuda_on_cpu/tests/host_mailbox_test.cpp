// Kernels that wait for the host while the host goes on.

#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "device_vector.h"
#include "kernels.h"

namespace {

using namespace std::chrono_literals;
using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;

const Schedule schedules[] = {{Schedule::Kind::forward, 0}, {Schedule::Kind::reverse, 0}, {Schedule::Kind::random, 1}};

class HostMailbox : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaStreamCreateWithFlags(&other_, cudaStreamNonBlocking), cudaSuccess);
    ASSERT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&words_), bytes, cudaHostAllocMapped), cudaSuccess);
    clear();
    ASSERT_EQ(cudaHostGetDevicePointer(reinterpret_cast<void**>(&on_device_), words_, 0), cudaSuccess);
  }
  void TearDown() override {
    cuda_on_cpu::reset();
    cuda_on_cpu::set_patience(10s);
    EXPECT_EQ(cudaFreeHost(words_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    EXPECT_EQ(cudaStreamDestroy(other_), cudaSuccess);
  }
  void clear() {
    for (std::size_t i = 0; i < bytes / 8; ++i) words_[i] = 0;
  }
  void write(std::size_t at, std::uint64_t value) { std::atomic_ref(words_[at]).store(value); }
  std::uint64_t read(std::size_t at) const { return std::atomic_ref(words_[at]).load(); }
  /// As a program polls: looks, and asks the device now and then.
  void await(std::size_t at, std::uint64_t value) {
    for (int looks = 0; read(at) != value; ++looks) {
      ASSERT_LT(looks, 100);
      ASSERT_EQ(cudaStreamQuery(stream_), cudaErrorNotReady);
    }
  }
  static bool reports(const std::string& part) { return cuda_on_cpu::last_report().find(part) != std::string::npos; }

  static constexpr std::size_t bytes = 66 * 8;
  cudaStream_t stream_ = nullptr, other_ = nullptr;
  std::uint64_t* words_ = nullptr;
  std::uint64_t* on_device_ = nullptr;
};

TEST_F(HostMailbox, RequestsAndAnswersGoToAndFro) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    clear();
    ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
    std::uint64_t sum = 0;
    for (std::uint64_t request = 1; request <= 5; ++request) {
      write(0, request);
      await(1, request);
      sum += request;
      for (std::uint64_t i = 0; i < 64; ++i) EXPECT_EQ(read(2 + i), sum + 1000 * i);
    }
    write(0, 0xffff);
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    EXPECT_EQ(cudaStreamQuery(stream_), cudaSuccess);
  }
}

/// Other kernels fill shared memory with NaN and use the same indices; the waiting one must not notice.
TEST_F(HostMailbox, OtherKernelsRunBetweenItsAnswers) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    clear();
    const DeviceVector<float> y(std::vector<float>(100, 0.0f)), x(std::vector<float>(37, 1.0f)), total(1);
    ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
    std::uint64_t sum = 0;
    for (std::uint64_t request = 1; request <= 3; ++request) {
      write(0, request);
      await(1, request);
      sum += request;
      EXPECT_EQ(read(2 + 63), sum + 63000);
      ASSERT_EQ(correct::add(other_, y.get(), 100, 2.0f), cudaSuccess);
      ASSERT_EQ(correct::sum(other_, x.get(), 37, total.get(), 128), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(other_), cudaSuccess);
    }
    write(0, 0xffff);
    EXPECT_EQ(y.to_host(), std::vector<float>(100, 6.0f));
    EXPECT_EQ(total.to_host(), std::vector<float>(1, 37.0f));
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
}

TEST_F(HostMailbox, WhatIsQueuedBehindItWaitsForItsEnd) {
  const DeviceVector<float> y(std::vector<float>(10, 1.0f));
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  ASSERT_EQ(correct::add(stream_, y.get(), 10, 2.0f), cudaSuccess);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(cudaStreamQuery(stream_), cudaErrorNotReady);
  EXPECT_EQ(y.to_host(), std::vector<float>(10, 1.0f));
  write(0, 0xffff);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  EXPECT_EQ(y.to_host(), std::vector<float>(10, 3.0f));
}

TEST_F(HostMailbox, ThreadsWaitAloneAndReturnBesideOthersThatWait) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    clear();
    const DeviceVector<float> y(std::vector<float>(40, -1.0f));
    ASSERT_EQ(waiting::separate(stream_, on_device_, y.get()), cudaSuccess);
    for (std::size_t i = 0; i < 40; i += 2) {
      EXPECT_EQ(cudaStreamQuery(stream_), cudaErrorNotReady);
      write(i, i + 1);
    }
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    const auto values = y.to_host();
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(values[i], i % 2 == 0 ? static_cast<float>(i + 1) : 0.0f) << i;
  }
}

/// The host waits in a call; another of its threads writes.
TEST_F(HostMailbox, AnotherThreadOfTheHostMayWrite) {
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  std::thread writer([&] {
    std::this_thread::sleep_for(20ms);
    write(0, 7);
    while (read(1) != 7) std::this_thread::yield();
    write(0, 0xffff);
  });
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
  writer.join();
  EXPECT_EQ(read(2), 7u);
}

TEST_F(HostMailbox, AHostThatWaitsForAKernelThatWaitsForItIsReported) {
  cuda_on_cpu::set_patience(5ms);
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchTimeout);
  EXPECT_TRUE(reports("the host waits for kernel")) << cuda_on_cpu::last_report();
  EXPECT_TRUE(reports("counting_kernel")) << cuda_on_cpu::last_report();
  cuda_on_cpu::reset();
  clear();
  // And the next one starts afresh.
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  write(0, 3);
  await(1, 3);
  EXPECT_EQ(read(3), 1003u);
  write(0, 0xffff);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(HostMailbox, ResetEndsIt) {
  for (int i = 0; i < 3; ++i) {
    clear();
    ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
    EXPECT_EQ(cudaStreamQuery(stream_), cudaErrorNotReady);
    cuda_on_cpu::reset();
    EXPECT_EQ(cudaStreamQuery(stream_), cudaSuccess);
  }
}

TEST_F(HostMailbox, ARecordedOneIsRefused) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable, stream_), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorNotSupported);
  EXPECT_TRUE(reports("a recorded kernel waits for the host")) << cuda_on_cpu::last_report();
  cuda_on_cpu::reset();
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(HostMailbox, OnlyTheThreadThatBeganItCanLetItGoOn) {
  ASSERT_EQ(waiting::counting(stream_, on_device_), cudaSuccess);
  EXPECT_EQ(cudaStreamQuery(stream_), cudaErrorNotReady);
  std::thread stranger([&] { EXPECT_EQ(cudaStreamQuery(stream_), cudaErrorLaunchFailure); });
  stranger.join();
  EXPECT_TRUE(reports("only the operating-system thread that began it")) << cuda_on_cpu::last_report();
}

}  // namespace
