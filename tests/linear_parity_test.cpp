#include "kernels/linear.h"

#include <set>
#include <tuple>

#include "kernels/cuda/linear_selection.h"
#include "tests/operations/parity.h"

namespace mynah::tests {
namespace {

using LinearParity = CudaParity;

void expect_forward(const LinearCase& shape) {
  SCOPED_TRACE("linear_forward " + text_of(shape));
  Parity parity;
  const auto x = parity.input(shape.rows, shape.inputs, shape.layout);
  const auto w = parity.input(shape.outputs, shape.inputs, shape.layout);
  const auto b = parity.input(1, shape.bias ? shape.outputs : 0, shape.layout);
  const auto y = parity.output(shape.rows, shape.outputs, shape.layout);
  parity.expect_same([&](const Place& at) {
    kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), shape.activation, at.matrix(y));
  });
}

enum class Wanted { all, weights_only };

void expect_backward(const LinearCase& shape, Wanted wanted) {
  SCOPED_TRACE("linear_backward " + text_of(shape));
  Parity parity;
  const auto x = parity.input(shape.rows, shape.inputs, shape.layout);
  const auto w = parity.input(shape.outputs, shape.inputs, shape.layout);
  const auto dy = parity.input(shape.rows, shape.outputs, shape.layout);
  // A gradient that nobody wants, or, without rows, that has nothing in it, is not touched.
  const bool wants_dx = wanted == Wanted::all && shape.rows > 0;
  const auto dx = wants_dx ? parity.output(shape.rows, shape.inputs, shape.layout) : Tensor<float>{};
  const auto dw = parity.changed(shape.outputs, shape.inputs, shape.layout);
  const auto db = parity.changed(1, shape.bias ? shape.outputs : 0, shape.layout);
  parity.expect_same([&](const Place& at) {
    kernels::linear_backward(at.stream, at.matrix(x), at.matrix(w), at.matrix(dy), wants_dx ? at.matrix(dx) : Matrix{},
                             at.matrix(dw), at.vector(db));
  });
}

TEST_F(LinearParity, forward) {
  for (const LinearCase& shape : linear_cases()) expect_forward(shape);
}

TEST_F(LinearParity, backward) {
  for (const LinearCase& shape : linear_cases()) expect_backward(shape, Wanted::all);
}

TEST_F(LinearParity, backward_without_input_gradient) {
  for (const LinearCase& shape : {LinearCase{33, 17, 40, {}}, LinearCase{7, 256, 3, {3, 1}}, LinearCase{5, 0, 9, {}}}) {
    expect_backward(shape, Wanted::weights_only);
  }
}

TEST_F(LinearParity, larger_tiles_forward) {
  for (const LinearCase& shape : forward_tile_cases()) expect_forward(shape);
}

TEST_F(LinearParity, larger_tiles_backward) {
  for (const LinearCase& shape : backward_tile_cases()) expect_backward(shape, Wanted::all);
}

/// The cases above would prove little if they all ran the same kernel.
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

/// Operands aligned differently: 128-bit accesses need all of them.
TEST_F(LinearParity, forward_with_one_operand_unaligned) {
  for (const Index which : {0, 1, 2, 3}) {
    SCOPED_TRACE("operand " + std::to_string(which));
    Parity parity;
    const auto layout = [&](Index operand) { return operand == which ? Layout{0, 3} : Layout{}; };
    const auto x = parity.input(36, 48, layout(0));
    const auto w = parity.input(64, 48, layout(1));
    const auto b = parity.input(1, 64, layout(2));
    const auto y = parity.output(36, 64, layout(3));
    parity.expect_same([&](const Place& at) {
      kernels::linear_forward(at.stream, at.matrix(x), at.matrix(w), at.vector(b), kernels::Activation::relu,
                              at.matrix(y));
    });
  }
}

}  // namespace
}  // namespace mynah::tests
