// What precisions other than float32 mean: how factors are rounded, bit by bit, and that the option acts on products,
// by as much as it should, and on nothing else.

#include "kernels/precision.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>

#include "engine/buffer.h"
#include "engine/precision_option.h"
#include "kernels/error.h"
#include "kernels/linear.h"
#include "kernels/precision_rounding.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Precision;

/// The definition, in doubles: the nearer of the two neighbours with `dropped` zeros at the end; of two equally near
/// ones the even. Beyond the largest finite one lies 2¹²⁸, which is infinity.
std::uint32_t rounded_by_definition(std::uint32_t bits, int dropped) {
  const std::uint32_t magnitude = bits & 0x7fffffffu, sign = bits & 0x80000000u;
  const std::uint32_t unit = std::uint32_t{1} << dropped;
  const std::uint32_t below = magnitude / unit * unit, above = below + unit;
  const auto value = [](std::uint32_t word) {
    return word >= 0x7f800000u ? 0x1p128 : static_cast<double>(std::bit_cast<float>(word));
  };
  const double down = value(magnitude) - value(below), up = value(above) - value(magnitude);
  const bool takes_above = down == up ? below / unit % 2 == 1 : up < down;
  return sign | (takes_above ? above : below);
}

/// Every sign, exponent and leading fraction, with the ends that decide about rounding.
template <class Visit>
void for_interesting_bits(Visit visit) {
  for (std::uint32_t head = 0; head < 0x10000u; ++head) {
    for (const std::uint32_t tail :
         {0x0000u, 0x0001u, 0x0800u, 0x0fffu, 0x1000u, 0x1001u, 0x1fffu, 0x2000u, 0x2fffu, 0x3000u, 0x3001u,
          0x5000u, 0x7000u, 0x7fffu, 0x8000u, 0x8001u, 0xb000u, 0xd001u, 0xefffu, 0xf000u, 0xffffu}) {
      visit(head << 16 | tail);
    }
  }
}

template <Precision precision>
void expect_rounding() {
  constexpr int dropped = kernels::dropped_bits(precision);
  int wrong = 0;
  for_interesting_bits([&](std::uint32_t bits) {
    const float x = std::bit_cast<float>(bits);
    const auto found = std::bit_cast<std::uint32_t>(kernels::rounded_to<precision>(x));
    bool right = false;
    if (std::isnan(x)) {
      right = std::isnan(std::bit_cast<float>(found)) && found >> 31 == bits >> 31 && found % (1u << dropped) == 0;
    } else if (std::isinf(x)) {
      right = found == bits;
    } else {
      right = found == rounded_by_definition(bits, dropped);
    }
    if (!right && ++wrong < 5) ADD_FAILURE() << std::hex << bits << " becomes " << found;
    if (std::bit_cast<std::uint32_t>(kernels::rounded_to<precision>(std::bit_cast<float>(found))) != found) {
      if (++wrong < 5) ADD_FAILURE() << std::hex << found << " is rounded again";
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(PrecisionRounding, Tf32IsTheNearest) {
  expect_rounding<Precision::tf32>();
}

TEST(PrecisionRounding, Bfloat16IsTheNearest) {
  expect_rounding<Precision::bfloat16>();
}

TEST(PrecisionRounding, KnownValues) {
  EXPECT_EQ(kernels::round_to_bfloat16(1.0f + 0x1p-8f), 1.0f);
  EXPECT_EQ(kernels::round_to_bfloat16(1.0f + 3 * 0x1p-8f), 1.0f + 0x1p-6f);
  EXPECT_EQ(kernels::round_to_bfloat16(1.0f / 3.0f), 0.333984375f);
  EXPECT_EQ(kernels::round_to_tf32(1.0f + 0x1p-11f), 1.0f);
  EXPECT_EQ(kernels::round_to_tf32(1.0f / 3.0f), 0.333251953125f);
  EXPECT_EQ(kernels::round_to_bfloat16(3.3895e38f), 0x1.fep127f);
  EXPECT_EQ(kernels::round_to_bfloat16(3.4e38f), INFINITY);
  EXPECT_EQ(kernels::round_to_tf32(-3.4028235e38f), -INFINITY);
  EXPECT_EQ(kernels::rounded_to<Precision::float32>(1.0f + 0x1p-23f), 1.0f + 0x1p-23f);
  EXPECT_TRUE(std::signbit(kernels::round_to_bfloat16(-0.0f)));
}

TEST(PrecisionOption, Names) {
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    EXPECT_EQ(parse_precision(kernels::precision_name(precision)), precision);
  }
  EXPECT_THROW(parse_precision("float16"), Error);
}

class PrecisionOfLinear : public EveryDevice {};

struct Products {
  std::vector<float> y, dx, dw, db;
};

constexpr Index rows = 70, inputs = 300, outputs = 90;

struct Factors {
  std::vector<float> x, w, dz;
};

Factors normal_factors() {
  std::mt19937 engine(5);
  std::normal_distribution<float> normal;
  const auto draw = [&](Index count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = normal(engine);
    return values;
  };
  return {draw(rows * inputs), draw(outputs * inputs), draw(rows * outputs)};
}

Products products_on(DeviceId device, const Factors& factors, Precision precision) {
  Stream stream(device);
  const Buffer<float> x(stream, std::span<const float>(factors.x)), w(stream, std::span<const float>(factors.w)),
      dz(stream, std::span<const float>(factors.dz));
  const auto zeros = [&](Index size) {
    return Buffer<float>(stream, std::span<const float>(std::vector<float>(static_cast<std::size_t>(size))));
  };
  const Buffer<float> y = zeros(rows * outputs), dx = zeros(rows * inputs), dw = zeros(outputs * inputs),
                      db = zeros(outputs);
  const ConstMatrix x_view{x.data(), rows, inputs}, w_view{w.data(), outputs, inputs},
      dz_view{dz.data(), rows, outputs};
  kernels::linear_forward(stream, x_view, w_view, {}, kernels::Activation::none, Matrix{y.data(), rows, outputs}, {},
                          {precision});
  kernels::linear_backward(stream, x_view, w_view, dz_view, Matrix{dx.data(), rows, inputs},
                           Matrix{dw.data(), outputs, inputs}, db.view(), {}, {precision});
  return {y.download(stream), dx.download(stream), dw.download(stream), db.download(stream)};
}

/// Σ_k a(i, k) b(k, j) and Σ_k |a(i, k) b(k, j)|, in double.
struct Exact {
  std::vector<double> value, magnitude;
};

template <class A, class B>
Exact exact_product(Index m, Index n, Index k, A a, B b) {
  Exact exact;
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      double value = 0.0, magnitude = 0.0;
      for (Index l = 0; l < k; ++l) {
        const double product = static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
        value += product;
        magnitude += std::fabs(product);
      }
      exact.value.push_back(value);
      exact.magnitude.push_back(magnitude);
    }
  }
  return exact;
}

/// A factor has a relative error of at most u = 2⁻⁸ (bfloat16) or 2⁻¹¹ (tf32), so a product of at most 2 u + u². Where
/// factors are spread over several powers of two, the errors' mean square is that of a uniform distribution, u²/7 for
/// each factor, and products' errors, being independent, add up as the products themselves do: 0.53 u of the sums' root
/// mean square.
void expect_rounding_error(const std::vector<float>& found, const Exact& exact, double unit, const char* what) {
  ASSERT_EQ(found.size(), exact.value.size());
  double error_squares = 0.0, squares = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::fabs(static_cast<double>(found[i]) - exact.value[i]);
    error_squares += error * error;
    squares += exact.value[i] * exact.value[i];
    worst = std::max(worst, error / exact.magnitude[i]);
  }
  const double relative = std::sqrt(error_squares / squares);
  EXPECT_LE(worst, 2 * unit + unit * unit + 1e-5) << what;  // and the rounding of sums in float32
  EXPECT_GT(relative, 0.4 * unit) << what;
  EXPECT_LT(relative, 0.7 * unit) << what;
}

