#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "kernels/cuda/linear_selection.h"
#include "tests/operations/shapes.h"

namespace mynah::tests {
namespace {

/// The cases of tests/operations/linear.cpp would prove little if they all ran the same kernel.
TEST(LinearSelection, the_cases_reach_every_kernel) {
  using kernels::cuda::choose_linear;
  using kernels::cuda::LinearKernel;
  using kernels::cuda::LinearProduct;
  std::set<std::tuple<LinearProduct, LinearKernel, bool>> reached;
  const auto add = [&](LinearProduct product, Index m, Index n, Index k) {
    const auto choice = choose_linear(product, m, n, k);
    reached.emplace(product, choice.kernel, choice.parts > 1);
  };
  std::vector<LinearCase> forward = linear_cases();
  std::vector<LinearCase> backward = linear_cases();
  for (const LinearCase& shape : forward_tile_cases()) forward.push_back(shape);
  for (const LinearCase& shape : backward_tile_cases()) backward.push_back(shape);
  for (const LinearCase& shape : forward) add(LinearProduct::forward, shape.rows, shape.outputs, shape.inputs);
  for (const LinearCase& shape : backward) {
    add(LinearProduct::input_gradient, shape.rows, shape.inputs, shape.outputs);
    add(LinearProduct::weight_gradient, shape.outputs, shape.inputs, shape.rows);
  }
  for (const auto product : {LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient}) {
    for (const auto kernel : {LinearKernel::small, LinearKernel::medium, LinearKernel::large}) {
      EXPECT_TRUE(reached.contains({product, kernel, false})) << static_cast<int>(product) << static_cast<int>(kernel);
    }
    EXPECT_TRUE(reached.contains({product, LinearKernel::small, true})) << static_cast<int>(product);
  }
  EXPECT_TRUE(reached.contains({LinearProduct::forward, LinearKernel::dot, false}));
}

TEST(LinearSelection, the_pipelined_kernel_is_for_large_deep_products_in_tf32) {
  using kernels::Precision;
  using kernels::cuda::choose_linear;
  using kernels::cuda::LinearChoice;
  using kernels::cuda::LinearKernel;
  using kernels::cuda::LinearProduct;
  for (const auto product : {LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient}) {
    const auto kernel_of = [&](Index m, Index n, Index k, Precision precision) {
      return choose_linear(product, m, n, k, precision).kernel;
    };
    EXPECT_EQ(kernel_of(4096, 1024, 1024, Precision::tf32), LinearKernel::pipelined);
    EXPECT_EQ(kernel_of(4096, 1024, 1024, Precision::bfloat16), LinearKernel::large);
    EXPECT_EQ(kernel_of(4096, 1024, 1024, Precision::float32), LinearKernel::large);
    EXPECT_EQ(kernel_of(4096, 1024, 255, Precision::tf32), LinearKernel::large);  // too shallow
    EXPECT_EQ(kernel_of(256, 256, 1024, Precision::tf32), LinearKernel::small);   // too few tiles
    const LinearChoice in_parts = choose_linear(product, 1024, 1024, 8192, Precision::tf32);
    EXPECT_EQ(in_parts.kernel, LinearKernel::pipelined);
    EXPECT_EQ(in_parts.parts, 2);
  }
}

TEST(LinearSelection, the_packed_kernel_is_for_products_that_use_each_operand_often) {
  using kernels::Precision;
  using kernels::cuda::choose_linear;
  using kernels::cuda::LinearKernel;
  using kernels::cuda::LinearProduct;
  for (const auto product : {LinearProduct::forward, LinearProduct::input_gradient, LinearProduct::weight_gradient}) {
    const auto kernel_of = [&](Index m, Index n, Index k, Precision precision) {
      return choose_linear(product, m, n, k, precision).kernel;
    };
    for (const Precision precision : {Precision::tf32, Precision::bfloat16}) {
      EXPECT_EQ(kernel_of(4096, 4096, 4096, precision), LinearKernel::packed);
      EXPECT_EQ(kernel_of(2400, 2400, 256, precision), LinearKernel::packed);
      EXPECT_NE(kernel_of(2399, 2400, 256, precision), LinearKernel::packed);  // one use too few
      EXPECT_NE(kernel_of(1200, 100000, 1024, precision), LinearKernel::packed);
      EXPECT_EQ(kernel_of(4096, 4096, 255, precision), LinearKernel::large);  // too shallow
    }
    EXPECT_EQ(kernel_of(4096, 4096, 4096, Precision::float32), LinearKernel::large);
  }
}

TEST(LinearSelection, warpgroups_take_what_is_large_in_all_directions) {
  using kernels::cuda::warpgroup_parts;
  EXPECT_EQ(warpgroup_parts(4096, 4096, 4096), 1);
  EXPECT_EQ(warpgroup_parts(4096, 1024, 1024), 1);
  EXPECT_EQ(warpgroup_parts(1024, 1024, 4096), 4);  // 32 tiles
  EXPECT_EQ(warpgroup_parts(1024, 1024, 1024), 2);
  EXPECT_EQ(warpgroup_parts(1024, 1024, 1023), 0);  // one part of 32 tiles
  EXPECT_EQ(warpgroup_parts(1023, 8192, 8192), 0);
  EXPECT_EQ(warpgroup_parts(8192, 1023, 8192), 0);
  EXPECT_EQ(warpgroup_parts(8192, 8192, 511), 0);
}

}  // namespace
}  // namespace mynah::tests
