#include <cuda_on_cpu/control.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <tuple>
#include <vector>

#include "device_vector.h"
#include "kernels.h"

namespace {

using cuda_on_cpu::Schedule;
using cuda_on_cpu::ScheduleScope;

const Schedule schedules[] = {{Schedule::Kind::forward, 0},
                              {Schedule::Kind::reverse, 0},
                              {Schedule::Kind::random, 1},
                              {Schedule::Kind::random, 77}};

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-0.5f, 0.5f);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
}

class CorrectKernels : public testing::TestWithParam<Schedule> {
 protected:
  ScheduleScope scope{GetParam()};
};

TEST_P(CorrectKernels, LinearLayerEqualsTheDefinition) {
  for (const auto& [rows, outputs, inputs] : {std::tuple{250, 200, 117}, {1, 1, 1}, {65, 63, 17}, {3, 130, 5}}) {
    const auto size = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); };
    const auto x = random_values(size(rows, inputs), 1);
    const auto w = random_values(size(outputs, inputs), 2);
    const auto b = random_values(size(outputs, 1), 3);
    const DeviceVector<float> dx(x), dw(w), db(b), dy(size(rows, outputs));
    ASSERT_EQ(correct::linear(nullptr, dx.get(), dw.get(), db.get(), dy.get(), rows, outputs, inputs), cudaSuccess);
    const auto y = dy.to_host();
    for (int m = 0; m < rows; ++m)
      for (int n = 0; n < outputs; ++n) {
        double expected = b[static_cast<std::size_t>(n)];
        for (int k = 0; k < inputs; ++k)
          expected += double{x[size(m, inputs) + static_cast<std::size_t>(k)]} *
                      double{w[size(n, inputs) + static_cast<std::size_t>(k)]};
        ASSERT_NEAR(y[size(m, outputs) + static_cast<std::size_t>(n)], expected > 0 ? expected : 0, 1e-5)
            << m << ", " << n << " schedule " << describe(GetParam());
      }
  }
}

TEST_P(CorrectKernels, SumHasTheSameBitsUnderEverySchedule) {
  for (const int count : {1, 31, 100, 1000, 4097}) {
    const auto x = random_values(static_cast<std::size_t>(count), 5);
    double expected = 0;
    for (const float value : x) expected += value;
    const DeviceVector<float> dx(x), total(1);
    ASSERT_EQ(correct::sum(nullptr, dx.get(), count, total.get(), 256), cudaSuccess);
    const float here = total.to_host()[0];
    EXPECT_NEAR(here, expected, 1e-3);
    const ScheduleScope forward({Schedule::Kind::forward, 0});
    ASSERT_EQ(correct::sum(nullptr, dx.get(), count, total.get(), 256), cudaSuccess);
    const float reference = total.to_host()[0];
    EXPECT_EQ(std::bit_cast<std::uint32_t>(here), std::bit_cast<std::uint32_t>(reference)) << describe(GetParam());
  }
}

TEST_P(CorrectKernels, DynamicSharedMemory) {
  for (const int count : {1, 33, 1000}) {
    const auto x = random_values(static_cast<std::size_t>(count), 6);
    const DeviceVector<float> dx(x), dy(x.size());
    ASSERT_EQ(correct::reverse(nullptr, dx.get(), dy.get(), count), cudaSuccess);
    EXPECT_EQ(dy.to_host(), std::vector<float>(x.rbegin(), x.rend()));
  }
}

TEST_P(CorrectKernels, BarriersThatReduce) {
  for (const int count : {40, 1000}) {
    const auto x = random_values(static_cast<std::size_t>(count), 7);
    const int positive = static_cast<int>(std::count_if(x.begin(), x.end(), [](float v) { return v > 0.0f; }));
    const DeviceVector<float> dx(x);
    const DeviceVector<int> counts(std::vector<int>(4, 0));
    ASSERT_EQ(correct::count_positive(nullptr, dx.get(), counts.get(), count), cudaSuccess);
    EXPECT_EQ(counts.to_host(), (std::vector<int>{positive, 0, 1, positive}));
  }
}

TEST_P(CorrectKernels, WarpOperations) {
  const DeviceVector<unsigned> out(12 * 32);
  ASSERT_EQ(correct::warp_operations(nullptr, out.get()), cudaSuccess);
  const auto values = out.to_host();
  for (unsigned lane = 0; lane < 32; ++lane) {
    const auto value = [&](unsigned operation) { return values[operation * 32 + lane]; };
    EXPECT_EQ(value(0), 15u);
    EXPECT_EQ(value(1), lane < 2 ? lane : lane - 2);
    EXPECT_EQ(value(2), lane % 8 + 3 < 8 ? lane + 3 : lane);
    EXPECT_EQ(value(3), lane ^ 1u);
    EXPECT_EQ(value(4), 0x49249249u);
    EXPECT_EQ(value(5), 1u);
    EXPECT_EQ(value(6), 0u);
    EXPECT_EQ(value(7), lane < 16 ? 0x0000ffffu : 0xffff0000u);
    EXPECT_EQ(value(8), 496u);
    EXPECT_EQ(value(9), 31u);
    EXPECT_EQ(value(10), lane < 16 ? 120u : 376u);
    EXPECT_EQ(value(11), 9u);
  }
}

