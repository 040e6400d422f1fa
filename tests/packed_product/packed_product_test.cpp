#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "kernels/cuda/linear_override.h"
#include "kernels/cuda/warpgroup_selection.h"
#include "kernels/linear.h"
#include "kernels/operation_count.h"
#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::OperationCount;
using kernels::Precision;

DeviceId cuda_device() {
  for (const auto& device : list_devices()) {
    if (device.id.backend == Backend::cuda) return device.id;
  }
  ADD_FAILURE() << "no CUDA device";
  return {};
}

using kernels::cuda::LinearKernel;

/// Products by the kernel, in so many parts.
struct Forced : kernels::cuda::LinearOverride {
  Forced(LinearKernel kernel, Index parts) : LinearOverride({kernel, parts}) {}
};

/// Skips where the kernel is that of warpgroups, and the device has none.
class PackedProduct : public CudaParity, public testing::WithParamInterface<std::tuple<LinearKernel, Precision>> {
 protected:
  void SetUp() override {
    CudaParity::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const Stream stream(cuda_device());
    if (kernel() == LinearKernel::warpgroup && !kernels::cuda::has_warpgroups(stream)) {
      GTEST_SKIP() << "the GPU has no warpgroup instructions: skipped";
    }
  }
  static LinearKernel kernel() { return std::get<0>(GetParam()); }
  static Precision precision() { return std::get<1>(GetParam()); }
};

struct Case {
  Index rows = 0, inputs = 0, outputs = 0;
  Layout layout;
  Activation activation = Activation::none;
  Index parts = 1;
  bool add = false;
  bool keep_z = false;
};

/// Tiles are 128 x 256 or 128 x 128, a step of k is 32 or 64 deep. Less than one of each, one more than one, several
/// tiles in both directions and more than the emulated device has multiprocessors; depths of one step, of fewer and
/// more than the stages, and none a multiple of a step; and more than the 16 tiles in a column that blocks take before
/// the next.
const Case cases[] = {
    {1, 1, 1, {}},
    {33, 70, 65, {3, 0}, Activation::relu},
    {65, 31, 257, {0, 1}, Activation::gelu, 1, false, true},
    {129, 300, 40, {4, 0}, Activation::tanh, 1, false, true},
    {300, 290, 300, {}, Activation::silu},
    {40, 700, 36, {}, Activation::relu, 3},
    {700, 40, 33, {1, 0}, Activation::none, 2, true},
    {64, 30, 520, {4, 0}, Activation::none, 4, true},
    {2100, 20, 260, {}, Activation::relu},
};

std::string text_of(const Case& one) {
  return std::to_string(one.rows) + " rows, " + std::to_string(one.inputs) + " inputs, " + std::to_string(one.outputs) +
         " outputs, " + std::to_string(one.parts) + " parts";
}

TEST_P(PackedProduct, forward) {
  for (const Case& one : cases) {
    SCOPED_TRACE(text_of(one));
    const Forced forced(kernel(), one.parts);
    Parity run;
    const auto x = run.input(one.rows, one.inputs, one.layout);
    const auto w = run.input(one.outputs, one.inputs, one.layout);
    const auto b = run.input(1, one.outputs, one.layout);
    const auto y =
        one.add ? run.changed(one.rows, one.outputs, one.layout) : run.output(one.rows, one.outputs, one.layout);
    const auto z = one.keep_z ? run.output(one.rows, one.outputs, one.layout) : Tensor<float>{};
    run.expect_same([&](const Place& at) {
      kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), one.activation, at.matrix(y),
                              one.keep_z ? at.matrix(z) : Matrix{}, {precision(), one.add});
    });
  }
}

TEST_P(PackedProduct, backward) {
  for (const Case& one : cases) {
    SCOPED_TRACE(text_of(one));
    const Forced forced(kernel(), one.parts);
    Parity run;
    const auto x = run.input(one.rows, one.inputs, one.layout);
    const auto w = run.input(one.outputs, one.inputs, one.layout);
    const auto dz = run.input(one.rows, one.outputs, one.layout);
    const auto dx =
        one.add ? run.changed(one.rows, one.inputs, one.layout) : run.output(one.rows, one.inputs, one.layout);
    const auto dw = run.changed(one.outputs, one.inputs, one.layout);
    const auto db = run.changed(1, one.outputs, one.layout);
    run.expect_same([&](const Place& at) {
      kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), at.matrix(dx), at.matrix(dw),
                               at.vector(db), {one.activation, at.matrix(x)}, {precision(), one.add});
    });
  }
}

/// dw alone, overwritten; operands of which one alone may be read four floats at a time.
TEST_P(PackedProduct, weight_gradient_without_bias) {
  const Forced forced(kernel(), 1);
  Parity run;
  const auto x = run.input(70, 48, {0, 3});
  const auto dz = run.input(70, 36);
  const auto w = run.input(36, 48);
  const auto dw = run.output(36, 48, {0, 1});
  run.expect_same([&](const Place& at) {
    kernels::ProductOptions options{precision()};
    options.overwrite_weights = true;
    kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dz), {}, at.matrix(dw), {}, {}, options);
  });
}

/// The cases would prove nothing about these kernels if another kernel took them.
TEST_P(PackedProduct, is_forced_and_chosen) {
  Stream stream(cuda_device());
  // Counted, not run: nobody looks at the memory.
  const auto launches_of = [&](Index rows, Index inputs, Index outputs) {
    float* const nowhere = reinterpret_cast<float*>(std::uintptr_t{256});
    const OperationCount count;
    kernels::linear_forward<float>(stream, {nowhere, rows, inputs, inputs}, {nowhere, outputs, inputs, inputs}, {},
                                   Activation::none, {nowhere, rows, outputs, outputs}, {}, {precision()});
    return count.work().launches;
  };
  EXPECT_EQ(launches_of(100, 100, 100), 1);
  {
    const Forced forced(kernel(), 1);
    EXPECT_EQ(launches_of(100, 100, 100), 2);
  }
  {
    const Forced forced(kernel(), 2);
    EXPECT_EQ(launches_of(100, 100, 100), 3);
  }
  EXPECT_EQ(launches_of(4096, 1024, 1024), 2);
}

INSTANTIATE_TEST_SUITE_P(Kernels, PackedProduct,
                         testing::Combine(testing::Values(LinearKernel::packed, LinearKernel::warpgroup),
                                          testing::Values(Precision::tf32, Precision::bfloat16)),
                         [](const auto& test) {
                           return std::string(kernels::cuda::traits_of(std::get<0>(test.param)).name) + "_" +
                                  kernels::precision_name(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace mynah::tests
