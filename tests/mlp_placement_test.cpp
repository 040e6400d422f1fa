// Networks that are trained resident (kernels/mlp_training.h) get the same bits wherever they are placed: however many
// rows of a batch are taken at a time, in a block or in the blocks of a cluster.

#include <string>
#include <vector>

#include "engine/buffer.h"
#include "kernels/mlp_training.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using kernels::MlpObjective;
using kernels::MlpPlacement;
using kernels::MlpShape;

struct Problem {
  std::string name;
  std::vector<Index> widths;  ///< From the inputs to the outputs.
  MlpObjective objective = {};
  Activation activation = Activation::tanh;
  Index rows = 50, batch = 22, steps = 3;  ///< The last batch is shorter.
};

MlpShape shape_of(const Problem& problem, Index* parameters) {
  MlpShape shape;
  shape.inputs = problem.widths[0];
  *parameters = 0;
  for (std::size_t i = 1; i < problem.widths.size(); ++i) {
    kernels::MlpLayer& layer = shape.layers[static_cast<std::size_t>(shape.layer_count)];
    layer.outputs = problem.widths[i];
    layer.activation = i + 1 < problem.widths.size() ? problem.activation : Activation::none;
    layer.weight = *parameters;
    *parameters += layer.outputs * shape.inputs_of(shape.layer_count);
    layer.bias = *parameters;
    *parameters += layer.outputs;
    ++shape.layer_count;
  }
  return shape;
}

Buffer<float> drawn(Stream& stream, Index count, std::uint64_t seed) {
  Buffer<float> values(stream.device(), count);
  kernels::normal(stream, random_key(seed, RandomStream::test), nullptr, 0.0f, 0.4f, values.view());
  return values;
}

/// Parameters and moments after the training, and the sum of the loss.
struct Trained {
  std::vector<float> state;
  double loss;
  friend bool operator==(const Trained&, const Trained&) = default;
};

class MlpPlacementTest : public EveryDevice {
 protected:
  void SetUp() override {
    EveryDevice::SetUp();
    if (!IsSkipped() && device_.backend == Backend::cpu) GTEST_SKIP() << "the CPU has nothing to place";
  }

  Trained train(const Problem& problem, const MlpPlacement& placement) const {
    Stream stream(device_);
    Index parameters = 0;
    const MlpShape shape = shape_of(problem, &parameters);
    const Buffer<float> theta = drawn(stream, parameters, 1);
    const Buffer<float> x = drawn(stream, problem.rows * shape.inputs, 2);
    const Buffer<float> y = drawn(stream, problem.rows * shape.outputs(), 3);
    Buffer<float> moments(stream.device(), 2 * parameters), rate(stream.device(), 1);
    Buffer<Index> count(stream.device(), 1);
    Buffer<double> loss(stream.device(), 1);
    moments.upload(stream, std::vector<float>(static_cast<std::size_t>(2 * parameters), 0.0f));
    rate.upload(stream, 0.02f);
    count.upload(stream, Index{0});
    loss.upload(stream, 0.0);
    std::vector<std::int32_t> classes(static_cast<std::size_t>(problem.rows));
    for (std::size_t i = 0; i < classes.size(); ++i) {
      classes[i] = static_cast<std::int32_t>(i * 7 % static_cast<std::size_t>(shape.outputs()));
    }
    Buffer<std::int32_t> labels(stream.device(), problem.rows);
    labels.upload(stream, classes);
    kernels::MlpMember member;
    member.parameters = theta.data();
    member.first_moment = moments.data();
    member.second_moment = moments.data() + parameters;
    member.learning_rate = rate.data();
    member.steps = count.data();
    member.loss_sum = loss.data();
    member.weight_decay = 0.01;
    member.order_key = random_key(5, RandomStream::permutation);
    const Buffer<kernels::MlpMember> members(stream, std::span<const kernels::MlpMember>(&member, 1));
    kernels::MlpData data;
    data.inputs = {x.data(), problem.rows, shape.inputs};
    data.values = {y.data(), problem.rows, shape.outputs()};
    data.labels = labels.view();
    kernels::train_mlp(stream, shape, problem.objective, data, members.view(),
                       {problem.rows, 2, 0, problem.batch, problem.steps}, placement);
    Trained result{theta.download(stream), loss.download(stream)[0]};
    const std::vector<float> kept = moments.download(stream);
    result.state.insert(result.state.end(), kept.begin(), kept.end());
    EXPECT_EQ(count.download(stream)[0], problem.steps);
    return result;
  }