/// Lane 4 g + t gets word t of row g of each block, whose rows are said by lanes 8 block ... 8 block + 7.
TEST_P(CorrectKernels, BlocksAreLoadedAsFragmentsHaveThem) {
  std::vector<unsigned> rows(32 * 4);
  for (unsigned i = 0; i < rows.size(); ++i) rows[i] = i;
  const DeviceVector<unsigned> in(rows), out(rows.size());
  ASSERT_EQ(correct::load_blocks(nullptr, in.get(), out.get()), cudaSuccess);
  const auto words = out.to_host();
  for (unsigned lane = 0; lane < 32; ++lane) {
    for (unsigned block = 0; block < 4; ++block) {
      const unsigned row = 31 - (8 * block + lane / 4);
      EXPECT_EQ(words[4 * lane + block], 4 * row + lane % 4) << "lane " << lane << " block " << block;
    }
  }
}

/// Factors that the precision holds exactly are not rounded: small whole numbers over a power of two. Their sums are
/// exact in float, so that the order does not matter.
TEST_P(CorrectKernels, TensorCoresMultiplyExactly) {
  std::mt19937 engine(8);
  for (const int k : {8, 16}) {
    const auto whole = [&](int count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& value : values) value = static_cast<float>(static_cast<int>(engine() % 255) - 127) / 64.0f;
      return values;
    };
    const auto a = whole(16 * k), b = whole(k * 8), c = whole(16 * 8);
    const DeviceVector<float> da(a), db(b), dc(c), dd(c.size());
    const auto launch = k == 8 ? correct::multiply_tf32 : correct::multiply_bfloat16;
    ASSERT_EQ(launch(nullptr, da.get(), db.get(), dc.get(), dd.get()), cudaSuccess);
    const auto d = dd.to_host();
    for (int m = 0; m < 16; ++m) {
      for (int n = 0; n < 8; ++n) {
        const int place = m * 8 + n;
        float expected = c.at(static_cast<unsigned>(place));
        for (int i = 0; i < k; ++i) {
          const int of_a = m * k + i, of_b = i * 8 + n;
          expected += a.at(static_cast<unsigned>(of_a)) * b.at(static_cast<unsigned>(of_b));
        }
        EXPECT_EQ(d.at(static_cast<unsigned>(place)), expected) << "k " << k << " row " << m << " column " << n;
      }
    }
  }
}

/// Factors are rounded to nearest, ties to even, on their way into a fragment; sums are cut off.
TEST_P(CorrectKernels, TensorCoresRoundFactorsAndCutOffSums) {
  const auto first_of = [](int k, float factor, float sum) {
    std::vector<float> a(static_cast<std::size_t>(16 * k)), b(static_cast<std::size_t>(8 * k)), c(16 * 8);
    a[0] = factor;
    b[0] = 1.0f;
    c[0] = sum;
    const DeviceVector<float> da(a), db(b), dc(c), dd(c.size());
    const auto launch = k == 8 ? correct::multiply_tf32 : correct::multiply_bfloat16;
    EXPECT_EQ(launch(nullptr, da.get(), db.get(), dc.get(), dd.get()), cudaSuccess);
    return dd.to_host()[0];
  };
  for (const auto& [k, unit] : {std::pair{8, 0x1p-10f}, {16, 0x1p-7f}}) {
    EXPECT_EQ(first_of(k, 1.0f + 0.5f * unit, 0.0f), 1.0f);
    EXPECT_EQ(first_of(k, 1.0f + 1.5f * unit, 0.0f), 1.0f + 2.0f * unit);
    EXPECT_EQ(first_of(k, 1.0f + 0.5f * unit + 0x1p-20f, 0.0f), 1.0f + unit);
    EXPECT_EQ(first_of(k, 0x1p-24f + 0x1p-25f, 1.0f), 1.0f);
    EXPECT_EQ(first_of(k, -0x1p-26f, 1.0f), 1.0f - 0x1p-24f);
    EXPECT_EQ(first_of(k, 3.0e38f, 3.0e38f), INFINITY);
    EXPECT_TRUE(std::isnan(first_of(k, NAN, 1.0f)));
  }
}

TEST_P(CorrectKernels, Intrinsics) {
  const DeviceVector<float> out(16);
  ASSERT_EQ(correct::intrinsics(nullptr, out.get()), cudaSuccess);
  EXPECT_EQ(out.to_host(), (std::vector<float>{0.5f, 1, 7, 3, 8, 31, 4, 1.25f, 2, -2, 2, 1, 0.25f, 1, 1, 10}));
}

TEST_P(CorrectKernels, ThreeDimensions) {
  const dim3 grid(2, 3, 2);
  const dim3 block(5, 2, 4);
  const DeviceVector<int> out(10 * 6 * 8);
  ASSERT_EQ(correct::coordinates(nullptr, out.get(), grid, block), cudaSuccess);
  const auto values = out.to_host();
  std::size_t i = 0;
  for (int z = 0; z < 8; ++z)
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 10; ++x) ASSERT_EQ(values[i++], x + 10 * y + 100 * z);
}

INSTANTIATE_TEST_SUITE_P(Schedules, CorrectKernels, testing::ValuesIn(schedules), [](const auto& test) {
  return (test.param.kind == Schedule::Kind::random ? "seed" : "") + describe(test.param);
});

}  // namespace
