// What operations say of themselves: counted, and not run.

#include "kernels/operation_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/buffer.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/reduction.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::OperationCount;
using kernels::Work;

class Counting : public EveryDevice {
 protected:
  Index launches(Index on_cuda) const { return device_.backend == Backend::cuda ? on_cuda : 0; }
};

TEST_P(Counting, CountsOperandsOnceAndRunsNothing) {
  Stream stream(device_);
  Buffer<float> x(stream.device(), 12), y(stream.device(), 12);
  Buffer<Index> counter(stream.device(), 1);
  kernels::fill(stream, x.view(), 1.0f);
  kernels::fill(stream, y.view(), 2.0f);
  kernels::set_counters(stream, counter.view(), 5);
  {
    const OperationCount count;
    kernels::add(stream, ConstMatrix{x.data(), 3, 4}, Matrix{y.data(), 3, 4});
    EXPECT_EQ(count.work().bytes_read, 96) << "x and y";
    EXPECT_EQ(count.work().bytes_written, 48) << "y";
    kernels::advance(stream, counter.data(), 3);
    EXPECT_EQ(count.work().operations, 2);
    EXPECT_EQ(count.work().launches, launches(2));
    EXPECT_EQ(count.work().bytes(), 96 + 48 + 16);
    EXPECT_TRUE(count.work().complete);
    if (device_.backend == Backend::cuda) {
      EXPECT_THAT(count.work().launched, testing::ElementsAre("add", "advance"));
    }
  }
  EXPECT_EQ(y.download(stream), std::vector<float>(12, 2.0f));
  EXPECT_EQ(counter.download(stream), std::vector<Index>{5});
  kernels::advance(stream, counter.data(), 3);
  EXPECT_EQ(counter.download(stream), std::vector<Index>{8}) << "afterwards operations run";
}

TEST_P(Counting, GradientsOfALinearLayer) {
  Stream stream(device_);
  constexpr Index rows = 5, inputs = 7, outputs = 3;
  Buffer<float> memory(stream.device(), 200);
  float* const at = memory.data();
  const ConstMatrix x(at, rows, inputs), w(at + 40, outputs, inputs), dz(at + 64, rows, outputs);
  const Matrix dx(at + 80, rows, inputs), dw(at + 120, outputs, inputs);
  const Vector db(at + 144, outputs);
  const auto work = [&](Matrix to_dx, Matrix to_dw, Vector to_db, kernels::ProductOptions options) {
    const OperationCount count;
    kernels::linear_backward(stream, x, w, dz, to_dx, to_dw, to_db, {}, options);
    return count.work();
  };
  const Work all = work(dx, dw, db, {});
  EXPECT_EQ(all.bytes_read, 4 * (35 + 21 + 15 + 21 + 3));
  EXPECT_EQ(all.bytes_written, 4 * (35 + 21 + 3));
  EXPECT_EQ(all.launches, launches(2));
  const Work overwritten = work({}, dw, db, {.overwrite_weights = true});
  EXPECT_EQ(overwritten.bytes_read, 4 * (35 + 15)) << "w is for dx, and dw is not read";
  EXPECT_EQ(overwritten.bytes_written, 4 * (21 + 3));
  EXPECT_EQ(overwritten.launches, launches(1));
}

TEST_P(Counting, ScratchBetweenKernelsCounts) {
  if (device_.backend == Backend::cpu) return;
  Stream stream(device_);
  Buffer<float> x(stream.device(), 100000);
  Buffer<double> total(stream.device(), 1);
  const OperationCount count;
  kernels::sum(stream, x.view(), total.view());
  EXPECT_EQ(count.work().launches, 2);
  const Index scratch = count.work().bytes_written - 8;
  EXPECT_GT(scratch, 0) << "a double a block";
  EXPECT_EQ(scratch % 8, 0);
  EXPECT_EQ(count.work().bytes_read, 400000 + scratch);
}

TEST_P(Counting, OneAtATime) {
  const OperationCount count;
  EXPECT_THROW(OperationCount(), Error);
}

MYNAH_ON_EVERY_DEVICE(Counting);

/// An operation without a door would run while it should only be counted.
TEST(CountingSources, EveryOperationHasADoor) {
  const auto next_twin = [](const std::string& text, std::size_t from) {
    return std::min(text.find("MYNAH_CALL_TWIN(", from), text.find("return MYNAH_ON_CUDA(", from));
  };
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(MYNAH_SOURCE_DIR) + "/kernels")) {
    const std::string name = entry.path().filename();
    // A recording runs what was queued before; episodes are no part of what is counted.
    if (entry.path().extension() != ".cpp" || name == "recording.cpp" || name.starts_with("episode")) continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    std::size_t from = 0;
    for (std::size_t at = next_twin(text, 0); at != std::string::npos; at = next_twin(text, at + 1)) {
      const std::string before = text.substr(from, at - from);
      EXPECT_TRUE(before.find("is_only_counted(") != std::string::npos ||
                  before.find("is_counted_copy(") != std::string::npos)
          << name << ": " << text.substr(at, 60);
      from = at;
      ++found;
    }
  }
  EXPECT_GT(found, 90);
}

}  // namespace
}  // namespace mynah::tests
