#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "device_vector.h"
#include "kernels.h"
#include "kernels/cuda/wgmma_operand.h"

// Bulk copies, barriers that count their bytes, and products of warpgroups.

namespace {

using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;
using pipeline::Defect;
namespace cuda = mynah::kernels::cuda;

const Schedule schedules[] = {{Schedule::Kind::forward, 0}, {Schedule::Kind::reverse, 0}, {Schedule::Kind::random, 1}};

constexpr int k_tiles = 5;
constexpr int depth = k_tiles * 64;

/// Whole numbers that differ along both directions, exact in bfloat16.
float factor(int row, int k) {
  return static_cast<float>((7 * row + 3 * k) % 11 - 5);
}

std::vector<std::uint16_t> packed(int rows) {
  std::vector<std::uint16_t> all(static_cast<std::size_t>(rows * depth));
  for (int row = 0; row < rows; ++row) {
    for (int k = 0; k < depth; ++k) {
      const int line = k / 64 * rows + row;
      const int place = line * 64 + cuda::wgmma_chunk_place(row, k % 64 / 8) * 8 + k % 8;
      all[static_cast<std::size_t>(place)] =
          static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(factor(row, k)) >> 16);
    }
  }
  return all;
}

class Pipeline : public testing::Test {
 protected:
  void TearDown() override { cuda_on_cpu::reset(); }

  cudaError_t run(Defect defect) {
    EXPECT_EQ(pipeline::multiply(nullptr, a_.get(), b_.get(), c_.get(), k_tiles, defect), cudaSuccess);
    return cudaDeviceSynchronize();
  }

  /// How many sums are wrong; NaN is.
  int wrong_sums() {
    const std::vector<float> c = c_.to_host();
    int wrong = 0;
    for (int m = 0; m < 64; ++m) {
      for (int n = 0; n < 256; ++n) {
        float expected = 0.0f;
        for (int k = 0; k < depth; ++k) expected += factor(m, k) * factor(n, k);
        const int place = m * 256 + n;
        wrong += c[static_cast<std::size_t>(place)] == expected ? 0 : 1;
      }
    }
    return wrong;
  }

  /// The launch fails, or sums are wrong.
  bool is_caught(Defect defect, Schedule schedule) {
    const ScheduleScope scope(schedule);
    const bool caught = run(defect) != cudaSuccess || wrong_sums() > 0;
    cuda_on_cpu::reset();
    return caught;
  }
  bool is_caught_under_some_schedule(Defect defect) {
    return std::any_of(std::begin(schedules), std::end(schedules),
                       [&](Schedule schedule) { return is_caught(defect, schedule); });
  }

  void expect_failure(Defect defect, const std::vector<std::string>& parts, const std::vector<Schedule>& under) {
    for (const Schedule schedule : under) {
      const ScheduleScope scope(schedule);
      EXPECT_EQ(run(defect), cudaErrorLaunchFailure) << describe(schedule);
      const std::string report = cuda_on_cpu::last_report();
      for (const std::string& part : parts) {
        EXPECT_NE(report.find(part), std::string::npos) << part << " is not in:\n" << report;
      }
      cuda_on_cpu::reset();
    }
  }
  void expect_failure(Defect defect, const std::vector<std::string>& parts) {
    expect_failure(defect, parts, {std::begin(schedules), std::end(schedules)});
  }

 private:
  DeviceVector<std::uint16_t> a_{packed(64)};
  DeviceVector<std::uint16_t> b_{packed(256)};
  DeviceVector<float> c_{64 * 256};
};

TEST_F(Pipeline, MultipliesUnderEverySchedule) {
  for (const Schedule schedule : schedules) {
    const ScheduleScope scope(schedule);
    ASSERT_EQ(run(Defect::none), cudaSuccess);
    EXPECT_EQ(wrong_sums(), 0) << describe(schedule);
  }
}

TEST_F(Pipeline, CopyThatNobodyWaitsFor) {
  EXPECT_TRUE(is_caught_under_some_schedule(Defect::no_wait_for_full));
}

TEST_F(Pipeline, WrongParity) {
  EXPECT_TRUE(is_caught_under_some_schedule(Defect::wrong_parity_of_full));
  expect_failure(Defect::wrong_parity_of_empty,
                 {"no thread can go on", "1 thread from (128, 0, 0) on: in mbarrier.try_wait at ",
                  "pipeline_kernels.cu", "128 threads from (0, 0, 0) on: in mbarrier.try_wait at "});
}

TEST_F(Pipeline, StageThatIsFilledBeforeItIsEmpty) {
  expect_failure(Defect::no_wait_for_empty, {"more arrivals at an mbarrier than it was initialised for"},
                 {{Schedule::Kind::forward, 0}});
  EXPECT_TRUE(is_caught_under_some_schedule(Defect::release_before_products));
}

TEST_F(Pipeline, BarrierThatIsNotInitialised) {
  expect_failure(Defect::no_initialisation, {"an mbarrier that is not initialised at ", "pipeline_kernels.cu"});
}

TEST_F(Pipeline, BytesThatNeverCome) {
  expect_failure(Defect::too_many_bytes, {"no thread can go on", "in mbarrier.try_wait"});
}

TEST_F(Pipeline, BlockThatEndsBeforeItsCopies) {
  expect_failure(Defect::copies_at_the_end, {"the block ended before its copies into shared memory did"},
                 {{Schedule::Kind::forward, 0}});
}

TEST_F(Pipeline, MisalignedMemory) {
  expect_failure(Defect::misaligned_copy, {"not multiples of 16 bytes"});
  expect_failure(Defect::misaligned_operand, {"does not begin at a multiple of 1024 bytes"});
}

TEST_F(Pipeline, ProductsThatNobodyWaitsFor) {
  for (const Defect defect : {Defect::no_wait_for_products, Defect::no_commit}) {
    for (const Schedule schedule : schedules) EXPECT_TRUE(is_caught(defect, schedule)) << describe(schedule);
    const ScheduleScope scope(schedules[0]);
    EXPECT_EQ(run(defect), cudaSuccess);
    EXPECT_EQ(wrong_sums(), 64 * 256) << "all are NaN";
  }
}

TEST_F(Pipeline, ProductsWithoutAFence) {
  expect_failure(Defect::no_fence, {"wgmma without a wgmma.fence", "pipeline_kernels.cu"});
}

TEST_F(Pipeline, WarpgroupThatIsNotWhole) {
  expect_failure(Defect::absent_thread, {"no thread can go on", "in wgmma.wait_group"});
  expect_failure(Defect::other_operand, {"threads of a warpgroup bring different operands"});
  EXPECT_EQ(pipeline::few_threads(nullptr, 96), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
  EXPECT_NE(cuda_on_cpu::last_report().find("a warpgroup of fewer than 128 threads"), std::string::npos);
}

}  // namespace
