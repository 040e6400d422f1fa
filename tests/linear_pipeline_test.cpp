// The kernels of linear layers that asynchronous copies feed (kernels/cuda/pipelined_tile.h, packed_tile.h): where they
// are chosen is in linear_selection_test.cpp; here they are asked for, on shapes that are small and ragged.

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>

#include "engine/buffer.h"
#include "kernels/cuda/linear_override.h"
#include "kernels/cuda/swizzle.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Precision;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearKernel;
using kernels::cuda::SwizzledTile;

/// The banks that lanes meet in when each reads `width` floats at k of its row: `lanes` at a time.
template <class Tile>
void expect_no_bank_conflicts(int e, const std::vector<int>& k_of_member, int width) {
  const int lanes = 32 / width;
  for (int first = 0; first < 32; first += lanes) {
    std::set<int> banks;
    for (int lane = first; lane < first + lanes; ++lane) {
      const int at = Tile::place(e + lane / 4, k_of_member[static_cast<std::size_t>(lane % 4)]);
      EXPECT_EQ(at % width, 0);
      for (int i = 0; i < width; ++i) banks.insert((at + i) % 32);
    }
    EXPECT_EQ(banks.size(), 32u) << "e " << e << " k " << k_of_member[0] << " from lane " << first << " on";
  }
}

template <bool along_k>
void expect_good_layout() {
  using Tile = SwizzledTile<128, along_k>;
  std::set<int> places;
  for (int e = 0; e < 128; ++e) {
    for (int k = 0; k < Tile::depth; ++k) places.insert(Tile::place(e, k));
  }
  EXPECT_EQ(places.size(), std::size_t{Tile::size});  // each its own
  EXPECT_EQ(*places.rbegin(), Tile::size - 1);
  for (int e = 0; e < 128; e += 8) {
    for (int step = 0; step < Tile::depth; step += 4) {
      expect_no_bank_conflicts<Tile>(e, {step, step + 1, step + 2, step + 3}, 1);  // tf32
    }
    for (int half = 0; half < Tile::depth; half += 8) {  // bfloat16
      if (along_k) {
        expect_no_bank_conflicts<Tile>(e, {half, half + 2, half + 4, half + 6}, 2);
      } else {
        expect_no_bank_conflicts<Tile>(e, {half, half + 2, half + 4, half + 6}, 1);
        expect_no_bank_conflicts<Tile>(e, {half + 1, half + 3, half + 5, half + 7}, 1);
      }
    }
  }
  // What a copy brings stays together.
  for (int i = 0; i < Tile::size / 4; ++i) {
    const int row = i / (along_k ? 4 : 32), four = i % (along_k ? 4 : 32) * 4;
    const int first = along_k ? Tile::place(row, four) : Tile::place(four, row);
    EXPECT_EQ(first % 4, 0);
    for (int j = 1; j < 4; ++j) EXPECT_EQ(along_k ? Tile::place(row, four + j) : Tile::place(four + j, row), first + j);
  }
}

/// A lane finds what it is to find.
template <bool along_k, int factors>
void expect_lane_places() {
  using Tile = SwizzledTile<128, along_k>;
  for (int first = 0; first < 128; first += 32) {
    for (int lane = 0; lane < 32; ++lane) {
      const kernels::cuda::SwizzledLane<128, along_k, factors> places(first, lane / 4, lane % 4);
      for (int e = 0; e < 128 - first; e += 8) {
        for (int word = 0; word < Tile::depth / factors; word += 4) {
          for (int i = 0; i < factors; ++i) {
            EXPECT_EQ(places.place(e, word, i), 4 * Tile::place(first + e + lane / 4, (word + lane % 4) * factors + i));
          }
        }
      }
    }
  }
}

TEST(SwizzledTile, LanesFindTheirWords) {
  expect_lane_places<true, 1>();
  expect_lane_places<true, 2>();
  expect_lane_places<false, 1>();
  expect_lane_places<false, 2>();
}

TEST(SwizzledTile, FragmentsAreReadWithoutBankConflictsAlongK) {
  expect_good_layout<true>();
}

TEST(SwizzledTile, FragmentsAreReadWithoutBankConflictsAlongE) {
  expect_good_layout<false>();
}

class LinearPipeline : public EveryDevice {};

struct Shape {
  Index rows, inputs, outputs;
  Index padding;  // of rows in memory
  Index offset;   // of their beginning
};

