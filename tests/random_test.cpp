// Philox against its published vectors, and the numbers drawn with it on the CPU.

#include "kernels/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "kernels/initialization.h"
#include "kernels/permutation.h"
#include "kernels/random_numbers.h"

namespace mynah {
namespace {

constexpr RandomKey key{0x0123456789abcdefULL, 5};

std::array<std::uint32_t, 4> words(PhiloxBlock block) {
  return {block.x, block.y, block.z, block.w};
}

// kat_vectors of Random123 (Salmon et al. 2011): philox4x32, 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
  using Words = std::array<std::uint32_t, 4>;
  EXPECT_EQ(words(philox4x32({0, 0, 0, 0}, 0, 0)), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(words(philox4x32({ones, ones, ones, ones}, ones, ones)),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0)),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<float> draw_uniform(Index n, Index step, float low, float high) {
  Stream stream{DeviceId{}};
  std::vector<float> out(static_cast<std::size_t>(n));
  kernels::uniform(stream, key, &step, low, high, {out.data(), n});
  return out;
}

std::vector<float> draw_normal(Index n, Index step, float mean, float deviation) {
  Stream stream{DeviceId{}};
  std::vector<float> out(static_cast<std::size_t>(n));
  kernels::normal(stream, key, &step, mean, deviation, {out.data(), n});
  return out;
}

double moment(const std::vector<float>& values, double centre, int power) {
  double total = 0.0;
  for (const float value : values) total += std::pow(value - centre, power);
  return total / static_cast<double>(values.size());
}

TEST(Uniform, ElementsDependOnTheirPlaceAlone) {
  const std::vector<float> many = draw_uniform(1003, 9, -1.0f, 2.0f);
  for (const Index n : {1, 2, 3, 4, 5, 17, 1002}) {
    const std::vector<float> few = draw_uniform(n, 9, -1.0f, 2.0f);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin())) << n;
  }
  for (std::size_t i = 0; i < many.size(); ++i) {
    const double u =
        static_cast<double>(words(philox(key, 9, static_cast<std::uint32_t>(i / 4)))[i % 4] >> 8) / 16777216;
    EXPECT_EQ(many[i], static_cast<float>(-1.0 + 3.0 * u));
  }
  EXPECT_NE(draw_uniform(8, 10, -1.0f, 2.0f), draw_uniform(8, 9, -1.0f, 2.0f));
}

TEST(Uniform, HasTheMomentsOfTheDistribution) {
  constexpr Index n = 400000;
  const std::vector<float> values = draw_uniform(n, 0, 0.0f, 1.0f);
  EXPECT_GE(*std::min_element(values.begin(), values.end()), 0.0f);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 1.0f);
  // Five standard deviations of each estimate.
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(moment(values, 0.5, 1), 0.0, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(moment(values, 0.5, 2), 1.0 / 12, 5 * std::sqrt(1.0 / 180) / root);
  std::array<double, 64> cells{};
  for (const float value : values) cells[static_cast<std::size_t>(value * 64)] += 1;
  double chi_square = 0.0;
  for (const double count : cells) chi_square += std::pow(count - n / 64.0, 2) / (n / 64.0);
  EXPECT_LT(chi_square, 63 + 5 * std::sqrt(2 * 63.0));
  EXPECT_GT(chi_square, 63 - 5 * std::sqrt(2 * 63.0));
}

TEST(Uniform, StaysBelowTheUpperBoundWhereRoundingWouldReachIt) {
  EXPECT_LT(uniform_between(0xffffffff, 1e6f, 1e6f + 1.0f), 1e6f + 1.0f);
  EXPECT_EQ(uniform_between(0xffffffff, 2.0f, 2.0f), 2.0f);
  EXPECT_EQ(uniform_between(0, -3.0f, 7.0f), -3.0f);
}

TEST(Normal, HasTheMomentsOfTheDistribution) {
  constexpr Index n = 400000;
  const std::vector<float> values = draw_normal(n, 3, 1.0f, 2.0f);
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(moment(values, 1.0, 1) / 2, 0.0, 5 / root);
  EXPECT_NEAR(moment(values, 1.0, 2) / 4, 1.0, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(moment(values, 1.0, 3) / 8, 0.0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(moment(values, 1.0, 4) / 16, 3.0, 5 * std::sqrt(96.0) / root);
  // Neighbours, which come from one pair of words, are uncorrelated.
  double product = 0.0;
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) product += (values[i] - 1.0) * (values[i + 1] - 1.0) / 4;
  EXPECT_NEAR(product / (n / 2.0), 0.0, 5 / std::sqrt(n / 2.0));
}

TEST(Normal, ElementsDependOnTheirPlaceAlone) {
  const std::vector<float> many = draw_normal(103, 2, 0.0f, 1.0f);
  for (const Index n : {1, 2, 3, 5, 102}) {
    const std::vector<float> few = draw_normal(n, 2, 0.0f, 1.0f);
    EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin())) << n;
  }
}

