#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../sanitizer.h"
#include "device_vector.h"
#include "kernels.h"

// Clusters: blocks that run together and read each other's shared memory. Defects are planted, and have to be caught.

namespace {

using cluster::Defect;
using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;

const Schedule schedules[] = {{Schedule::Kind::forward, 0}, {Schedule::Kind::reverse, 0}, {Schedule::Kind::random, 1}};

class Clusters : public testing::TestWithParam<std::size_t> {
 protected:
  void TearDown() override { cuda_on_cpu::reset(); }

  void expect_failure(Defect defect, cudaError_t error, const std::vector<std::string>& parts) {
    const DeviceVector<float> y(4);
    ASSERT_EQ(cluster::plant(nullptr, defect, y.get()), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), error);
    const std::string report = cuda_on_cpu::last_report();
    for (const std::string& part : parts) EXPECT_NE(report.find(part), std::string::npos) << part << " in " << report;
    cuda_on_cpu::reset();
  }
  void run(Defect defect) {
    const DeviceVector<float> y(4);
    cluster::plant(nullptr, defect, y.get());
    cudaDeviceSynchronize();
  }

  ScheduleScope scope_{schedules[GetParam()]};
};

using ClustersDeathTest = Clusters;

std::vector<float> numbers(int count) {
  std::vector<float> x(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  return x;
}

std::vector<float> sums(const std::vector<float>& x, std::size_t size) {
  std::vector<float> result;
  for (std::size_t first = 0; first < x.size(); first += size) {
    float sum = 0.0f;
    for (std::size_t i = 0; i < size; ++i) sum += 11.0f * x[first + i];
    result.insert(result.end(), size, sum);
  }
  return result;
}

TEST_P(Clusters, ReadEachOthersSharedMemory) {
  const DeviceVector<float> x(numbers(24)), y(24);
  for (const int size : {1, 2, 3, 4, 8}) {
    ASSERT_EQ(cluster::sum(nullptr, x.get(), y.get(), 24, size), cudaSuccess);
    EXPECT_EQ(y.to_host(), sums(numbers(24), static_cast<std::size_t>(size))) << size;
    ASSERT_EQ(cluster::ring(nullptr, y.get(), 24, size), cudaSuccess);
    EXPECT_EQ(y.to_host(), [] {
      std::vector<float> own = numbers(24);
      for (float& value : own) value -= 1.0f;
      return own;
    }()) << size;
  }
}

TEST_P(Clusters, HaveRanksInThreeDimensions) {
  const DeviceVector<int> out(4 * 6 * 4);
  ASSERT_EQ(cluster::coordinates(nullptr, out.get(), dim3(4, 6, 4), dim3(2, 1, 4)), cudaSuccess);
  const auto ranks = out.to_host();
  for (int z = 0; z < 4; ++z)
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 4; ++x) EXPECT_EQ(ranks[static_cast<std::size_t>((z * 6 + y) * 4 + x)], x % 2 + 2 * z);
}

TEST_P(Clusters, WithoutADefectHaveNoFailure) {
  const DeviceVector<float> y(4);
  EXPECT_EQ(cluster::plant(nullptr, Defect::none, y.get()), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess) << cuda_on_cpu::last_report();
}

TEST(ClusterTest, AMissingBarrierShowsInTheResults) {
  int right = 0;
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> x(numbers(8)), y(8);
    ASSERT_EQ(cluster::sum(nullptr, x.get(), y.get(), 8, 4, true), cudaSuccess);
    right += y.to_host() == sums(numbers(8), 4) ? 1 : 0;
  }
  EXPECT_LT(right, 3);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_P(Clusters, AThreadThatDoesNotReachTheBarrierIsFound) {
  expect_failure(
      Defect::waits_elsewhere, cudaErrorLaunchFailure,
      {"no thread can go on", "47 threads from (0, 0, 0) of block (1, 0, 0) on: in the cluster's barrier at ",
       "48 threads from (0, 0, 0) of block (3, 0, 0) on", "cluster_kernels.cu",
       "1 thread from (5, 0, 0) of block (1, 0, 0) on: in __syncthreads", "defect_kernel"});
  expect_failure(Defect::returns, cudaErrorLaunchFailure, {"returned", "defect_kernel", "whole cluster"});
  expect_failure(Defect::waits_without_coming, cudaErrorLaunchFailure,
                 {"thread (5, 0, 0) waits at the cluster's barrier without having come to it", "block (1, 0, 0)"});
  expect_failure(Defect::comes_twice, cudaErrorLaunchFailure,
                 {"thread (5, 0, 0) comes to the cluster's barrier twice without waiting in between"});
  expect_failure(Defect::another_line, cudaErrorLaunchFailure, {"divergent barrier", "one cluster"});
}

