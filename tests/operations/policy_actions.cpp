#include "kernels/policy_actions.h"

#include <cmath>

#include "tests/operations/registry.h"

namespace mynah::tests {
namespace {

using kernels::MixtureOptions;

struct ActionCase {
  Index rows, columns, components;
  Layout layout;

  Index width() const { return kernels::mixture_columns(components, columns); }
};

std::string text_of(const ActionCase& shape) {
  return text_of(MatrixCase{shape.rows, shape.columns, shape.layout}) + ", " + std::to_string(shape.components) +
         " components";
}

std::vector<ActionCase> action_cases() {
  std::vector<ActionCase> cases{{0, 2, 3, {}}, {5, 0, 3, {}}};
  std::size_t next = 0;
  for (const Index rows : {1, 3, 64, 65, 200}) {
    for (const auto& [columns, components] :
         {std::pair<Index, Index>{1, 1}, {6, 1}, {1, 2}, {3, 5}, {6, 5}, {17, 4}, {2, 32}, {9, 7}}) {
      cases.push_back({rows, columns, components, layouts()[next++ % layouts().size()]});
    }
  }
  return cases;
}

const RandomKey key = random_key(5, RandomStream::policy);

Tensor<std::int32_t> elapsed_of(Parity& run, Index rows) {
  return run.labels(rows, 500);
}

void mode_case(Parity& run, const ActionCase& shape) {
  const auto parameters = run.input(shape.rows, shape.width(), shape.layout);
  const auto actions = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    kernels::mixture_mode(at.stream, at.matrix(parameters), shape.components, at.matrix(actions));
  });
}

void sample_case(Parity& run, const ActionCase& shape, bool scaled) {
  const auto parameters = run.input(shape.rows, shape.width(), shape.layout);
  const auto log_scale = run.input(1, scaled ? shape.columns : 0);
  const auto elapsed = elapsed_of(run, shape.rows);
  const auto actions = run.output(shape.rows, shape.columns, shape.layout);
  run.expect_same([=](const Place& at) {
    MixtureOptions<float> options;
    options.components = shape.components;
    options.log_scale = at.vector(log_scale);
    if (scaled) options.smallest_log_deviation = -0.3f;
    kernels::mixture_sample(at.stream, {key, 1000, at.vector(elapsed)}, at.matrix(parameters), options,
                            at.matrix(actions));
  });
}

void class_case(Parity& run, const MatrixCase& shape) {
  const auto logits = run.input(shape.rows, shape.columns, shape.layout);
  const auto elapsed = elapsed_of(run, shape.rows);
  const auto actions = run.output<std::int32_t>(1, shape.rows);
  run.expect_same([=](const Place& at) {
    kernels::class_sample(at.stream, {key, 1000, at.vector(elapsed)}, at.matrix(logits), at.vector(actions));
  });
}

/// Rows that are all the same, so that their draws are a sample of one distribution.
std::vector<float> repeated(const std::vector<float>& row, Index rows) {
  std::vector<float> all;
  all.reserve(row.size() * static_cast<std::size_t>(rows));
  for (Index m = 0; m < rows; ++m) all.insert(all.end(), row.begin(), row.end());
  return all;
}

