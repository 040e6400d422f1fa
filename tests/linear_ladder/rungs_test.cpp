// Every rung of bench/linear_ladder against sums in double, in every schedule of the emulated device.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "bench/linear_ladder/ladder.h"
#include "engine/buffer.h"
#include "tests/cuda_schedule.h"

namespace mynah::ladder {
namespace {

constexpr DeviceId device{Backend::cuda, 0};

/// How far apart rows lie, and how far the first is from the beginning of its buffer, beyond what there is to read.
struct Gaps {
  Index stride = 0;
  Index offset = 0;
};

/// A matrix in a buffer whose rest is NaN.
struct PlacedMatrix {
  PlacedMatrix(Index m, Index n, Gaps gaps)
      : rows(m),
        columns(n),
        stride(n + gaps.stride),
        offset(gaps.offset),
        values(static_cast<std::size_t>(offset + rows * stride), std::numeric_limits<float>::quiet_NaN()) {}

  float& at(Index row, Index column) { return values[static_cast<std::size_t>(offset + row * stride + column)]; }
  Matrix view(float* data) const { return {data + offset, rows, columns, stride}; }
  void fill(std::mt19937& random) {
    std::normal_distribution<float> normal;
    for (Index row = 0; row < rows; ++row) {
      for (Index column = 0; column < columns; ++column) at(row, column) = normal(random);
    }
  }

  Index rows, columns, stride, offset;
  std::vector<float> values;
};

void expect_right(const Version& version, const std::array<Index, 3>& shape, Gaps gaps) {
  const auto [m, n, k] = shape;
  SCOPED_TRACE(testing::Message() << version.name << ", m " << m << ", n " << n << ", k " << k << ", stride +"
                                  << gaps.stride << ", offset " << gaps.offset);
  std::mt19937 random(static_cast<std::uint32_t>(m * 10007 + n * 101 + k));
  PlacedMatrix x(m, k, gaps), w(n, k, gaps), b(1, n, {}), y(m, n, gaps);
  for (PlacedMatrix* matrix : {&x, &w, &b}) matrix->fill(random);

  Stream stream(device);
  const Buffer<float> on_x(stream, x.values), on_w(stream, w.values), on_b(stream, b.values), on_y(stream, y.values);
  version.run(stream, x.view(on_x.data()), w.view(on_w.data()), {on_b.data(), n}, y.view(on_y.data()));
  y.values = on_y.download(stream);

  std::size_t written = 0;
  for (const float value : y.values) written += std::isnan(value) ? 0 : 1;
  EXPECT_EQ(written, static_cast<std::size_t>(m * n)) << "elements written, of y or beside it";
  for (Index row = 0; row < m; ++row) {
    for (Index column = 0; column < n; ++column) {
      double sum = b.at(0, column), magnitude = std::fabs(sum);
      for (Index i = 0; i < k; ++i) {
        const double product = static_cast<double>(x.at(row, i)) * static_cast<double>(w.at(column, i));
        sum += product;
        magnitude += std::fabs(product);
      }
      if (version.relu) sum = std::fmax(sum, 0.0);
      ASSERT_NEAR(y.at(row, column), sum, 1e-6 * magnitude) << "element " << row << ", " << column;
    }
  }
}

class Rungs : public testing::TestWithParam<std::string> {};

TEST_P(Rungs, AgreeWithSumsInDoubleForRaggedShapes) {
  for (const std::string& schedule : tests::cuda_schedules()) {
    SCOPED_TRACE("schedule " + schedule);
    const tests::CudaScheduleScope scope(schedule);
    for (const std::array<Index, 3>& shape : std::vector<std::array<Index, 3>>{{1, 1, 1},
                                                                               {33, 17, 65},
                                                                               {64, 64, 64},
                                                                               {129, 65, 31},
                                                                               {1, 130, 8},
                                                                               {131, 1, 12},
                                                                               {5, 3, 1},
                                                                               {65, 129, 100}}) {
      expect_right(find_versions(GetParam()).front(), shape, {});
    }
  }
}

TEST_P(Rungs, ReadAndWriteNothingBesideTheirMatrices) {
  for (const std::string& schedule : tests::cuda_schedules()) {
    SCOPED_TRACE("schedule " + schedule);
    const tests::CudaScheduleScope scope(schedule);
    // Rows that may be read four floats at a time, with something behind them; and rows that may not.
    for (const Gaps gaps : {Gaps{4, 0}, Gaps{4, 4}, Gaps{1, 0}, Gaps{4, 1}}) {
      expect_right(find_versions(GetParam()).front(), {34, 66, 20}, gaps);
      expect_right(find_versions(GetParam()).front(), {34, 66, 18}, gaps);
    }
  }
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  all.reserve(versions().size());
  for (const Version& version : versions()) all.push_back(version.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Ladder, Rungs, testing::ValuesIn(names()), [](const auto& instance) {
  std::string name = instance.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace mynah::ladder
