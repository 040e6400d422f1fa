// Optimizers in a training plan: learning, resuming, recording, schedules, clipping, averaged weights, and what is
// refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "engine/adam.h"
#include "engine/mlp.h"
#include "engine/rmsprop.h"
#include "engine/sgd.h"
#include "engine/training_plan.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "kernels/schedule_functions.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Schedule;
using Make = std::function<std::unique_ptr<Optimizer>(Stream&, const Parameters&)>;

Demonstrations toy_data() {
  Demonstrations data;
  const Index rows = 70;  // batches of 32 leave a rest of 6
  data.observation_size = 4;
  data.observations.resize(static_cast<std::size_t>(rows * 4));
  Stream cpu({});
  kernels::normal(cpu, random_key(11, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {data.observations.data(), static_cast<Index>(data.observations.size())});
  data.action_size = 2;
  for (Index row = 0; row < rows; ++row) {
    const float* x = data.observations.data() + row * 4;
    data.actions.insert(data.actions.end(), {std::sin(x[0] - x[1]), 0.5f * x[2] * x[3]});
  }
  data.episode_ends = {rows};
  data.source = "toy";
  return data;
}

/// A small network, its data and its plan on one device.
struct Training {
  Training(DeviceId device, const Make& make, TrainingPlan::Path path = TrainingPlan::Path::automatic,
           const std::vector<std::string>& frozen = {})
      : stream(device), network(stream, make_graph(), frozen), data(stream, toy_data(), all_rows()) {
    network.parameters.initialize(stream, 5);
    optimizer = make(stream, network.parameters);
    plan = std::make_unique<TrainingPlan>(stream, network, input, output, *optimizer, data,
                                          TrainingPlan::Options{32, Loss::mse, 7, path});
  }

  Graph make_graph() {
    Graph graph;
    input = graph.input(4);
    MlpOptions options;
    options.inputs = 4;
    options.hidden = {9};
    options.outputs = 2;
    output = add_mlp(graph, input, options);
    return graph;
  }
  static std::vector<std::int32_t> all_rows() {
    std::vector<std::int32_t> rows(70);
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  double run(Index first_epoch, Index end) {
    double loss = 0.0;
    for (Index epoch = first_epoch; epoch < end; ++epoch) loss = plan->run_epoch(stream, epoch);
    return loss;
  }
  std::vector<float> download(Vector values) {
    std::vector<float> result(static_cast<std::size_t>(values.size));
    kernels::copy_to_host(stream, result.data(), values.data, result.size() * sizeof(float));
    return result;
  }
  std::vector<float> weights() { return download(network.parameters.trained()); }
  std::vector<float> averages() { return download(optimizer->ema()); }

  Stream stream;
  Value input, output;
  Network network;
  ResidentData data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

template <class Kind>
Make maker(const typename Kind::Options& options) {
  return [options](Stream& stream, const Parameters& parameters) {
    return std::make_unique<Kind>(stream, parameters, options);
  };
}

OptimizerOptions everything() {
  return {0.5, Schedule{Schedule::cosine, 5, 60, 0.1}, 0.9};
}

/// Every optimizer, plain and with everything an optimizer can do.
std::vector<std::pair<std::string, Make>> optimizers() {
  return {{"adam", maker<Adam>({1e-2, {}, {}})},
          {"adam with everything", maker<Adam>({1e-2, {}, everything()})},
          {"sgd", maker<Sgd>({0.1, {}, {}})},
          {"sgd with everything", maker<Sgd>({0.1, {0.9, 1e-4, true}, everything()})},
          {"rmsprop", maker<RmsProp>({3e-3, {}, {}})},
          {"rmsprop with everything", maker<RmsProp>({3e-3, {0.9, 1e-6, 0.5, 1e-4, true}, everything()})}};
}

class TrainingOptimizer : public EveryDevice {};

TEST_P(TrainingOptimizer, EveryOneLearns) {
  for (const auto& [name, make] : optimizers()) {
    SCOPED_TRACE(name);
    Training training(device_, make);
    const double before = training.run(0, 1);
    EXPECT_LT(training.run(1, 30), 0.5 * before);
    EXPECT_EQ(training.optimizer->steps(training.stream), 90);
  }
}

TEST_P(TrainingOptimizer, AResumedTrainingEqualsTheUninterruptedOne) {
  for (const auto& [name, make] : optimizers()) {
    SCOPED_TRACE(name);
    Training whole(device_, make);
    whole.run(0, 3);
    SafetensorsFile file;
    whole.network.parameters.save(whole.stream, file, "network.");
    whole.optimizer->save(whole.stream, file, "optimizer.");
    whole.run(3, 6);
    Training resumed(device_, make);
    resumed.run(0, 1);
    resumed.network.parameters.load(resumed.stream, file, "network.");
    resumed.optimizer->load(resumed.stream, file, "optimizer.");
    resumed.run(3, 6);
    EXPECT_EQ(resumed.weights(), whole.weights());
    EXPECT_EQ(resumed.averages(), whole.averages());
    EXPECT_EQ(resumed.optimizer->learning_rate(resumed.stream), whole.optimizer->learning_rate(whole.stream));
  }
}

TEST_P(TrainingOptimizer, ARecordedStepEqualsOneCalledDirectly) {
  for (const auto& [name, make] : optimizers()) {
    SCOPED_TRACE(name);
    Training recorded(device_, make, TrainingPlan::Path::recorded), direct(device_, make, TrainingPlan::Path::direct);
    recorded.run(0, 5);
    direct.run(0, 5);
    EXPECT_EQ(recorded.weights(), direct.weights());
    EXPECT_EQ(recorded.averages(), direct.averages());
  }
}

TEST_P(TrainingOptimizer, TheRateFollowsTheScheduleThroughARecording) {
  const Schedule schedule{Schedule::linear, 4, 20, 0.25};
  Training training(device_, maker<Sgd>({0.1, {}, {0.0, schedule, 0.0}}));
  EXPECT_FLOAT_EQ(static_cast<float>(training.optimizer->learning_rate(training.stream)), 0.1f);
  for (Index epoch = 0; epoch < 8; ++epoch) {
    training.run(epoch, epoch + 1);  // three steps
    const double factor = kernels::schedule_factor(schedule, 3 * epoch + 2);
    EXPECT_FLOAT_EQ(static_cast<float>(training.optimizer->learning_rate(training.stream)),
                    static_cast<float>(0.1 * factor));
  }
  training.optimizer->set_learning_rate(training.stream, 1.0);
  training.run(8, 9);
  EXPECT_FLOAT_EQ(static_cast<float>(training.optimizer->learning_rate(training.stream)), 0.25f);
}

TEST_P(TrainingOptimizer, ClippingBoundsAStep) {
  Training training(device_, maker<Sgd>({1.0, {}, {0.01, {}, 0.0}}));
  const auto before = training.weights();
  training.plan->begin_epoch(training.stream, 0);
  training.plan->run_steps(training.stream);
  const auto after = training.weights();
  double squares = 0.0;
  for (std::size_t i = 0; i < after.size(); ++i) squares += std::pow(static_cast<double>(after[i] - before[i]), 2);
  EXPECT_NEAR(std::sqrt(squares), 0.01, 1e-5);
  EXPECT_GT(training.optimizer->gradient_norm(training.stream), 0.01);
}

TEST_P(TrainingOptimizer, TheAverageBeginsWithTheFirstStepAndCanChangePlaces) {
  Training training(device_, maker<Sgd>({0.1, {}, {0.0, {}, 0.75}}));
  EXPECT_THROW(training.optimizer->swap_ema(training.stream), Error);
  training.plan->begin_epoch(training.stream, 0);
  training.plan->run_steps(training.stream);
  const auto first = training.weights();
  EXPECT_EQ(training.averages(), first);
  training.plan->run_steps(training.stream);
  const auto second = training.weights();
  const auto average = training.averages();
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_NEAR(average[i], 0.75f * first[i] + 0.25f * second[i], 1e-6f);
  }
  training.optimizer->swap_ema(training.stream);
  EXPECT_EQ(training.weights(), average);
  EXPECT_EQ(training.averages(), second);
  training.optimizer->swap_ema(training.stream);
  EXPECT_EQ(training.weights(), second);
}

TEST_P(TrainingOptimizer, ANetworkOfWhichNothingIsTrainedIsRefused) {
  try {
    Training training(device_, maker<Adam>({}), TrainingPlan::Path::automatic, {"*"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_THAT(error.what(), testing::HasSubstr("0.weight"));
    EXPECT_THAT(error.what(), testing::HasSubstr("freeze fewer"));
  }
}

TEST_P(TrainingOptimizer, OptionsThatMakeNoSenseAreRefused) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto refused = [&](const Make& make) { EXPECT_THROW(Training(device_, make), Error); };
  refused(maker<Adam>({-1.0, {}, {}}));
  refused(maker<Adam>({std::nan(""), {}, {}}));
  refused(maker<Adam>({1e-3, {}, {-1.0, {}, 0.0}}));
  refused(maker<Adam>({1e-3, {}, {infinity, {}, 0.0}}));
  refused(maker<Adam>({1e-3, {}, {0.0, {}, 1.0}}));
  refused(maker<Adam>({1e-3, {}, {0.0, {Schedule::cosine, 0, 0, 0.0}, 0.0}}));
  refused(maker<Adam>({1e-3, {}, {0.0, {Schedule::linear, 10, 10, 0.0}, 0.0}}));
  refused(maker<Sgd>({1e-3, {0.0, 0.0, true}, {}}));
}

TEST_P(TrainingOptimizer, AnOptimizerOfAnotherNetworkIsRefused) {
  Training one(device_, maker<Sgd>({}));
  Training other(device_, maker<Sgd>({}));
  EXPECT_THROW(TrainingPlan(one.stream, one.network, one.input, one.output, *other.optimizer, one.data, {}), Error);
}

TEST_P(TrainingOptimizer, ACheckpointOfAdamKeepsItsNames) {
  Training training(device_, maker<Adam>({}));
  training.run(0, 1);
  SafetensorsFile file;
  training.optimizer->save(training.stream, file, "adam.");
  const Index size = training.network.parameters.trained().size;
  EXPECT_EQ(file.int64s("adam.step"), std::vector<std::int64_t>{3});
  EXPECT_EQ(file.at("adam.first_moment").shape, std::vector<Index>{size});
  EXPECT_EQ(file.at("adam.second_moment").shape, std::vector<Index>{size});
}
MYNAH_ON_EVERY_DEVICE(TrainingOptimizer);

}  // namespace
}  // namespace mynah::tests