/// The likeliest component's means, the first of equals; log-deviations may be missing.
void expect_mode() {
  Stream stream{DeviceId{}};
  const std::vector<float> parameters{0.5f, 2.0f, 2.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
  std::vector<float> action(2);
  kernels::mixture_mode(stream, {parameters.data(), 1, 9}, 3, {action.data(), 1, 2});
  EXPECT_EQ(action, (std::vector<float>{3.0f, 4.0f}));
}

/// Shares, means and deviations of the components within five standard deviations of themselves.
void expect_sample_statistics() {
  Stream stream{DeviceId{}};
  constexpr Index rows = 20'000;
  // Components around -10 and 10 with weights 1/4 and 3/4, deviations e^-1 and 2 (cut from e^9), times a scale of 1/2.
  const auto parameters = repeated({0.0f, std::log(3.0f), -10.0f, 10.0f, -1.0f, 9.0f}, rows);
  const std::vector<std::int32_t> elapsed(static_cast<std::size_t>(rows), 3);
  std::vector<float> actions(static_cast<std::size_t>(rows));
  const float log_scale = std::log(0.5f);
  MixtureOptions<float> options;
  options.components = 2;
  options.log_scale = {&log_scale, 1};
  options.largest_log_deviation = std::log(2.0f);
  kernels::mixture_sample(stream, {key, 0, {elapsed.data(), rows}}, {parameters.data(), rows, 6}, options,
                          {actions.data(), rows, 1});
  for (const double sign : {-1.0, 1.0}) {
    double count = 0.0, sum = 0.0, squares = 0.0;
    for (const float action : actions) {
      if (sign * action < 0.0) continue;
      count += 1.0;
      sum += action - 10.0 * sign;
      squares += std::pow(action - 10.0 * sign, 2);
    }
    const double share = sign < 0.0 ? 0.25 : 0.75, deviation = sign < 0.0 ? 0.5 * std::exp(-1.0) : 1.0;
    EXPECT_NEAR(count / rows, share, 5.0 * std::sqrt(share * (1.0 - share) / rows));
    EXPECT_NEAR(sum / count, 0.0, 5.0 * deviation / std::sqrt(count));
    EXPECT_NEAR(squares / count, deviation * deviation, 5.0 * deviation * deviation * std::sqrt(2.0 / count));
  }
}

void expect_class_statistics() {
  Stream stream{DeviceId{}};
  constexpr Index rows = 20'000;
  const float impossible = -std::numeric_limits<float>::infinity();
  const auto logits = repeated({impossible, std::log(2.0f), std::log(7.0f), 0.0f, impossible}, rows);
  const std::vector<std::int32_t> elapsed(static_cast<std::size_t>(rows), 3);
  std::vector<std::int32_t> actions(static_cast<std::size_t>(rows));
  kernels::class_sample(stream, {key, 0, {elapsed.data(), rows}}, {logits.data(), rows, 5}, {actions.data(), rows});
  std::vector<double> counts(5);
  for (const std::int32_t action : actions) counts.at(static_cast<std::size_t>(action)) += 1.0;
  const std::vector<double> shares{0.0, 0.2, 0.7, 0.1, 0.0};
  for (std::size_t c = 0; c < shares.size(); ++c) {
    EXPECT_NEAR(counts[c] / rows, shares[c], 5.0 * std::sqrt(shares[c] * (1.0 - shares[c]) / rows)) << c;
  }
}

/// A row's draw is that of its episode and step, wherever it stands.
void expect_draws_of_episodes() {
  Stream stream{DeviceId{}};
  const auto parameters = repeated({0.1f, 0.2f, -1.0f, 1.0f, 0.0f, 0.0f}, 8);
  const std::vector<std::int32_t> elapsed(8, 7);
  MixtureOptions<float> options;
  options.components = 2;
  std::vector<float> all(8), later(3), next(8);
  kernels::mixture_sample(stream, {key, 100, {elapsed.data(), 8}}, {parameters.data(), 8, 6}, options,
                          {all.data(), 8, 1});
  kernels::mixture_sample(stream, {key, 105, {elapsed.data(), 3}}, {parameters.data(), 3, 6}, options,
                          {later.data(), 3, 1});
  EXPECT_EQ(later, std::vector<float>(all.begin() + 5, all.end()));
  const std::vector<std::int32_t> after(8, 8);
  kernels::mixture_sample(stream, {key, 100, {after.data(), 8}}, {parameters.data(), 8, 6}, options,
                          {next.data(), 8, 1});
  for (std::size_t m = 0; m < 8; ++m) EXPECT_NE(next[m], all[m]) << m;
}

const Family policy_actions("policy_actions", [](Family& family) {
  for (const ActionCase& shape : action_cases()) {
    family.operation("mixture_mode", text_of(shape), [=](Parity& run) { mode_case(run, shape); });
    family.operation("mixture_sample", text_of(shape), [=](Parity& run) { sample_case(run, shape, false); });
    family.parity("mixture_sample", text_of(shape) + " scaled, cut",
                  [=](Parity& run) { sample_case(run, shape, true); });
  }
  for (const MatrixCase& shape : score_cases()) {
    family.operation("class_sample", text_of(shape), [=](Parity& run) { class_case(run, shape); });
  }
  family.parity("mixture_mode", "the first of the largest", [](Parity&) { expect_mode(); });
  family.parity("mixture_sample", "statistics", [](Parity&) { expect_sample_statistics(); });
  family.parity("mixture_sample", "draws of episodes", [](Parity&) { expect_draws_of_episodes(); });
  family.parity("class_sample", "statistics", [](Parity&) { expect_class_statistics(); });
  const std::vector<std::string> all{"mixture_mode", "mixture_sample", "class_sample"};
  family.without(all, {Aspect::gradient, Aspect::tangent},
                 "nothing is differentiated through an action that was taken");
  family.without(all, {Aspect::pytorch}, "PyTorch draws other numbers, and has no mode of a mixture");
});

}  // namespace
}  // namespace mynah::tests