  MlpPlacement placed(const Problem& problem) const {
    Stream stream(device_);
    Index parameters = 0;
    return kernels::place_mlp_training(stream, shape_of(problem, &parameters), problem.objective, problem.batch);
  }
  Index most_blocks() const {
    Stream stream(device_);
    return kernels::most_mlp_training_blocks(stream);
  }
};

std::vector<Problem> problems() {
  std::vector<Problem> all{{"ragged", {5, 33, 7, 2}}, {"one layer", {3, 11}}, {"wide end", {4, 9, 37}}};
  Problem classes{"classes", {6, 20, 18, 13}, {}, Activation::gelu};
  classes.objective.labels = classes.objective.descends = true;
  classes.objective.sgd.momentum = 0.9;
  all.push_back(classes);
  Problem decoupled{"AdamW", {4, 70, 5}, {}, Activation::relu};
  decoupled.objective.adam.decoupled = true;
  all.push_back(decoupled);
  return all;
}

TEST_P(MlpPlacementTest, RowsAtATimeDoNotChangeResults) {
  for (const Problem& problem : problems()) {
    ASSERT_EQ(placed(problem), (MlpPlacement{1, 24})) << problem.name;
    const Trained whole = train(problem, {1, 24});
    for (const Index chunk : {4, 8, 16, 20}) {
      EXPECT_TRUE(train(problem, {1, chunk}) == whole) << problem.name << ", " << chunk << " rows at a time";
    }
  }
}

TEST_P(MlpPlacementTest, BlocksOfAClusterDoNotChangeResults) {
  if (most_blocks() == 1) GTEST_SKIP() << "the device has no clusters";
  for (const Problem& problem : problems()) {
    const Trained alone = train(problem, {1, 24});
    for (const std::string& schedule : cuda_schedules()) {
      const CudaScheduleScope scope(schedule);
      for (const MlpPlacement& placement : {MlpPlacement{2, 24}, {2, 4}, {4, 8}, {8, 12}}) {
        EXPECT_TRUE(train(problem, placement) == alone) << problem.name << ", " << placement.blocks << " blocks, "
                                                        << placement.chunk << " rows at a time, schedule " << schedule;
      }
    }
  }
}

TEST_P(MlpPlacementTest, TakesAsFewBlocksAsItNeeds) {
  if (most_blocks() < 8) GTEST_SKIP() << "the device has no clusters of 8 blocks";
  EXPECT_EQ(placed({"", {17, 256, 6}, {}, Activation::relu, 64, 32}).blocks, 1);
  EXPECT_EQ(placed({"", {17, 128, 128, 6}, {}, Activation::relu, 64, 32}).blocks, 2);
  for (const Index batch : {16, 32, 256}) {
    const MlpPlacement placement = placed({"", {17, 256, 256, 6}, {}, Activation::relu, 512, batch});
    EXPECT_EQ(placement.blocks, 8) << batch;
    EXPECT_GE(placement.chunk, 16) << batch;
  }
  EXPECT_EQ(placed({"", {17, 512, 512, 6}, {}, Activation::relu, 64, 32}), (MlpPlacement{8, 0}));
}

TEST_P(MlpPlacementTest, RefusesWhatDoesNotFit) {
  const Problem problem{"", {17, 256, 256, 6}};
  EXPECT_THROW(train(problem, {1, 16}), Error) << "too large for one block";
  EXPECT_THROW(train(problem, {8, 200}), Error) << "too many rows";
  EXPECT_THROW(train(problem, {8, 0}), Error) << "no rows";
  EXPECT_THROW(train(problem, {3, 16}), Error) << "not a power of two";
  EXPECT_THROW(train({"", {5, 33, 7, 2}}, {1, 6}), Error) << "no multiple of 4";
}

MYNAH_ON_EVERY_DEVICE(MlpPlacementTest);

}  // namespace
}  // namespace mynah::tests
