#include "kernels/ensemble.h"

#include <cmath>

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

struct EnsembleCase {
  Index members = 1;
  MatrixCase shape;  ///< Of one of them.
  float scale = 1.0f;
};

std::string text_of(const EnsembleCase& one) {
  return std::to_string(one.members) + " x " + tests::text_of(one.shape) +
         (one.scale == 1.0f ? "" : ", times " + std::to_string(static_cast<int>(one.scale)));
}

/// hole: every eleventh is NaN.
Tensor<float> outputs_of_members(Parity& run, const EnsembleCase& one, bool hole = false) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal(0.0f, one.scale);
  std::vector<float> values(static_cast<std::size_t>(one.members * one.shape.rows * one.shape.columns));
  for (float& value : values) value = normal(generator);
  for (std::size_t i = 4; hole && i < values.size(); i += 11) values[i] = std::nanf("");
  return run.given(values, one.members * one.shape.rows, one.shape.columns, one.shape.layout);
}

void moments_case(Parity& run, const EnsembleCase& one, bool bounded) {
  const auto x = outputs_of_members(run, one);
  std::vector<float> limits(static_cast<std::size_t>(one.members * one.shape.columns));
  for (std::size_t i = 0; i < limits.size(); ++i) limits[i] = -1.0f + 0.1f * static_cast<float>(i % 5);
  const auto low = run.given(limits, one.members, one.shape.columns, {2, 0});
  for (float& limit : limits) limit = 0.3f - limit;
  const auto high = run.given(limits, one.members, one.shape.columns);
  const auto mean = run.output(one.shape.rows, one.shape.columns, one.shape.layout);
  const auto deviation = run.output(one.shape.rows, one.shape.columns);
  run.expect_same([=](const Place& at) {
    const kernels::EnsembleBounds bounds{at.matrix(low), at.matrix(high)};
    kernels::ensemble_moments(at.stream, at.matrix(x), bounded ? bounds : kernels::EnsembleBounds{}, at.matrix(mean),
                              at.matrix(deviation));
  });
}

void probabilities_case(Parity& run, const EnsembleCase& one, bool hole) {
  const auto scores = outputs_of_members(run, one, hole);
  const auto mean = run.output(one.shape.rows, one.shape.columns, one.shape.layout);
  const auto information = run.output(1, one.shape.rows, {0, one.shape.layout.offset});
  run.expect_same([=](const Place& at) {
    kernels::ensemble_probabilities(at.stream, at.matrix(scores), at.matrix(mean), at.vector(information));
  });
}

const Family ensemble("ensemble", [](Family& family) {
  const std::vector<EnsembleCase> cases{
      {1, {3, 2, {}}},    {5, {1, 6, {}}},   {4, {17, 3, {1, 1}}}, {3, {64, 17, {3, 0}}}, {33, {5, 4, {}}},
      {1100, {2, 3, {}}}, {8, {300, 6, {}}}, {2, {0, 3, {}}},      {6, {7, 1, {}}},       {3, {4, 5, {}}, 300.0f}};
  for (const EnsembleCase& one : cases) {
    family.operation("ensemble_moments", text_of(one), [=](Parity& run) { moments_case(run, one, false); });
    family.parity("ensemble_moments", text_of(one) + ", clipped", [=](Parity& run) { moments_case(run, one, true); });
    family.operation("ensemble_probabilities", text_of(one), [=](Parity& run) { probabilities_case(run, one, false); });
    family.parity("ensemble_probabilities", text_of(one) + ", some NaN",
                  [=](Parity& run) { probabilities_case(run, one, true); });
  }
  family.without({"ensemble_moments", "ensemble_probabilities"}, {Aspect::gradient, Aspect::tangent},
                 "nothing is differentiated through it");
  family.without({"ensemble_moments", "ensemble_probabilities"}, {Aspect::pytorch},
                 "they are compared with the same by hand, and row by row: tests/ensemble_operations_test.cpp");
});

}  // namespace
}  // namespace mynah::tests