/// A matrix between values that nobody may read: NaN.
struct Operand {
  Operand(Stream& stream, Index rows_, Index columns_, const Shape& shape, std::mt19937& engine)
      : rows(rows_), columns(columns_), stride(columns_ + shape.padding), offset(shape.offset) {
    std::vector<float> values(static_cast<std::size_t>(offset + rows * stride + 4), NAN);
    std::normal_distribution<float> normal;
    for (Index m = 0; m < rows; ++m) {
      for (Index c = 0; c < columns; ++c) values[static_cast<std::size_t>(offset + m * stride + c)] = normal(engine);
    }
    memory = Buffer<float>(stream, std::span<const float>(values));
  }
  Matrix view() const { return {memory.data() + offset, rows, columns, stride}; }

  Index rows, columns, stride, offset;
  Buffer<float> memory;
};

/// The bits of y, dx, dw and, if asked for, db, and of what lies between their rows.
std::vector<std::uint32_t> bits_of_products(Stream& stream, const Shape& shape, Precision precision,
                                            const LinearChoice& choice, bool with_db = true) {
  std::mt19937 engine(11);
  const auto operand = [&](Index rows, Index columns) { return Operand(stream, rows, columns, shape, engine); };
  const Operand x = operand(shape.rows, shape.inputs), w = operand(shape.outputs, shape.inputs),
                dz = operand(shape.rows, shape.outputs), b = operand(1, shape.outputs);
  const Operand y = operand(shape.rows, shape.outputs), dx = operand(shape.rows, shape.inputs),
                dw = operand(shape.outputs, shape.inputs), db = operand(1, shape.outputs);
  const kernels::cuda::LinearOverride chosen(choice);
  kernels::linear_forward(stream, x.view(), w.view(), b.view().row(0), kernels::Activation::relu, y.view(), {},
                          {precision});
  kernels::linear_backward(stream, x.view(), w.view(), dz.view(), dx.view(), dw.view(), db.view().row(0), {},
                           {precision});
  std::vector<std::uint32_t> bits;
  for (const Operand* one : {&y, &dx, &dw, &db}) {
    if (one == &db && !with_db) continue;
    for (const float value : one->memory.download(stream)) bits.push_back(std::bit_cast<std::uint32_t>(value));
  }
  return bits;
}

/// Of the packed kernel the bias gradient is summed elsewhere, by the pass that packs, in another order.
TEST_P(LinearPipeline, HasTheBitsOfTheLargeTile) {
  Stream stream(device_);
  const std::vector<std::pair<Shape, Index>> cases{
      {{3, 5, 2, 0, 0}, 1},        // less than a step along k
      {{132, 140, 20, 0, 0}, 1},   // two tiles each way, with 16-byte copies
      {{130, 67, 133, 0, 0}, 1},   // with 4-byte copies
      {{40, 300, 129, 3, 1}, 1},   // more tiles along k than there are stages
      {{296, 36, 300, 4, 0}, 3}};  // parts, of which the last is shorter
  for (const LinearKernel kernel : {LinearKernel::pipelined, LinearKernel::packed}) {
    const bool with_db = kernel == LinearKernel::pipelined;
    for (const auto& [shape, parts] : cases) {
      for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
        const auto expected = bits_of_products(stream, shape, precision, {LinearKernel::large, parts}, with_db);
        for (const std::string& schedule : cuda_schedules()) {
          SCOPED_TRACE(std::string(kernels::cuda::traits_of(kernel).name) + ": " + std::to_string(shape.rows) + " x " +
                       std::to_string(shape.inputs) + " to " + std::to_string(shape.outputs) + " in " +
                       precision_name(precision) + ", schedule " + schedule);
          const CudaScheduleScope scope(schedule);
          const auto found = bits_of_products(stream, shape, precision, {kernel, parts}, with_db);
          ASSERT_EQ(found.size(), expected.size());
          std::size_t different = 0;
          for (std::size_t i = 0; i < found.size(); ++i) different += found[i] != expected[i] ? 1 : 0;
          EXPECT_EQ(different, 0u);
        }
      }
    }
  }
}

TEST_P(LinearPipeline, IsNotForFloat32) {
  Stream stream(device_);
  for (const LinearKernel kernel : {LinearKernel::pipelined, LinearKernel::packed}) {
    EXPECT_THROW(bits_of_products(stream, {3, 5, 2, 0, 0}, Precision::float32, {kernel, 1}), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, LinearPipeline, testing::Values(Backend::cuda), backend_name);

}  // namespace
}  // namespace mynah::tests
