// What a training plan says of the cost of its steps, beside a calculation by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "engine/adam.h"
#include "engine/mlp.h"
#include "engine/training_plan.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using Path = TrainingPlan::Path;
using testing::HasSubstr;

constexpr Index rows = 32, inputs = 4, hidden = 9, outputs = 2, data_rows = 70;
/// Of linear_loss: a sum for each block of four rows.
constexpr Index scratch = 8 * rows / 4;

/// 4-9-2 with Adam and the squared error, in batches of 32.
struct Training {
  Training(DeviceId device, const TrainingPlan::Options& options)
      : stream(device), network(stream, make_graph()), data(stream, demonstrations(), all_rows()) {
    network.parameters.initialize(stream, 5);
    optimizer = std::make_unique<Adam>(stream, network.parameters, Adam::Options{});
    plan = std::make_unique<TrainingPlan>(stream, network, input, output, *optimizer, data, options);
  }
  Graph make_graph() {
    Graph graph;
    input = graph.input(inputs);
    MlpOptions options;
    options.inputs = inputs;
    options.hidden = {hidden};
    options.outputs = outputs;
    output = add_mlp(graph, input, options);
    return graph;
  }
  static Demonstrations demonstrations() {
    Demonstrations data;
    data.observation_size = inputs;
    data.action_size = outputs;
    data.observations.assign(data_rows * inputs, 0.5f);
    data.actions.assign(data_rows * outputs, 0.25f);
    data.episode_ends = {data_rows};
    data.source = "toy";
    return data;
  }
  static std::vector<std::int32_t> all_rows() {
    std::vector<std::int32_t> numbers(data_rows);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }

