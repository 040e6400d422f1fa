#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "../sanitizer.h"
#include "device_vector.h"
#include "kernels.h"

// Each test runs a kernel or a program with one defect and passes only if the defect is caught.

namespace {

using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;
using cuda_on_cpu::detail::address_sanitizer;

const Schedule schedules[] = {{Schedule::Kind::forward, 0}, {Schedule::Kind::reverse, 0}, {Schedule::Kind::random, 1}};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PlantedDefect : public testing::Test {
 protected:
  void TearDown() override { cuda_on_cpu::reset(); }

  /// Expects the queued launch to fail with error and a report that contains every part.
  void expect_failure(cudaError_t launched, cudaError_t error, const std::vector<std::string>& parts) {
    EXPECT_EQ(launched, cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), error);
    for (const std::string& part : parts)
      EXPECT_TRUE(contains(cuda_on_cpu::last_report(), part)) << part << " is not in:\n" << cuda_on_cpu::last_report();
    // As on a device, nothing works until somebody deals with it.
    EXPECT_EQ(cudaGetLastError(), error);
    EXPECT_EQ(cudaGetLastError(), error);
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 16), error);
    cuda_on_cpu::reset();
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  }

  /// What a parity test asks: is every output equal to the reference, under every schedule? NaN equals nothing.
  template <class Launch>
  bool agrees(const Launch& launch, const std::vector<float>& expected) {
    for (const Schedule schedule : schedules) {
      const ScheduleScope scope(schedule);
      const DeviceVector<float> y(expected.size());
      EXPECT_EQ(launch(y.get()), cudaSuccess);
      const auto values = y.to_host();
      for (std::size_t i = 0; i < values.size(); ++i)
        if (!(values[i] == expected[i])) return false;
    }
    return true;
  }
};

using PlantedDefectDeathTest = PlantedDefect;

TEST_F(PlantedDefect, MissingBarrier) {
  std::vector<float> x(128);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const DeviceVector<float> dx(x);
  const std::vector<float> reversed(x.rbegin(), x.rend());
  EXPECT_FALSE(agrees([&](float* y) { return planted::missing_barrier(nullptr, dx.get(), y, 128); }, reversed));
  EXPECT_TRUE(agrees([&](float* y) { return correct::reverse(nullptr, dx.get(), y, 128); }, reversed));
}

TEST_F(PlantedDefect, ThreadsThatDoNotWaitForEarlierWork) {
  EXPECT_EQ(planted::overlap(nullptr, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  expect_failure(planted::overlap(nullptr, 1), cudaErrorLaunchFailure,
                 {"overlapping_kernel", "waited for it 21 times in 24 threads"});
}

TEST_F(PlantedDefect, BlocksThatRelyOnTheirOrder) {
  std::vector<float> expected(8);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<float>(i);
  EXPECT_FALSE(agrees(
      [](float* y) {
        cudaMemsetAsync(y, 0, 8 * sizeof(float));
        return planted::block_order(nullptr, y, 8);
      },
      expected));
}

TEST_F(PlantedDefect, ReadOfUnwrittenSharedMemory) {
  const std::vector<float> expected(256, 1.0f);
  EXPECT_FALSE(agrees([](float* y) { return planted::unwritten_shared(nullptr, y, 256); }, expected));
  const DeviceVector<float> y(256);
  ASSERT_EQ(planted::unwritten_shared(nullptr, y.get(), 256), cudaSuccess);
  const auto values = y.to_host();
  EXPECT_EQ(values[127], 1.0f);
  EXPECT_TRUE(std::isnan(values[128]));
}

TEST_F(PlantedDefect, SharedMemoryLeftByAnotherBlock) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> y(4);
    ASSERT_EQ(planted::unwritten_shared_of_other_block(nullptr, y.get()), cudaSuccess);
    const auto values = y.to_host();
    EXPECT_EQ(values[0], 3.0f);
    EXPECT_TRUE(std::isnan(values[1]));
    EXPECT_EQ(values[2], 3.0f);
    EXPECT_TRUE(std::isnan(values[3]));
  }
}

// More than what any shortcut in filling would take for small, and every block writes a place of its own.
TEST_F(PlantedDefect, SharedMemoryLeftByAnotherBlockOrKernelInALargeArray) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    const DeviceVector<float> stale(32), other(32);
    ASSERT_EQ(planted::static_shared_index(nullptr, other.get(), 0), cudaSuccess);
    for (int launch = 0; launch < 2; ++launch) {
      ASSERT_EQ(planted::stale_large_shared(nullptr, stale.get(), 32), cudaSuccess);
      EXPECT_EQ(stale.to_host(), std::vector<float>(32, 0.0f)) << describe(schedule);
    }
  }
}

