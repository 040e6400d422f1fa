// Recorded training steps that do several operations in one launch, beside plans that take the operations one by one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "engine/adam.h"
#include "engine/layers/dropout.h"
#include "engine/layers/layer_norm.h"
#include "engine/layers/linear.h"
#include "engine/mlp.h"
#include "engine/rmsprop.h"
#include "engine/sgd.h"
#include "engine/training_plan.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::Schedule;
using testing::HasSubstr;
using testing::Not;
using Make = std::function<std::unique_ptr<Optimizer>(Stream&, const Parameters&)>;

constexpr Index inputs = 5;

template <class Kind>
Make maker(const typename Kind::Options& options) {
  return [options](Stream& stream, const Parameters& parameters) {
    return std::make_unique<Kind>(stream, parameters, options);
  };
}

/// What is trained, and how.
struct Wanted {
  std::vector<Index> hidden = {24, 17};
  Index outputs = 3;
  Activation activation = Activation::tanh;
  LossOptions loss = {};
  Make optimizer = maker<Adam>({});
  Index batch = 32;
  Index rows = 70;  ///< Three steps, the last one with a rest.
  std::vector<std::string> frozen = {};
  bool dropout = false, layer_norm = false, shared = false;
  kernels::Precision precision = kernels::Precision::float32;
};