TEST(Initialization, StaysWithinItsBounds) {
  Stream stream{DeviceId{}};
  std::vector<float> out(20000);
  const auto expect_uniform_within = [&](double bound) {
    const auto [low, high] = std::minmax_element(out.begin(), out.end());
    EXPECT_GE(*low, static_cast<float>(-bound));
    EXPECT_LT(*high, static_cast<float>(bound));
    EXPECT_LT(*low, -0.999 * bound);
    EXPECT_GT(*high, 0.999 * bound);
  };
  kernels::kaiming_uniform(stream, key, 17, {out.data(), 20000});
  expect_uniform_within(1.0 / std::sqrt(17.0));
  kernels::xavier_uniform(stream, key, 17, 256, {out.data(), 20000});
  expect_uniform_within(std::sqrt(6.0 / (17 + 256)));
  kernels::kaiming_uniform(stream, key, 0, {out.data(), 20000});
  EXPECT_EQ(std::count(out.begin(), out.end(), 0.0f), 20000);
}

std::vector<std::int32_t> permutation_of(Index n, Index step) {
  Stream stream{DeviceId{}};
  std::vector<std::int32_t> out(static_cast<std::size_t>(n), -1);
  kernels::permutation(stream, key, &step, {out.data(), n});
  return out;
}

bool is_permutation_of_range(std::vector<std::int32_t> values) {
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != static_cast<std::int32_t>(i)) return false;
  }
  return true;
}

TEST(Permutation, IsABijectionForEverySize) {
  for (Index n = 1; n <= 300; ++n) {
    for (Index step = 0; step < 4; ++step) EXPECT_TRUE(is_permutation_of_range(permutation_of(n, step))) << n;
  }
  for (const Index n : {1023, 1024, 1025, 4096, 4097, 65536, 65537, 100000, 262145, 1048577}) {
    EXPECT_TRUE(is_permutation_of_range(permutation_of(n, 1))) << n;
  }
}

TEST(Permutation, OfElementsDrawnOneByOneIsTheSame) {
  for (const Index n : {1, 2, 3, 5, 17, 1000, 5000}) {
    const std::vector<std::int32_t> all = permutation_of(n, 77);
    const auto size = static_cast<std::uint32_t>(n);
    for (std::uint32_t i = 0; i < size; ++i) {
      EXPECT_EQ(all[i], static_cast<std::int32_t>(permuted_index(key, 77, size, permutation_half_bits(size), i)));
    }
  }
}

/// Σ (observed - expected)² / expected over how often element 0 ... n-1 lands on place 0 ... n-1.
double chi_square_of_places(Index n, Index trials) {
  std::vector<double> counts(static_cast<std::size_t>(n * n));
  for (Index step = 0; step < trials; ++step) {
    const std::vector<std::int32_t> places = permutation_of(n, step);
    for (Index i = 0; i < n; ++i) counts[static_cast<std::size_t>(i * n + places[static_cast<std::size_t>(i)])] += 1;
  }
  const double expected = static_cast<double>(trials) / static_cast<double>(n);
  double chi_square = 0.0;
  for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
  return chi_square;
}

TEST(Permutation, MixesUniformly) {
  for (const Index n : {2, 3, 5, 8, 13, 50, 64}) {
    const double freedom = static_cast<double>((n - 1) * (n - 1));
    EXPECT_LT(chi_square_of_places(n, 4000), freedom + 5 * std::sqrt(2 * freedom)) << n;
  }
}

TEST(Permutation, ReachesEveryOrderOfFour) {
  std::set<std::vector<std::int32_t>> orders;
  for (Index step = 0; step < 1000; ++step) orders.insert(permutation_of(4, step));
  EXPECT_EQ(orders.size(), 24u);
}

TEST(Permutation, LeavesNeighboursNoTrace) {
  constexpr Index n = 10000;
  const std::vector<std::int32_t> places = permutation_of(n, 5);
  double product = 0.0;
  for (std::size_t i = 0; i + 1 < places.size(); ++i) {
    product += (places[i] - (n - 1) / 2.0) * (places[i + 1] - (n - 1) / 2.0);
  }
  const double variance = (static_cast<double>(n) * n - 1) / 12;
  EXPECT_LT(std::abs(product / (n * variance)), 5 / std::sqrt(static_cast<double>(n)));
}

}  // namespace
}  // namespace mynah