TEST_F(PlantedDefect, ReadOfUnwrittenDynamicSharedMemory) {
  const DeviceVector<float> y(16);
  ASSERT_EQ(planted::unwritten_dynamic_shared(nullptr, y.get(), 16), cudaSuccess);
  for (const float value : y.to_host()) EXPECT_TRUE(std::isnan(value));
}

TEST_F(PlantedDefect, ReadOfUnwrittenDeviceMemory) {
  const DeviceVector<float> x(16);
  for (const float value : x.to_host()) EXPECT_TRUE(std::isnan(value));
}

TEST_F(PlantedDefectDeathTest, WriteOutOfBounds) {
  const DeviceVector<float> y(50);
  // The last is far behind everything that was ever allocated.
  for (const int past : {1, 20, -50, 1 << 28}) {
    if (address_sanitizer || past == 1 << 28) {
      EXPECT_DEATH(
          {
            planted::out_of_bounds_write(nullptr, y.get(), 50, past);
            cudaDeviceSynchronize();
          },
          "out_of_bounds_write_kernel");
      continue;
    }
    EXPECT_EQ(planted::out_of_bounds_write(nullptr, y.get(), 50, past), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
    const std::string report = cuda_on_cpu::last_report();
    const int offset = past > 0 ? (past - 1) * 4 : 4;
    EXPECT_TRUE(contains(report, "out_of_bounds_write_kernel")) << report;
    EXPECT_TRUE(contains(report, "of 200 bytes")) << report;
    EXPECT_TRUE(contains(report, std::to_string(offset) + (past > 0 ? " bytes after" : " bytes before"))) << report;
    cuda_on_cpu::reset();
  }
  EXPECT_EQ(planted::out_of_bounds_write(nullptr, y.get(), 50, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(PlantedDefectDeathTest, ReadOutOfBounds) {
  const DeviceVector<float> x(std::vector<float>(50, 2.0f));
  const DeviceVector<float> y(50);
  if (address_sanitizer) {
    EXPECT_DEATH(
        {
          planted::out_of_bounds_read(nullptr, x.get(), y.get(), 50, 1);
          cudaDeviceSynchronize();
        },
        "planted_kernels.cu");
  } else {
    ASSERT_EQ(planted::out_of_bounds_read(nullptr, x.get(), y.get(), 50, 1), cudaSuccess);
    const auto values = y.to_host();
    EXPECT_EQ(values[48], 2.0f);
    EXPECT_TRUE(std::isnan(values[49]));
  }
}

TEST_F(PlantedDefectDeathTest, DynamicSharedMemoryOverrun) {
  if (address_sanitizer) {
    EXPECT_DEATH(
        {
          planted::dynamic_shared_overrun(nullptr, 1);
          cudaDeviceSynchronize();
        },
        "use-after-poison");
  } else {
    expect_failure(planted::dynamic_shared_overrun(nullptr, 1), cudaErrorIllegalAddress,
                   {"dynamic_shared_overrun_kernel", "128 bytes of dynamic shared memory"});
  }
  EXPECT_EQ(planted::dynamic_shared_overrun(nullptr, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(PlantedDefectDeathTest, UseAfterFree) {
  float* freed = nullptr;
  ASSERT_EQ(cudaMalloc(&freed, 200), cudaSuccess);
  ASSERT_EQ(cudaFree(freed), cudaSuccess);
  if (address_sanitizer) {
    EXPECT_DEATH(
        {
          planted::out_of_bounds_write(nullptr, freed, 50, 0);
          cudaDeviceSynchronize();
        },
        "out_of_bounds_write_kernel");
  } else {
    EXPECT_TRUE(cuda_on_cpu::memory_is_intact());
    EXPECT_EQ(planted::out_of_bounds_write(nullptr, freed, 50, 0), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    EXPECT_FALSE(cuda_on_cpu::memory_is_intact());
    EXPECT_TRUE(contains(cuda_on_cpu::last_report(), "freed")) << cuda_on_cpu::last_report();
  }
}

TEST_F(PlantedDefectDeathTest, DeviceMemoryTouchedByTheHost) {
  const DeviceVector<float> x(std::vector<float>(50, 2.0f));
  volatile float* pointer = x.get();
  EXPECT_DEATH({ [[maybe_unused]] const float read = pointer[3]; },
               "touched by the host: byte 12 of allocation .* of 200 bytes made at .*device_vector.h");
  EXPECT_DEATH(pointer[3] = 1.0f, "touched by the host");
  EXPECT_DEATH(
      {
        cudaLaunchHostFunc(
            nullptr, [](void* data) { *static_cast<volatile float*>(data) = 1.0f; }, x.get());
        cudaDeviceSynchronize();
      },
      "touched by the host");
}

#ifdef MYNAH_UNDEFINED_SANITIZER

TEST_F(PlantedDefectDeathTest, StaticSharedArrayIndexedOutOfItsBounds) {
  const DeviceVector<float> y(32);
  EXPECT_EQ(planted::static_shared_index(nullptr, y.get(), 0), cudaSuccess);
  EXPECT_EQ(y.to_host(), std::vector<float>(32, 1.0f));
  for (const int past : {1, 1000, -32})
    EXPECT_DEATH(
        {
          planted::static_shared_index(nullptr, y.get(), past);
          cudaDeviceSynchronize();
        },
        "planted_kernels.cu:.*index " + std::to_string(31 + past) + " out of bounds for type 'float");
}

TEST_F(PlantedDefectDeathTest, MisalignedVectorAccess) {
  const DeviceVector<float> x(std::vector<float>(16, 1.0f)), y(2);
  EXPECT_EQ(planted::four_at_a_time(nullptr, x.get() + 4, y.get(), 2), cudaSuccess);
  EXPECT_EQ(y.to_host(), std::vector<float>(2, 4.0f));
  for (const int shift : {1, 2, 3})
    EXPECT_DEATH(
        {
          planted::four_at_a_time(nullptr, x.get() + shift, y.get(), 2);
          cudaDeviceSynchronize();
        },
        "planted_kernels.cu:.*misaligned address.*requires 16 byte alignment");
}

#endif

TEST_F(PlantedDefect, Leak) {
  const std::size_t before = cuda_on_cpu::live_allocations().size();
  ASSERT_EQ(cuda_on_cpu::leak_report(), "");
  float* leaked = nullptr;
  float* pinned = nullptr;
  ASSERT_EQ(cudaMalloc(&leaked, 1234), cudaSuccess);
  ASSERT_EQ(cudaMallocHost(&pinned, 77), cudaSuccess);
  EXPECT_EQ(cuda_on_cpu::live_allocations().size(), before + 2);
  const std::string report = cuda_on_cpu::leak_report();
  EXPECT_TRUE(contains(report, "1234 bytes made at")) << report;
  EXPECT_TRUE(contains(report, "planted_defects_test.cpp")) << report;
  EXPECT_TRUE(contains(report, "pinned host memory")) << report;
  EXPECT_EQ(cudaFree(leaked), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cuda_on_cpu::leak_report(), "");
}

TEST_F(PlantedDefect, DivergentBarrier) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::divergent_barrier(nullptr), cudaErrorLaunchFailure,
                   {"no thread can go on", "63 threads from (0, 0, 0) on: in __syncthreads at ", "planted_kernels.cu",
                    "1 thread from (40, 0, 0) on: in __syncwarp (mask 00000300) at ", "divergent_barrier_kernel",
                    "schedule " + describe(schedule)});
  }
}

TEST_F(PlantedDefect, BarrierInBothBranches) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    ASSERT_EQ(planted::barrier_in_branch(nullptr), cudaSuccess);
    ASSERT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    const std::string report = cuda_on_cpu::last_report();
    EXPECT_TRUE(contains(report, "divergent barrier")) << report;
    EXPECT_TRUE(contains(report, "barrier_in_branch_kernel")) << report;
    const std::size_t first = report.find("__syncthreads at "), second = report.find("__syncthreads at ", first + 1);
    ASSERT_NE(second, std::string::npos) << report;
    const auto line = [&](std::size_t from) { return report.substr(from, report.find('\n', from) - from); };
    EXPECT_NE(line(first), line(second)) << report;
    cuda_on_cpu::reset();
  }
}

TEST_F(PlantedDefect, ThreadThatReturnsBeforeABarrier) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::early_return(nullptr), cudaErrorLaunchFailure,
                   {"early_return_kernel", "returned", "block (", "planted_kernels.cu"});
  }
}