Demonstrations demonstrations(const Wanted& wanted) {
  Demonstrations data;
  data.observation_size = inputs;
  data.observations.resize(static_cast<std::size_t>(wanted.rows * inputs));
  Stream cpu({});
  kernels::normal(cpu, random_key(3, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {data.observations.data(), static_cast<Index>(data.observations.size())});
  data.discrete = takes_labels(wanted.loss.kind);
  (data.discrete ? data.action_count : data.action_size) = wanted.outputs;
  for (Index row = 0; row < wanted.rows; ++row) {
    const float* x = data.observations.data() + row * inputs;
    if (data.discrete) {
      data.labels.push_back(x[0] > x[1] ? (x[2] > 0.0f ? 2 : 1) : 0);
      continue;
    }
    for (Index c = 0; c < wanted.outputs; ++c) {
      data.actions.push_back(std::sin(x[c % inputs] - x[(c + 1) % inputs]) + 0.5f * x[(c + 2) % inputs]);
    }
  }
  data.episode_ends = {wanted.rows};
  data.source = "toy";
  return data;
}

struct Training {
  Training(DeviceId device, const Wanted& wanted, bool fuse, Index most_recorded_steps = 16)
      : stream(device),
        network(stream, make_graph(wanted), wanted.frozen),
        data(stream, demonstrations(wanted), all_rows(wanted.rows)) {
    network.parameters.initialize(stream, 7);
    optimizer = wanted.optimizer(stream, network.parameters);
    TrainingPlan::Options options;
    options.batch_size = wanted.batch;
    options.loss = wanted.loss;
    options.seed = 7;
    options.path = TrainingPlan::Path::recorded;
    options.precision = wanted.precision;
    options.fuse = fuse;
    options.most_recorded_steps = most_recorded_steps;
    plan = std::make_unique<TrainingPlan>(stream, network, input, output, *optimizer, data, options);
  }

  Graph make_graph(const Wanted& wanted) {
    Graph graph;
    input = graph.input(inputs);
    Value at = input;
    if (wanted.dropout) at = graph.add("drop", std::make_shared<Dropout>(0.1f), at);
    if (wanted.shared) {
      const Value once = graph.add("same", std::make_shared<Linear>(inputs, Activation::tanh), at);
      at = graph.share("again", once, {once});
    }
    if (wanted.layer_norm) at = graph.add("norm", std::make_shared<LayerNorm>(), at);
    MlpOptions options;
    options.inputs = inputs;
    options.hidden = wanted.hidden;
    options.outputs = wanted.outputs;
    options.activation = wanted.activation;
    output = add_mlp(graph, at, options);
    return graph;
  }
  static std::vector<std::int32_t> all_rows(Index rows) {
    std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }
  std::vector<float> download(Vector values) {
    std::vector<float> result(static_cast<std::size_t>(values.size));
    kernels::copy_to_host(stream, result.data(), values.data, result.size() * sizeof(float));
    return result;
  }
  std::vector<float> weights() { return download(network.parameters.trained()); }

  Stream stream;
  Value input, output;
  Network network;
  ResidentData data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

Adam::Options decoupled() {
  Adam::Options options;
  options.learning_rate = 3e-3;
  options.constants.weight_decay = 0.02;
  options.constants.decoupled = true;
  options.common.schedule = {Schedule::cosine, 3, 12, 0.1};
  return options;
}

Sgd::Options descent(double momentum) {
  Sgd::Options options;
  options.learning_rate = 0.02;
  options.constants.momentum = momentum;
  options.constants.nesterov = momentum > 0.0;
  options.constants.weight_decay = 1e-3;
  return options;
}

LossOptions huber() {
  LossOptions loss(Loss::huber);
  loss.huber_delta = 0.3f;
  return loss;
}

LossOptions smoothed() {
  LossOptions loss(Loss::softmax_cross_entropy);
  loss.label_smoothing = 0.1f;
  return loss;
}

Make clipped() {
  Adam::Options options;
  options.common.clip_norm = 0.5;
  return maker<Adam>(options);
}

Make averaged() {
  Adam::Options options;
  options.common.ema_decay = 0.9;
  return maker<Adam>(options);
}

/// What is trained, and what the plan has to say of it.
struct Case {
  const char* name;
  Wanted wanted;
  std::vector<std::string> says;
};

std::vector<Case> cases() {
  const std::string with_loss = "the last layer with the loss", steps = "optimizer steps with the weight gradients";
  const std::string overwritten = "weight gradients overwritten";
  return {
      {"small", {}, {with_loss, steps}},
      {"one layer", {.hidden = {}}, {with_loss, steps}},
      {"no rest", {.hidden = {40}, .activation = Activation::relu, .batch = 30, .rows = 60}, {with_loss, steps}},
      {"batch of 1", {.hidden = {6}, .batch = 1, .rows = 9}, {with_loss, steps}},
      {"l1", {.loss = Loss::l1}, {with_loss, steps}},
      {"huber, AdamW, schedule", {.loss = huber(), .optimizer = maker<Adam>(decoupled())}, {with_loss, steps}},
      {"classes", {.activation = Activation::silu, .loss = Loss::softmax_cross_entropy}, {with_loss, steps}},
      {"many classes", {.outputs = 21, .loss = Loss::softmax_cross_entropy}, {with_loss, steps}},
      {"classes with options", {.loss = smoothed()}, {"the loss by itself (it is softmax_cross_entropy with options)"}},
      {"descent", {.optimizer = maker<Sgd>(descent(0.0))}, {with_loss, steps}},
      {"momentum", {.activation = Activation::gelu, .optimizer = maker<Sgd>(descent(0.9))}, {with_loss, steps}},
      {"wide", {.outputs = 33}, {"the loss by itself (the last layer has too many outputs)", steps}},
      {"a frozen layer", {.frozen = {"0.*"}}, {with_loss, steps}},
      {"a frozen tensor",
       {.frozen = {"2.bias"}},
       {overwritten, "optimizer by itself (a tensor of layer '2' is frozen)"}},
      {"shared", {.shared = true}, {overwritten, "optimizer by itself (layer 'again' shares its tensors)"}},
      {"dropout", {.dropout = true}, {with_loss, steps}},
      {"dropout, wide", {.outputs = 33, .dropout = true}, {steps}},
      {"layer norm",
       {.layer_norm = true},
       {"weight gradients added to zeros (the layer norm layer adds to its gradient)", "optimizer by itself"}},
      {"rmsprop", {.optimizer = maker<RmsProp>({})}, {overwritten, "optimizer by itself (the optimizer is rmsprop)"}},
      {"clipped", {.optimizer = clipped()}, {overwritten, "(gradients are clipped by their norm)"}},
      {"averaged", {.optimizer = averaged()}, {overwritten, "(an average of the weights is kept)"}},
      {"bfloat16",
       {.precision = kernels::Precision::bfloat16},
       {with_loss, overwritten, "(products are in reduced precision)"}},
  };
}

class FusedTraining : public EveryDevice {
 protected:
  bool on_cuda() const { return device_.backend == Backend::cuda; }

  /// Epochs whose loss is within 1e-4 of what it is operation by operation.
  void expect_same_curve(const Wanted& wanted, Index epochs) const {
    Training fused(device_, wanted, true), plain(device_, wanted, false);
    for (Index epoch = 0; epoch < epochs; ++epoch) {
      const double loss = fused.plan->run_epoch(fused.stream, epoch);
      const double expected = plain.plan->run_epoch(plain.stream, epoch);
      ASSERT_NEAR(loss, expected, 1e-4 * std::abs(expected)) << "epoch " << epoch;
    }
    EXPECT_EQ(fused.optimizer->steps(fused.stream), epochs * fused.plan->steps_per_epoch());
    EXPECT_EQ(fused.optimizer->learning_rate(fused.stream), plain.optimizer->learning_rate(plain.stream));
  }
};

TEST_P(FusedTraining, HasTheLossOfOperationsOneByOneFor500Steps) {
  expect_same_curve({.hidden = {12, 9}, .batch = 8, .rows = 38}, 100);  // 5 steps, the last one with a rest
}

TEST_P(FusedTraining, HasTheLossOfOperationsOneByOneWhateverIsTrained) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    expect_same_curve(one.wanted, 3);
  }
}