TEST_P(Clusters, WrongAddressesAreFound) {
  expect_failure(Defect::no_such_block, cudaErrorLaunchFailure, {"there is no block 4 in a cluster of 4"});
  expect_failure(Defect::not_shared, cudaErrorLaunchFailure, {"is not in the own block's shared memory"});
}

TEST_P(ClustersDeathTest, SharedMemoryOfABlockThatDoesNotRun) {
  EXPECT_DEATH(run(Defect::access_before_it_begins),
               "shared memory of block .*, which has not begun in .*defect_kernel");
  EXPECT_DEATH(run(Defect::access_after_its_end), "shared memory of block .*, which has ended in .*defect_kernel");
}

TEST_P(ClustersDeathTest, OverrunOfDynamicSharedMemory) {
  if (cuda_on_cpu::detail::address_sanitizer) {
    EXPECT_DEATH(run(Defect::overrun), "use-after-poison");
  } else {
    expect_failure(Defect::overrun, cudaErrorIllegalAddress,
                   {"0 bytes after the end of 128 bytes of dynamic shared memory", "block (1, 0, 0)"});
  }
}

TEST(ClusterTest, ImpossibleShapesAreRefused) {
  const DeviceVector<float> x(numbers(16)), y(16);
  EXPECT_EQ(cluster::sum(nullptr, x.get(), y.get(), 16, 16), cudaErrorInvalidClusterSize);
  EXPECT_EQ(cluster::sum(nullptr, x.get(), y.get(), 16, 3), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cluster::sum(nullptr, x.get(), y.get(), 16, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST(ClusterTest, AreRefusedWhereTheDeviceHasNone) {
  const DeviceVector<float> x(numbers(8)), y(8);
  cuda_on_cpu::set_clusters(false);
  int value = 1;
  EXPECT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrClusterLaunch, 0), cudaSuccess);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(cluster::sum(nullptr, x.get(), y.get(), 8, 2), cudaErrorNotSupported);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNotSupported);
  cuda_on_cpu::set_clusters(true);
  EXPECT_EQ(cluster::sum(nullptr, x.get(), y.get(), 8, 2), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST(ClusterTest, TheDeviceSaysWhatItCan) {
  int value = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrClusterLaunch, 0), cudaSuccess);
  EXPECT_EQ(value, 1);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {8, 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = 8;
  config.blockDim = 512;
  config.dynamicSmemBytes = 1000;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const auto clusters = [&] { return cudaOccupancyMaxActiveClusters(&value, cluster::sum_kernel_address(), &config); };
  EXPECT_EQ(clusters(), cudaSuccess);
  EXPECT_EQ(value, 1);
  config.dynamicSmemBytes = 100 * 1024;  // not asked for
  EXPECT_EQ(clusters(), cudaSuccess);
  EXPECT_EQ(value, 0);
  attribute.val.clusterDim.x = 16;
  config.gridDim = 16;
  EXPECT_EQ(clusters(), cudaErrorInvalidClusterSize);
  cudaGetLastError();
}

const auto every_schedule = testing::Range(std::size_t{0}, std::size(schedules));
const auto name_of_schedule = [](const testing::TestParamInfo<std::size_t>& info) {
  return "schedule_" + describe(schedules[info.param]);
};
INSTANTIATE_TEST_SUITE_P(EverySchedule, Clusters, every_schedule, name_of_schedule);
INSTANTIATE_TEST_SUITE_P(EverySchedule, ClustersDeathTest, every_schedule, name_of_schedule);

}  // namespace