  Stream stream;
  Value input, output;
  Network network;
  ResidentData data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

TrainingPlan::Options options_of(Path path) {
  TrainingPlan::Options options;
  options.batch_size = rows;
  options.path = path;
  return options;
}

class StepCost : public EveryDevice {};

TEST_P(StepCost, OfOperationsOneByOneIsWhatAHandCalculates) {
  Training training(device_, options_of(Path::direct));
  const kernels::Work work = training.plan->count_step().plain;
  const Index trained = training.network.parameters.trained().size;  // with the padding between tensors
  EXPECT_EQ(trained, 48 + 16 + 32 + 16) << "36, 9, 18 and 2 values, each to a multiple of 16";
  constexpr Index x = rows * inputs, h = rows * hidden, y = rows * outputs;
  constexpr Index weights1 = hidden * inputs, weights2 = outputs * hidden;
  const Index floats_read = x + rows                  // gather the inputs, by their rows' numbers
                            + y + rows                // and the targets
                            + x + weights1 + hidden   // hidden layer
                            + h + weights2 + outputs  // output layer
                            + y + y                   // loss
                            + h + weights2 + y + h + weights2 +
                            outputs                      // output layer, with the activation's derivative
                            + x + h + weights1 + hidden  // hidden layer; no gradient of x
                            + 4 * trained + 1;           // Adam, with the rate
  const Index doubles_read = 2 /* positions */ + 1 /* loss */ + 1 + 1 /* counters */ + 1 /* Adam's step */;
  const Index floats_written =
      x + y + trained /* zeros */ + h + y + y /* gradient */ + h + weights2 + outputs + weights1 + hidden + 3 * trained;
  const Index doubles_written = 1 + 1 + 1;
  EXPECT_EQ(work.bytes_read, 4 * floats_read + 8 * doubles_read);
  EXPECT_EQ(work.bytes_written, 4 * floats_written + 8 * doubles_written);
  EXPECT_TRUE(work.complete);
  EXPECT_EQ(work.operations, 11);
  if (device_.backend == Backend::cpu) {
    EXPECT_EQ(work.launches, 0);
  } else {
    EXPECT_THAT(work.launched,
                testing::ElementsAre("gather_rows", "gather_rows", "fill", "linear_forward", "linear_forward",
                                     "elementwise_loss", "linear_backward (input)", "linear_backward (weight)",
                                     "linear_backward (weight)", "advance", "adam_step", "advance"));
  }
}

TEST_P(StepCost, OfARecordedStepIsLess) {
  if (device_.backend == Backend::cpu) return;
  Training training(device_, options_of(Path::recorded));
  const kernels::Work work = training.plan->count_step().taken;
  EXPECT_THAT(work.launched,
              testing::ElementsAre("gather_batch", "linear_forward", "linear_loss", "linear_backward (input)",
                                   "linear_backward_and_step", "linear_backward_and_step"));
  constexpr Index x = rows * inputs, h = rows * hidden, y = rows * outputs;
  constexpr Index weights1 = hidden * inputs, weights2 = outputs * hidden;
  constexpr Index stepped = 3 * (weights1 + hidden + weights2 + outputs);  // with Adam's moments
  const Index floats_read = x + y + rows                                   // batch
                            + x + weights1 + hidden                        // hidden layer
                            + h + weights2 + outputs + y                   // output layer and loss
                            + h + y + h     // output layer, with the activation's derivative,
                            + x + h         // and hidden layer,
                            + stepped + 2;  // where each steps at the rate
  const Index floats_written = x + y + h + y + y + h + stepped;
  // Position; the loss; two counters counted on; the number of the step, in either layer.
  EXPECT_EQ(work.bytes_read, 4 * floats_read + 8 * (1 + 1 + 2 + 2) + scratch);
  EXPECT_EQ(work.bytes_written, 4 * floats_written + 8 * (1 + 2) + scratch);
  const std::string what = training.plan->describe();
  EXPECT_THAT(what, HasSubstr("a step is 6 launches and " + std::to_string(work.bytes()) +
                              " bytes, operations one by one 12 launches and "));
}

TEST_P(StepCost, IsSaidByThePlanAndCostsNoStep) {
  Training training(device_, options_of(Path::direct));
  const TrainingPlan::StepCost cost = training.plan->count_step();
  const std::string what = training.plan->describe();
  const std::string plain_bytes = std::to_string(cost.plain.bytes()) + " bytes";
  if (device_.backend == Backend::cuda) {
    EXPECT_THAT(what, HasSubstr("a step is 12 launches and " + plain_bytes));
  } else {
    EXPECT_THAT(what, HasSubstr("weight gradients overwritten"));
    EXPECT_THAT(what, HasSubstr("a step is 10 operations and " + std::to_string(cost.taken.bytes()) +
                                " bytes, operations one by one 11 operations and " + plain_bytes));
  }
  EXPECT_EQ(training.optimizer->steps(training.stream), 0);
}

/// No zeros are written, and no gradient of a parameter is read before it is there.
TEST_P(StepCost, OfTheCpuOverwritesGradients) {
  if (device_.backend != Backend::cpu) return;
  Training training(device_, options_of(Path::direct));
  const TrainingPlan::StepCost cost = training.plan->count_step();
  constexpr Index gradients = outputs * hidden + outputs + hidden * inputs + hidden;
  EXPECT_EQ(cost.plain.bytes_read - cost.taken.bytes_read, 4 * gradients);
  EXPECT_EQ(cost.plain.bytes_written - cost.taken.bytes_written, 4 * training.network.parameters.trained().size);
  EXPECT_EQ(cost.plain.operations - cost.taken.operations, 1);
}

TEST_P(StepCost, OfAResidentTrainingIsSharedByTheStepsOfALaunch) {
  if (device_.backend == Backend::cpu) return;
  Training training(device_, options_of(Path::resident));
  const TrainingPlan::StepCost cost = training.plan->count_step();
  EXPECT_EQ(cost.plain.launches, 12);
  EXPECT_EQ(cost.taken.launches, 1);
  EXPECT_EQ(cost.steps, 3);
  constexpr Index values = hidden * (inputs + 1) + outputs * (hidden + 1);
  constexpr Index state = 4 * 3 * values + 16;  // Adam; the counter of steps and the sum of the loss
  EXPECT_EQ(cost.taken.bytes_written, state);
  const Index member = static_cast<Index>(sizeof(kernels::MlpMember));
  EXPECT_EQ(cost.taken.bytes_read, state + 4 + 4 * data_rows * (inputs + outputs + 1) + member);
  EXPECT_THAT(training.plan->describe(), HasSubstr("a step is 0.333 launches"));
}

MYNAH_ON_EVERY_DEVICE(StepCost);

}  // namespace
}  // namespace mynah::tests