TEST_P(FusedTraining, AStepMovesTheWeightsAsOperationsOneByOneDo) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    Training fused(device_, one.wanted, true), plain(device_, one.wanted, false);
    for (Training* training : {&fused, &plain}) {
      training->plan->begin_epoch(training->stream, 0);
      training->plan->run_steps(training->stream);
    }
    EXPECT_NEAR(fused.plan->finish_epoch(fused.stream), plain.plan->finish_epoch(plain.stream), 1e-6);
    const std::vector<float> found = fused.weights(), expected = plain.weights();
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-6f) << "weight " << i;
  }
}

TEST_P(FusedTraining, ThePlanSaysWhatItDoesAndWhyNot) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    const Training fused(device_, one.wanted, true), plain(device_, one.wanted, false);
    const std::string what = fused.plan->describe();
    if (!on_cuda()) {
      EXPECT_THAT(what, Not(HasSubstr("gathered together")));
      continue;
    }
    for (const std::string& part : one.says) EXPECT_THAT(what, HasSubstr(part));
    EXPECT_THAT(what, HasSubstr("inputs and targets gathered together"));
    EXPECT_THAT(plain.plan->describe(), Not(HasSubstr("gathered together")));
    const TrainingPlan::StepCost cost = fused.plan->count_step();
    EXPECT_LT(cost.taken.launches, cost.plain.launches);
    EXPECT_LT(cost.taken.bytes(), cost.plain.bytes());
    const kernels::Work alone = plain.plan->count_step().taken;
    EXPECT_EQ(cost.plain.launches, alone.launches);
    EXPECT_EQ(cost.plain.bytes(), alone.bytes());
  }
}

TEST_P(FusedTraining, GivesTheSameBitsUnderEveryThreadSchedule) {
  if (!on_cuda()) return;
  for (const Wanted& wanted :
       {Wanted{}, Wanted{.outputs = 21, .loss = Loss::softmax_cross_entropy}, Wanted{.batch = 40, .dropout = true}}) {
    std::vector<std::vector<float>> weights;
    std::vector<double> losses;
    for (const std::string& schedule : cuda_schedules()) {
      const CudaScheduleScope scope(schedule);
      Training fused(device_, wanted, true);
      for (Index epoch = 0; epoch < 3; ++epoch) losses.push_back(fused.plan->run_epoch(fused.stream, epoch));
      weights.push_back(fused.weights());
    }
    for (const auto& one : weights) EXPECT_EQ(one, weights[0]);
    for (std::size_t i = 3; i < losses.size(); ++i) EXPECT_EQ(losses[i], losses[i % 3]);
  }
}

TEST_P(FusedTraining, SeveralStepsARecordingGiveTheBitsOfSingleOnes) {
  const Wanted wanted{.batch = 10, .rows = 150};  // 15 steps
  Training several(device_, wanted, true), single(device_, wanted, true, 1);
  for (Index epoch = 0; epoch < 4; ++epoch) {
    EXPECT_EQ(several.plan->run_epoch(several.stream, epoch), single.plan->run_epoch(single.stream, epoch));
  }
  EXPECT_EQ(several.weights(), single.weights());
  EXPECT_EQ(several.optimizer->steps(several.stream), 60);
  if (on_cuda()) {
    EXPECT_THAT(several.plan->describe(), HasSubstr("steps recorded and replayed, 15 at a time"));
    EXPECT_THAT(single.plan->describe(), Not(HasSubstr("at a time")));
  }
  // An epoch in pieces that do not fit the recording.
  several.plan->begin_epoch(several.stream, 4);
  for (const Index count : {4, 1, 7, 20}) several.plan->run_steps(several.stream, count);
  EXPECT_EQ(several.plan->finish_epoch(several.stream), single.plan->run_epoch(single.stream, 4));
  EXPECT_EQ(several.weights(), single.weights());
}

TEST_P(FusedTraining, AsManyStepsAreRecordedAsGiveTheFewestLaunches) {
  if (!on_cuda()) return;
  const auto says = [&](Index rows, const std::string& part) {
    EXPECT_THAT(Training(device_, {.hidden = {4}, .batch = 1, .rows = rows}, true).plan->describe(), HasSubstr(part));
  };
  says(34, "11 at a time");  // three times, and a step
  says(45, "15 at a time");
  says(2, "2 at a time");
  const Training one(device_, {.hidden = {4}, .batch = 1, .rows = 1}, true);
  EXPECT_THAT(one.plan->describe(), Not(HasSubstr("at a time")));
  EXPECT_THROW(Training(device_, {}, true, 0), Error);
}

TEST_P(FusedTraining, AnEpochAllocatesNothingAfterTheFirst) {
  Training training(device_, {}, true);
  training.plan->run_epoch(training.stream, 0);
  training.plan->run_epoch(training.stream, 1);
  const std::int64_t before = kernels::allocation_count();
  training.plan->run_epoch(training.stream, 2);
  EXPECT_EQ(kernels::allocation_count(), before);
}

MYNAH_ON_EVERY_DEVICE(FusedTraining);

}  // namespace
}  // namespace mynah::tests