TEST_F(PlantedDefect, MaskWithoutTheOwnLane) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::mask_without_own_lane(nullptr), cudaErrorLaunchFailure,
                   {"whose mask does not name it", "mask_without_own_lane_kernel", "(mask 0000ffff)"});
  }
}

TEST_F(PlantedDefect, LaneThatNeverComes) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::lane_that_never_comes(nullptr), cudaErrorLaunchFailure,
                   {"no thread can go on", "31 threads", "(mask 00000018)"});
  }
}

TEST_F(PlantedDefect, ShuffleFromLanesThatReturned) {
  const DeviceVector<float> x(std::vector<float>(32, 1.0f));
  EXPECT_FALSE(agrees([&](float* y) { return planted::sum_with_absent_lanes(nullptr, x.get(), y, 20); }, {20.0f}));
  EXPECT_TRUE(agrees([&](float* y) { return planted::sum_with_absent_lanes(nullptr, x.get(), y, 32); }, {32.0f}));
}

TEST_F(PlantedDefect, TensorCoreInstructionWithoutALane) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::multiply_without_a_lane(nullptr, planted::MissingLane::returned), cudaErrorLaunchFailure,
                   {"a lane of the warp is missing from its mma.sync", "multiply_without_a_lane_kernel"});
    expect_failure(planted::multiply_without_a_lane(nullptr, planted::MissingLane::at_a_barrier),
                   cudaErrorLaunchFailure,
                   {"no thread can go on", "31 threads from (0, 0, 0) on: in mma.sync of tf32", "in __syncthreads"});
    expect_failure(
        planted::multiply_without_a_lane(nullptr, planted::MissingLane::with_another_instruction),
        cudaErrorLaunchFailure,
        {"no thread can go on", "31 threads from (0, 0, 0) on: in mma.sync of tf32", "in mma.sync of bfloat16"});
  }
}