TEST_P(PrecisionOfLinear, ChangesProductsByTheRoundingOfFactors) {
  const Factors factors = normal_factors();
  const auto x = [&](Index row, Index column) { return factors.x[static_cast<std::size_t>(row * inputs + column)]; };
  const auto w = [&](Index row, Index column) { return factors.w[static_cast<std::size_t>(row * inputs + column)]; };
  const auto dz = [&](Index row, Index column) { return factors.dz[static_cast<std::size_t>(row * outputs + column)]; };
  const Exact y = exact_product(rows, outputs, inputs, x, [&](Index k, Index j) { return w(j, k); });
  const Exact dx = exact_product(rows, inputs, outputs, dz, w);
  const Exact dw = exact_product(
      outputs, inputs, rows, [&](Index i, Index k) { return dz(k, i); }, x);
  const Products strict = products_on(device_, factors, Precision::float32);
  for (const auto& [precision, unit] : {std::pair{Precision::tf32, 0x1p-11}, {Precision::bfloat16, 0x1p-8}}) {
    SCOPED_TRACE(precision_name(precision));
    const Products found = products_on(device_, factors, precision);
    expect_rounding_error(found.y, y, unit, "y");
    expect_rounding_error(found.dx, dx, unit, "dx");
    expect_rounding_error(found.dw, dw, unit, "dw");
    EXPECT_NE(found.y, strict.y);
    // A bias gradient has no factors.
    for (std::size_t i = 0; i < strict.db.size(); ++i) EXPECT_NEAR(found.db[i], strict.db[i], 1e-4);
  }
}

TEST_P(PrecisionOfLinear, NotFiniteFactorsAreNotHidden) {
  Factors factors = normal_factors();
  factors.x[0] = NAN;
  factors.x[static_cast<std::size_t>(inputs)] = INFINITY;
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bfloat16}) {
    SCOPED_TRACE(precision_name(precision));
    const Products found = products_on(device_, factors, precision);
    for (Index i = 0; i < outputs; ++i) {
      EXPECT_TRUE(std::isnan(found.y[static_cast<std::size_t>(i)]));
      EXPECT_TRUE(std::isinf(found.y[static_cast<std::size_t>(outputs + i)]));
      EXPECT_TRUE(std::isnan(found.dw[static_cast<std::size_t>(i * inputs)]));
    }
    EXPECT_TRUE(std::isfinite(found.y.back()));
  }
}

TEST(PrecisionOfDoubles, IsIgnored) {
  Stream stream({});
  const std::vector<double> x{1.0 + 0x1p-30}, w{1.0 + 0x1p-20};
  std::vector<double> y(1);
  kernels::linear_forward<double>(stream, MatrixView<const double>{x.data(), 1, 1},
                                  MatrixView<const double>{w.data(), 1, 1}, {}, kernels::Activation::none,
                                  MatrixView<double>{y.data(), 1, 1}, {}, {Precision::bfloat16});
  EXPECT_EQ(y[0], x[0] * w[0]);
}

MYNAH_ON_EVERY_DEVICE(PrecisionOfLinear);

}  // namespace
}  // namespace mynah::tests
