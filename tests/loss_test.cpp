#include "engine/loss.h"
#include "engine/adam.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "engine/mlp.h"
#include "engine/network.h"
#include "engine/training_plan.h"
#include "tests/every_device.h"

namespace mynah {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::array every_loss{Loss::mse,
                                Loss::l1,
                                Loss::huber,
                                Loss::binary_cross_entropy,
                                Loss::hinge,
                                Loss::wasserstein,
                                Loss::softmax_cross_entropy,
                                Loss::gaussian_likelihood,
                                Loss::mixture_likelihood};

/// The message of the Error that `call` throws.
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// check_targets of values, [rows, 2].
std::string complaint_about(Loss loss, const std::vector<float>& values, const std::vector<float>& weights = {}) {
  return message_of([&] {
    Targets targets;
    targets.values = {values.data(), static_cast<Index>(values.size()) / 2, 2};
    targets.weights = {weights.data(), static_cast<Index>(weights.size())};
    check_targets(loss, targets, prediction_columns(loss, 2), "demos.npz");
  });
}

TEST(CheckTargets, NamesTheRowTheClassesAndWhatToDo) {
  const std::vector<std::int32_t> labels{0, 2, 5};
  Targets targets;
  targets.labels = {labels.data(), 3};
  EXPECT_EQ(message_of([&] { check_targets(Loss::softmax_cross_entropy, targets, 3, "demos.npz"); }),
            "demos.npz, row 2: label 5 is none of the 3 classes of softmax_cross_entropy, 0 to 2\n"
            "give the network an output for every class (at least 6), or correct the label");
  check_targets(Loss::softmax_cross_entropy, targets, 6, "demos.npz");
  LossOptions ignoring = Loss::softmax_cross_entropy;
  ignoring.ignored_label = 5;
  check_targets(ignoring, targets, 3, "demos.npz");
  ignoring.ignored_label = -100;
  EXPECT_THAT(message_of([&] { check_targets(ignoring, targets, 3, "demos.npz"); }), HasSubstr("row 2: label 5"));
}

TEST(CheckTargets, RefusesClassWeightsOfAnotherNumber) {
  LossOptions loss = Loss::softmax_cross_entropy;
  const std::vector<float> weights{1.0f, 2.0f};
  loss.class_weights = {weights.data(), 2};
  EXPECT_THAT(message_of([&] { check_targets(loss, {}, 3, "demos.npz"); }), HasSubstr("2 class weights for 3 classes"));
}

TEST(CheckTargets, RefusesValuesThatTheLossIsNotDefinedFor) {
  const float nan = std::nanf("");
  for (const Loss loss : every_loss) {
    if (takes_labels(loss)) continue;
    EXPECT_THAT(complaint_about(loss, {1.0f, 1.0f, 1.0f, nan}),
                AllOf(HasSubstr("demos.npz, row 1, column 1: target nan of " + loss_name(loss) + " is not finite"),
                      HasSubstr("remove the row")));
  }
  EXPECT_THAT(complaint_about(Loss::binary_cross_entropy, {0.5f, -0.25f}),
              HasSubstr("row 0, column 1: target -0.25 of binary_cross_entropy is not in [0, 1]"));
  EXPECT_THAT(complaint_about(Loss::hinge, {1.0f, 0.0f}), HasSubstr("target 0 of hinge is neither 1 nor -1"));
  EXPECT_THAT(complaint_about(Loss::mse, {1.0f, 2.0f}, {-1.0f}), HasSubstr("row 0: weight -1 of mse is negative"));
  EXPECT_THAT(complaint_about(Loss::mse, {1.0f, 2.0f}, {1.0f, 1.0f}), HasSubstr("2 weights for 1 rows"));
}

TEST(CheckTargets, RefusesColumnsThatDoNotFit) {
  const std::vector<float> values{1.0f, 1.0f};
  Targets targets;
  targets.values = {values.data(), 1, 2};
  EXPECT_THAT(message_of([&] { check_targets(Loss::l1, targets, 3, "demos.npz"); }),
              HasSubstr("l1 compares 2 target columns with 3 columns of predictions\ngive the network 2 outputs"));
  EXPECT_THAT(message_of([&] { check_targets(Loss::gaussian_likelihood, targets, 2, "demos.npz"); }),
              HasSubstr("give the network 4 outputs: a mean and a log-variance for each"));
}

TEST(CheckTargets, RefusesOptionsOutOfRange) {
  LossOptions loss = Loss::huber;
  loss.huber_delta = 0.0f;
  EXPECT_THAT(message_of([&] { check_loss(loss); }), HasSubstr("huber: delta 0 is not above 0"));
  loss = Loss::binary_cross_entropy;
  loss.positive_weight = -1.0f;
  EXPECT_THAT(message_of([&] { check_loss(loss); }), HasSubstr("positive weight -1"));
  loss = Loss::softmax_cross_entropy;
  loss.label_smoothing = 1.5f;
  EXPECT_THAT(message_of([&] { check_loss(loss); }), HasSubstr("label smoothing 1.5 is not in [0, 1]"));
  loss = Loss::gaussian_likelihood;
  loss.gaussian_likelihood.largest_log_variance = -20.0f;
  EXPECT_THAT(message_of([&] { check_loss(loss); }), HasSubstr("is not below the largest, -20"));
}

TEST(RequireFiniteLoss, NamesThePlaceAndARemedy) {
  require_finite_loss(-3.0, "step 1");
  EXPECT_THAT(message_of([] { require_finite_loss(std::nan(""), "critic, step 12"); }),
              AllOf(HasSubstr("critic, step 12: the loss is not a number"), HasSubstr("lower the learning rate")));
  EXPECT_THAT(message_of([] { require_finite_loss(-INFINITY, "critic"); }), HasSubstr("critic: the loss is infinite"));
}

/// 6 rows whose target is a function of the observation, as values or as labels.
Demonstrations demonstrations_for(Loss loss) {
  Demonstrations data;
  data.observation_size = 2;
  for (int m = 0; m < 6; ++m) {
    const float x = 0.5f * static_cast<float>(m) - 1.25f;
    data.observations.insert(data.observations.end(), {x, 1.0f});
    data.labels.push_back(x > 0.0f ? 1 : 0);
    const float sign = x > 0.0f ? 1.0f : -1.0f;
    data.actions.push_back(loss == Loss::binary_cross_entropy                 ? 0.5f + 0.5f * sign
                           : loss == Loss::hinge || loss == Loss::wasserstein ? sign
                                                                              : std::sin(x));
  }
  data.episode_ends = {6};
  data.discrete = takes_labels(loss);
  if (data.discrete) {
    data.actions.clear();
    data.action_count = 2;
  } else {
    data.labels.clear();
    data.action_size = 1;
  }
  return data;
}

class EveryLoss : public tests::EveryDevice {};

TEST_P(EveryLoss, IsMadeSmallerByATrainingPlan) {
  for (const Loss loss : every_loss) {
    SCOPED_TRACE(loss_name(loss));
    Stream stream(device_);
    Graph graph;
    const Value input = graph.input(2);
    MlpOptions options;
    options.inputs = 2;
    options.hidden = {8};
    options.outputs = takes_labels(loss) ? 2 : prediction_columns(loss, 1);
    const Value output = add_mlp(graph, input, options);
    Network network(stream, std::move(graph));
    network.parameters.initialize(stream, 3);
    Adam adam(stream, network.parameters, {0.02});
    const std::vector<std::int32_t> rows{0, 1, 2, 3, 4, 5};
    const ResidentData data(stream, demonstrations_for(loss), rows);
    TrainingPlan::Options training;
    training.batch_size = 4;
    training.loss = loss;
    TrainingPlan plan(stream, network, input, output, adam, data, training);
    const double before = plan.run_epoch(stream, 0);
    double after = before;
    for (Index epoch = 1; epoch < 30; ++epoch) after = plan.run_epoch(stream, epoch);
    require_finite_loss(after, "test");
    EXPECT_LT(after, before - 0.1 * std::fabs(before));
  }
}

/// The gradient moves along the tangent: (g(x + h v) - g(x - h v)) / 2h, in float.
TEST_P(EveryLoss, TangentIsTheDerivativeOfTheGradient) {
  for (const Loss loss : every_loss) {
    SCOPED_TRACE(loss_name(loss));
    Stream stream(device_);
    const Index rows = 3, columns = 4;
    const bool distribution = loss == Loss::gaussian_likelihood || loss == Loss::mixture_likelihood;
    const Index target_columns = distribution ? columns / 2 : columns;
    std::mt19937 generator(4);
    std::normal_distribution<float> normal;
    std::vector<float> prediction, direction, values;
    for (Index i = 0; i < rows * columns; ++i) {
      prediction.push_back(0.3f * normal(generator));
      direction.push_back(normal(generator));
      if (i >= rows * target_columns) continue;
      // At a distance from the kinks of piecewise losses.
      const float high = loss == Loss::binary_cross_entropy || loss == Loss::hinge ? 1.0f : 1.5f;
      values.push_back(i % 2 == 0 ? high : loss == Loss::binary_cross_entropy ? 0.0f : -high);
    }
    const Buffer<float> value_targets(stream, std::span<const float>(values));
    const std::vector<std::int32_t> labels{0, 3, 1};
    const Buffer<std::int32_t> label_targets(stream, std::span<const std::int32_t>(labels));
    Targets targets;
    targets.values = {value_targets.data(), rows, target_columns};
    targets.labels = label_targets.view();
    Buffer<float> at(stream.device(), rows * columns), out(stream.device(), rows * columns);
    const Matrix prediction_view(at.data(), rows, columns), out_view(out.data(), rows, columns);
    const auto gradient_at = [&](float step) {
      std::vector<float> moved = prediction;
      for (std::size_t i = 0; i < moved.size(); ++i) moved[i] += step * direction[i];
      at.upload(stream, std::span<const float>(moved));
      evaluate_loss(stream, loss, prediction_view, targets, {}, out_view);
      return out.download(stream);
    };
    const float step = 1e-2f;
    const auto above = gradient_at(step), below = gradient_at(-step);
    at.upload(stream, std::span<const float>(prediction));
    const Buffer<float> along(stream, std::span<const float>(direction));
    evaluate_loss_tangent(stream, loss, prediction_view, targets, {along.data(), rows, columns}, out_view);
    const auto tangent = out.download(stream);
    for (std::size_t i = 0; i < tangent.size(); ++i) {
      EXPECT_NEAR(tangent[i], (above[i] - below[i]) / (2.0f * step), 2e-3f) << i;
    }
  }
}

TEST_P(EveryLoss, ConstantTargetsStandForAMatrixOfThem) {
  Stream stream(device_);
  const std::vector<float> scores{0.5f, -2.0f, 3.0f}, ones(3, 1.0f);
  const Buffer<float> prediction(stream, std::span<const float>(scores)), target(stream, std::span<const float>(ones));
  for (const Loss loss : {Loss::binary_cross_entropy, Loss::hinge, Loss::wasserstein, Loss::mse}) {
    Buffer<double> sum(stream.device(), 2);
    const std::vector<double> zeros(2, 0.0);
    sum.upload(stream, std::span<const double>(zeros));
    Targets matrix, constant;
    matrix.values = {target.data(), 3, 1};
    constant.constant = 1.0f;
    evaluate_loss(stream, loss, {prediction.data(), 3, 1}, matrix, {sum.data(), 1}, {});
    evaluate_loss(stream, loss, {prediction.data(), 3, 1}, constant, {sum.data() + 1, 1}, {});
    const auto sums = sum.download(stream);
    EXPECT_NEAR(sums[0], sums[1], 1e-6);
    EXPECT_THROW(evaluate_loss(stream, loss, {prediction.data(), 3, 1}, {}, {sum.data(), 1}, {}), Error);
  }
}

MYNAH_ON_EVERY_DEVICE(EveryLoss);

}  // namespace
}  // namespace mynah