TEST_F(PlantedDefect, BlocksLoadedWithoutALaneOrMisaligned) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    expect_failure(planted::load_blocks_wrongly(nullptr, planted::BlockDefect::lane_returned), cudaErrorLaunchFailure,
                   {"a lane of the warp is missing from its ldmatrix", "load_blocks_wrongly_kernel"});
    expect_failure(planted::load_blocks_wrongly(nullptr, planted::BlockDefect::lane_at_a_barrier),
                   cudaErrorLaunchFailure,
                   {"no thread can go on", "31 threads from (0, 0, 0) on: in ldmatrix", "in __syncthreads"});
    expect_failure(planted::load_blocks_wrongly(nullptr, planted::BlockDefect::misaligned), cudaErrorLaunchFailure,
                   {"a row of ldmatrix is not aligned to 16 bytes", "load_blocks_wrongly_kernel"});
  }
}

TEST_F(PlantedDefect, AsynchronousCopies) {
  using planted::CopyDefect;
  std::vector<float> x(256);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  std::vector<float> expected = x;
  for (std::size_t i = 253; i < 256; ++i) expected[i] = 0.0f;
  const auto copies = [&](CopyDefect defect) {
    return agrees(
        [&](float* y) {
          const DeviceVector<float> dx(x);
          const cudaError_t launched = planted::copy(nullptr, dx.get(), y, defect);
          return launched == cudaSuccess ? cudaDeviceSynchronize() : launched;
        },
        expected);
  };
  EXPECT_TRUE(copies(CopyDefect::none));
  for (const CopyDefect defect : {CopyDefect::no_wait, CopyDefect::wait_too_weak, CopyDefect::no_barrier,
                                  CopyDefect::source_overwritten, CopyDefect::target_reused}) {
    EXPECT_FALSE(copies(defect)) << static_cast<int>(defect);
  }
  const DeviceVector<float> dx(x), y(256);
  const auto report = [&](CopyDefect defect, const char* what) {
    expect_failure(planted::copy(nullptr, dx.get(), y.get(), defect), cudaErrorLaunchFailure, {what, "copy_kernel"});
  };
  report(CopyDefect::no_commit, "returned while 1 asynchronous copies were under way");
  report(CopyDefect::never_awaited, "returned while 1 asynchronous copies were under way");
  report(CopyDefect::source_misaligned, "the source of an asynchronous copy is not aligned to its size");
  report(CopyDefect::target_misaligned, "the target of an asynchronous copy is not aligned to its size");
  report(CopyDefect::target_not_shared, "from global into shared memory, and this one does not");
  report(CopyDefect::reads_more_than_it_writes, "would read more than it writes");
}

TEST_F(PlantedDefect, TrapAndAssertion) {
  expect_failure(planted::trap(nullptr), cudaErrorLaunchFailure, {"__trap", "trap_kernel", "thread (2, 0, 0)"});
  expect_failure(planted::failing_assertion(nullptr), cudaErrorAssert,
                 {"threadIdx.x != 3", "failing_assertion_kernel", "thread (3, 0, 0)"});
}

TEST_F(PlantedDefect, TheDeviceWorksAgainAfterEveryFailure) {
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(planted::early_return(nullptr), cudaSuccess);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    cuda_on_cpu::reset();
    const DeviceVector<float> x(std::vector<float>(1000, 1.0f)), total(1);
    EXPECT_EQ(correct::sum(nullptr, x.get(), 1000, total.get(), 256), cudaSuccess);
    EXPECT_EQ(total.to_host()[0], 1000.0f);
  }
}

}  // namespace
