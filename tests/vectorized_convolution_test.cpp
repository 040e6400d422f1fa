// The CPU's vectorised convolutions, for every instruction set this processor has, against the twins in double.

#include <algorithm>
#include <limits>

#include "tests/operations/convolution_cases.h"
#include "tests/vectorized_fixture.h"

namespace mynah {
namespace {

using kernels::Activation;
using kernels::ConvolutionGeometry;
using kernels::Precision;
using tests::ConvolutionCase;
using tests::Doubles;
using tests::Floats;
using tests::normalized_squared_error;
using tests::Rows;
using tests::rows_of;
using tests::vectorized::ConstRows;
using tests::vectorized::ConvolutionSizes;

/// All cases of the parity test, and those too large for it.
std::vector<ConvolutionCase> all_cases() {
  std::vector<ConvolutionCase> cases = tests::convolution_cases();
  for (const ConvolutionCase& shape : tests::winograd_cases()) cases.push_back(shape);
  for (const ConvolutionCase& shape : tests::convolution_speed_cases()) {
    if (shape.rows == 16) cases.push_back(shape);
  }
  // Blocks of the rows of one image's tiles.
  cases.push_back({2, tests::convolution(64, {40, 44}, 64, {3, 3}, {1, 1}, {1, 1}), {1, 1}});
  cases.push_back({1, tests::convolution(48, {70, 75}, 64, {4, 4}, {2, 2}, {3, 2}), {}});
  return cases;
}

class VectorizedConvolution : public tests::Vectorized {
 protected:
  /// check(geometry, sizes, bias) for every case with something to multiply.
  template <class Check>
  void for_every_convolution(const Check& check) {
    for (const ConvolutionCase& one : all_cases()) {
      const ConvolutionGeometry& g = one.geometry;
      if (g.in_columns() == 0 || g.out_columns() == 0) continue;
      shape_ = {one.rows, g.in_columns(), g.out_columns(), one.layout.padding};
      SCOPED_TRACE(text_of(one));
      check(g,
            ConvolutionSizes{one.rows, g.groups, g.group_inputs(), g.group_outputs(), g.in_height, g.in_width,
                             g.out_height, g.out_width, g.kernel_height, g.kernel_width, g.stride_height,
                             g.stride_width, g.padding_height, g.padding_width, g.dilation_height, g.dilation_width},
            one.bias);
      if (HasFatalFailure()) return;
    }
  }
  /// What they need, poisoned.
  float* scratch_for(const ConvolutionSizes& sizes) {
    const std::int64_t floats = operations().convolution_scratch(sizes);
    float* begin = scratch(floats);
    std::fill_n(begin, floats, std::numeric_limits<float>::quiet_NaN());
    return begin;
  }
  static void expect_equal(const Floats& a, const Floats& b) {
    for (Index m = 0; m < a.rows(); ++m) {
      for (Index c = 0; c < a.columns(); ++c) ASSERT_EQ(a.at(m, c), b.at(m, c));
    }
  }
  /// One map in double and, twice, with vectors. `from` and `to` are its columns.
  template <class Exact, class Fast>
  void expect_map(Index weight_rows, Index weight_columns, Index from, Index to, Index biases, const Exact& exactly,
                  const Fast& fast) {
    const Floats x = random(shape().rows, from), w = random(weight_rows, weight_columns);
    const Floats b = row(biases).randomize(generator_);
    const Doubles exact_x = exact(x), exact_w = exact(w), exact_b = exact(b);
    for (const bool add : {false, true}) {
      const Floats before = add ? random(shape().rows, to) : matrix(shape().rows, to);
      Floats y = before, again = before;
      Doubles expected = exact(before);
      exactly(exact_x.constant(), exact_w.constant(),
              biases > 0 ? exact_b.constant_vector() : VectorView<const double>{}, expected.view(), add);
      for (Floats* result : {&y, &again}) {
        fast(rows_of(x.constant()), rows_of(w.constant()), biases > 0 ? b.constant_vector().data : nullptr, add,
             rows_of(result->view()));
        EXPECT_TRUE(result->guards_intact() && scratch_guard_intact());
      }
      EXPECT_LT(normalized_squared_error(y, expected), tolerance) << add;
      expect_equal(y, again);
    }
  }
};

TEST_P(VectorizedConvolution, Forward) {
  for_every_convolution([&](const ConvolutionGeometry& g, const ConvolutionSizes& sizes, bool bias) {
    expect_map(
        g.out_channels, g.depth(), g.in_columns(), g.out_columns(), bias ? g.out_channels : 0,
        [&](auto x, auto w, auto b, auto y, bool add) {
          kernels::convolution_forward<double>(stream_, g, x, w, b, Activation::none, y, {}, {Precision::float32, add});
        },
        [&](ConstRows x, ConstRows w, const float* b, bool add, Rows y) {
          operations().convolution_forward(sizes, x, w, b, add, y, scratch_for(sizes));
        });
  });
}

TEST_P(VectorizedConvolution, Transposed) {
  for_every_convolution([&](const ConvolutionGeometry& g, const ConvolutionSizes& sizes, bool bias) {
    expect_map(
        g.out_channels, g.depth(), g.out_columns(), g.in_columns(), bias ? g.in_channels : 0,
        [&](auto x, auto w, auto b, auto y, bool add) {
          kernels::convolution_transposed<double>(stream_, g, x, w, b, Activation::none, y, {},
                                                  {Precision::float32, add});
        },
        [&](ConstRows x, ConstRows w, const float* b, bool add, Rows y) {
          operations().convolution_transposed(sizes, x, w, b, add, y, scratch_for(sizes));
        });
  });
}

TEST_P(VectorizedConvolution, WeightGradient) {
  for_every_convolution([&](const ConvolutionGeometry& g, const ConvolutionSizes& sizes, bool) {
    const Floats x = random(sizes.images, g.in_columns()), dy = random(sizes.images, g.out_columns());
    const Floats before = random(g.out_channels, g.depth());
    const Doubles exact_x = exact(x), exact_dy = exact(dy);
    Floats dw = before, again = before;
    Doubles expected = exact(before);
    kernels::convolution_weight_gradient<double>(stream_, g, exact_x.constant(), exact_dy.constant(), expected.view());
    for (Floats* result : {&dw, &again}) {
      operations().convolution_weight_gradient(sizes, rows_of(x.constant()), rows_of(dy.constant()),
                                               rows_of(result->view()), scratch_for(sizes));
      EXPECT_TRUE(result->guards_intact() && scratch_guard_intact());
    }
    EXPECT_LT(normalized_squared_error(dw, expected), tolerance);
    expect_equal(dw, again);
  });
}

INSTANTIATE_TEST_SUITE_P(AllCases, VectorizedConvolution, ::testing::ValuesIn(tests::runnable_operations()),
                         tests::name_of_instruction_set);

}  // namespace
}  // namespace mynah
