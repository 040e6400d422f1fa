// What members of an ensemble say together, worked out by hand; parity of the devices is
// tests/operations/ensemble.cpp's business, agreement with Ensemble row by row cloning_population_test.cpp's.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/ensemble.h"

namespace mynah::tests {
namespace {

TEST(EnsembleOperations, WorkedOutByHand) {
  Stream cpu({});
  const std::vector<float> x{1.0f, 0.0f, 2.0f, 0.0f, 6.0f, 0.0f};  // [3 members 1 row, 2 columns]
  std::vector<float> mean(2), deviation(2), information(1);
  kernels::ensemble_moments(cpu, {x.data(), 3, 2}, {}, {mean.data(), 1, 2}, {deviation.data(), 1, 2});
  EXPECT_FLOAT_EQ(mean[0], 3.0f);
  EXPECT_FLOAT_EQ(deviation[0], std::sqrt(14.0f / 3.0f));
  EXPECT_EQ(deviation[1], 0.0f);
  const std::vector<float> low{-9.0f, -9.0f, -9.0f, -9.0f, -9.0f, 4.0f}, high{9.0f, 9.0f, 9.0f, 9.0f, 3.0f, 9.0f};
  const kernels::EnsembleBounds bounds{{low.data(), 3, 2}, {high.data(), 3, 2}};
  kernels::ensemble_moments(cpu, {x.data(), 3, 2}, bounds, {mean.data(), 1, 2}, {deviation.data(), 1, 2});
  EXPECT_FLOAT_EQ(mean[0], 2.0f);
  EXPECT_FLOAT_EQ(mean[1], 4.0f / 3.0f);
  // p = (0.8, 0.2) and (0.5, 0.5): H((0.65, 0.35)) - (H((0.8, 0.2)) + ln 2) / 2
  const std::vector<float> scores{std::log(4.0f), 0.0f, 3.0f, 3.0f};
  kernels::ensemble_probabilities(cpu, {scores.data(), 2, 2}, {mean.data(), 1, 2}, {information.data(), 1});
  EXPECT_NEAR(mean[0], 0.65f, 1e-6f);
  EXPECT_NEAR(information[0], 0.0506722f, 1e-6f);
  const kernels::EnsembleBounds low_alone{{low.data(), 3, 2}, {}};
  EXPECT_THROW(
      kernels::ensemble_moments(cpu, {x.data(), 3, 2}, low_alone, {mean.data(), 1, 2}, {deviation.data(), 1, 2}),
      Error);
  EXPECT_THROW(kernels::ensemble_moments(cpu, {x.data(), 3, 2}, {}, {mean.data(), 2, 2}, {deviation.data(), 2, 2}),
               Error);
  EXPECT_THROW(kernels::ensemble_moments(cpu, {x.data(), 3, 2}, {}, {mean.data(), 1, 2}, {deviation.data(), 2, 1}),
               Error);
  EXPECT_THROW(
      kernels::ensemble_probabilities(cpu, {scores.data(), 2, 2}, {mean.data(), 1, 2}, {information.data(), 0}), Error);
}

/// A member that has come to nothing must not look like agreement.
TEST(EnsembleOperations, NaNComesThrough) {
  Stream cpu({});
  const float nan = std::nanf("");
  for (const std::size_t place : {0U, 1U, 2U, 3U}) {
    std::vector<float> scores{1.0f, 0.0f, 3.0f, 3.0f}, mean(2), information(1);
    scores[place] = nan;
    kernels::ensemble_probabilities(cpu, {scores.data(), 2, 2}, {mean.data(), 1, 2}, {information.data(), 1});
    EXPECT_TRUE(std::isnan(mean[0]) && std::isnan(mean[1]) && std::isnan(information[0])) << place;
  }
}

}  // namespace
}  // namespace mynah::tests
