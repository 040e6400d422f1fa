// Training plans that take many steps in one launch, beside plans that take them one by one.

#include "engine/resident_mlp.h"

#include <cmath>
#include <memory>
#include <numeric>

#include "engine/adam.h"
#include "engine/layers/dropout.h"
#include "engine/mlp.h"
#include "engine/population_plan.h"
#include "engine/rmsprop.h"
#include "engine/sgd.h"
#include "engine/snapshot_reader.h"
#include "engine/training_plan.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using kernels::Activation;
using Path = TrainingPlan::Path;
using Make = std::function<std::unique_ptr<Optimizer>(Stream&, const Parameters&)>;

constexpr Index inputs = 5, outputs = 3, rows = 150;

Demonstrations demonstrations(bool discrete) {
  Demonstrations data;
  data.observation_size = inputs;
  data.observations.resize(static_cast<std::size_t>(rows * inputs));
  Stream cpu({});
  kernels::normal(cpu, random_key(3, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {data.observations.data(), static_cast<Index>(data.observations.size())});
  data.discrete = discrete;
  if (discrete) {
    data.action_count = outputs;
  } else {
    data.action_size = outputs;
  }
  for (Index row = 0; row < rows; ++row) {
    const float* x = data.observations.data() + row * inputs;
    if (discrete) {
      data.labels.push_back(x[0] > x[1] ? (x[2] > 0.0f ? 2 : 1) : 0);
    } else {
      data.actions.insert(data.actions.end(), {std::sin(x[0] - x[1]), 0.5f * x[2] * x[3], x[4]});
    }
  }
  data.episode_ends = {rows};
  data.source = "toy";
  return data;
}

struct Wanted {
  std::vector<Index> hidden = {24, 17};
  Activation activation = Activation::tanh;
  LossOptions loss = {};
  Make optimizer = [](Stream& on, const Parameters& parameters) {
    return std::make_unique<Adam>(on, parameters, Adam::Options{});
  };
  Index batch = 32;
  std::vector<std::string> frozen = {};
  bool dropout = false;
  std::uint64_t seed = 7;
  Stream* stream = nullptr;            ///< Null: its own,
  const ResidentData* data = nullptr;  ///< likewise.
};

struct Training {
  Training(DeviceId device, const Wanted& wanted, Path path)
      : own_stream(wanted.stream == nullptr ? std::make_unique<Stream>(device) : nullptr),
        stream(wanted.stream == nullptr ? *own_stream : *wanted.stream),
        network(stream, make_graph(wanted), wanted.frozen),
        data(stream, demonstrations(takes_labels(wanted.loss.kind)), all_rows()) {
    network.parameters.initialize(stream, wanted.seed);
    optimizer = wanted.optimizer(stream, network.parameters);
    plan = std::make_unique<TrainingPlan>(stream, network, input, output, *optimizer,
                                          wanted.data == nullptr ? data : *wanted.data,
                                          TrainingPlan::Options{wanted.batch, wanted.loss, wanted.seed, path});
  }

  Graph make_graph(const Wanted& wanted) {
    Graph graph;
    input = graph.input(inputs);
    MlpOptions options;
    options.inputs = inputs;
    options.hidden = wanted.hidden;
    options.outputs = outputs;
    options.activation = wanted.activation;
    const Value from = wanted.dropout ? graph.add("drop", std::make_shared<Dropout>(0.1f), input) : input;
    output = add_mlp(graph, from, options);
    return graph;
  }
  static std::vector<std::int32_t> all_rows() {
    std::vector<std::int32_t> numbers(rows);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  }
  std::vector<float> weights() {
    const Vector trained = network.parameters.trained();
    std::vector<float> result(static_cast<std::size_t>(trained.size));
    kernels::copy_to_host(stream, result.data(), trained.data, result.size() * sizeof(float));
    return result;
  }

  std::unique_ptr<Stream> own_stream;
  Stream& stream;
  Value input, output;
  Network network;
  ResidentData data;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingPlan> plan;
};

/// Hidden layers that are too large for one block.
constexpr Index wide = 160, narrow = 100;

class ResidentTraining : public EveryDevice {
 protected:
  /// Epochs whose loss is within 1e-4 of what it is step by step.
  void expect_same_curve(const Wanted& wanted, Index epochs) const {
    Training resident(device_, wanted, Path::resident), recorded(device_, wanted, Path::recorded);
    double first = 0.0, last = 0.0;
    for (Index epoch = 0; epoch < epochs; ++epoch) {
      last = resident.plan->run_epoch(resident.stream, epoch);
      const double expected = recorded.plan->run_epoch(recorded.stream, epoch);
      ASSERT_NEAR(last, expected, 1e-4 * std::abs(expected)) << "epoch " << epoch;
      if (epoch == 0) first = last;
    }
    EXPECT_LT(last, 0.9 * first) << "something is learnt";
    EXPECT_EQ(resident.optimizer->steps(resident.stream), epochs * resident.plan->steps_per_epoch());
    EXPECT_EQ(resident.optimizer->learning_rate(resident.stream), recorded.optimizer->learning_rate(recorded.stream));
  }
  /// Or needs none.
  bool has_clusters() const {
    Stream stream(device_);
    return device_.backend == Backend::cpu || kernels::most_mlp_training_blocks(stream) >= 2;
  }
  std::string refusal(const Wanted& wanted) const {
    try {
      const Training training(device_, wanted, Path::resident);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

template <class Kind>
Make maker(const typename Kind::Options& options) {
  return [options](Stream& stream, const Parameters& parameters) {
    return std::make_unique<Kind>(stream, parameters, options);
  };
}

TEST_P(ResidentTraining, IsLikeStepsOneByOneFor500Steps) {
  expect_same_curve({.hidden = {12, 9}, .batch = 8}, 27);  // of 19 steps, the last one with a rest
}

TEST_P(ResidentTraining, HasAsManyStepsLikeThoseOneByOne) {
  expect_same_curve({.hidden = {40}, .activation = Activation::relu, .batch = 30}, 12);
  expect_same_curve({.hidden = {}}, 12);
}

TEST_P(ResidentTraining, ForClasses) {
  expect_same_curve({.activation = Activation::silu, .loss = Loss::softmax_cross_entropy}, 12);
}

TEST_P(ResidentTraining, WithDecoupledDecayAndASchedule) {
  Adam::Options options;
  options.learning_rate = 3e-3;
  options.constants.weight_decay = 0.02;
  options.constants.decoupled = true;
  options.common.schedule = {kernels::Schedule::cosine, 10, 50, 0.1};
  expect_same_curve({.loss = Loss::huber, .optimizer = maker<Adam>(options)}, 12);
}

TEST_P(ResidentTraining, WithMomentum) {
  Sgd::Options options;
  options.learning_rate = 0.02;
  options.constants.momentum = 0.9;
  options.constants.nesterov = true;
  expect_same_curve({.activation = Activation::gelu, .optimizer = maker<Sgd>(options)}, 12);
}

TEST_P(ResidentTraining, InTheBlocksOfACluster) {
  if (!has_clusters()) GTEST_SKIP() << "the device has no clusters";
  const Wanted wanted{.hidden = {wide, narrow}};
  const Training training(device_, wanted, Path::resident);
  if (device_.backend == Backend::cuda) {
    EXPECT_NE(training.plan->describe().find("an epoch in one launch, the network resident in a cluster of 2 blocks, "),
              std::string::npos)
        << training.plan->describe();
  }
  expect_same_curve(wanted, 20);
}

TEST_P(ResidentTraining, InTheBlocksOfAClusterIsLikeStepsOneByOneFor500Steps) {
  if (!has_clusters()) GTEST_SKIP() << "the device has no clusters";
  expect_same_curve({.hidden = {wide, narrow}}, 100);  // of 5 steps
}

TEST_P(ResidentTraining, StepsOneAtATimeGiveTheSameBits) {
  Training whole(device_, {}, Path::resident), single(device_, {}, Path::resident);
  for (Index epoch = 0; epoch < 3; ++epoch) {
    const double loss = whole.plan->run_epoch(whole.stream, epoch);
    single.plan->begin_epoch(single.stream, epoch);
    for (Index step = 0; step < single.plan->steps_per_epoch() + 2; ++step) single.plan->run_steps(single.stream);
    EXPECT_NEAR(single.plan->finish_epoch(single.stream), loss, 1e-12);
  }
  EXPECT_EQ(whole.weights(), single.weights());
}

/// Epochs queued ahead and read from snapshots, beside epochs and evaluations by turns.
void expect_snapshots_like_turns(DeviceId device, const Wanted& wanted) {
  Training ahead(device, wanted, Path::resident), turns(device, wanted, Path::resident);
  const EvaluationPlan evaluation(turns.stream, turns.network, turns.input, turns.output, wanted.loss, turns.data);
  SnapshotReader reader(ahead.stream, ahead.network, ahead.input, ahead.output, wanted.loss, &ahead.data);
  constexpr Index epochs = 4;
  std::vector<float> weights;
  ahead.plan->queue_epoch(ahead.stream, 0);
  for (Index epoch = 0; epoch < epochs; ++epoch) {
    reader.take(ahead.stream, *ahead.plan, epoch);
    ahead.plan->queue_epoch(ahead.stream, epoch + 1);
    EXPECT_EQ(turns.plan->run_epoch(turns.stream, epoch), ahead.plan->loss_of(reader.stream(), epoch)) << epoch;
    EXPECT_EQ(evaluation.run(turns.stream).loss, reader.evaluate().loss) << epoch;
    if (epoch + 1 == epochs) weights = turns.weights();
  }
  EXPECT_NE(ahead.weights(), weights) << "an epoch more";
  ahead.plan->go_back_to(ahead.stream, epochs - 1);
  EXPECT_EQ(ahead.weights(), weights);
  EXPECT_EQ(ahead.optimizer->steps(ahead.stream), turns.optimizer->steps(turns.stream));
  // The moments are back too, or the next epoch would differ.
  EXPECT_EQ(ahead.plan->run_epoch(ahead.stream, epochs), turns.plan->run_epoch(turns.stream, epochs));
  EXPECT_EQ(ahead.weights(), turns.weights());
}

TEST_P(ResidentTraining, SnapshotsAreReadWhileTheNextEpochTrains) {
  Adam::Options adam;
  adam.common.schedule = {kernels::Schedule::cosine, 2, 30, 0.1};
  Sgd::Options momentum;
  momentum.constants.momentum = 0.9;
  for (const std::string& schedule : cuda_schedules()) {
    const CudaScheduleScope scope(schedule);
    expect_snapshots_like_turns(device_, {.optimizer = maker<Adam>(adam)});
    expect_snapshots_like_turns(device_, {.loss = Loss::softmax_cross_entropy, .optimizer = maker<Sgd>(momentum)});
    if (has_clusters()) expect_snapshots_like_turns(device_, {.hidden = {wide, narrow}});
  }
}

TEST_P(ResidentTraining, OnlyResidentEpochsAreQueued) {
  Stream stream(device_);
  Wanted wanted;
  wanted.stream = &stream;
  Training one(device_, wanted, Path::direct);
  EXPECT_THROW(one.plan->queue_epoch(stream, 0), Error);
  PopulationPlan population(stream, {one.plan.get()});
  EXPECT_FALSE(population.is_resident());
  EXPECT_THROW(population.queue_epoch(stream, 0), Error);
}

TEST_P(ResidentTraining, ASnapshotReaderRefusesFrozenTensors) {
  Stream stream(device_);
  Graph graph;
  MlpOptions options;
  options.inputs = inputs;
  options.hidden = {4};
  options.outputs = outputs;
  const Value input = graph.input(inputs), output = add_mlp(graph, input, options);
  const Network network(stream, graph, {"0.weight"});
  EXPECT_THROW(SnapshotReader(stream, network, input, output, {}, nullptr), Error);
}

TEST_P(ResidentTraining, IsChosenWhereItPays) {
  const Training small(device_, {}, Path::automatic), large(device_, {.hidden = {300, 300}}, Path::automatic);
  const std::string what = small.plan->describe();
  if (device_.backend == Backend::cpu) {
    EXPECT_NE(what.find("not resident: the CPU has no launches to save"), std::string::npos) << what;
    return;
  }
  EXPECT_NE(what.find("an epoch in one launch"), std::string::npos) << what;
  EXPECT_NE(what.find("32 rows at a time"), std::string::npos) << what;
  const std::string other = large.plan->describe();
  EXPECT_NE(other.find("steps recorded"), std::string::npos) << other;
  EXPECT_NE(other.find("not resident: the network does not fit"), std::string::npos) << other;
  const Training work(device_, {.hidden = {64, 64}, .batch = 150}, Path::automatic);
  EXPECT_NE(work.plan->describe().find("enough work for the whole device"), std::string::npos);
  if (!has_clusters()) return;
  const Training shared(device_, {.hidden = {wide, narrow}}, Path::automatic);
  EXPECT_NE(shared.plan->describe().find("resident in a cluster"), std::string::npos);
}

TEST_P(ResidentTraining, SaysThatTheDeviceHasNoClusters) {
  if (device_.backend == Backend::cpu || !has_cuda_schedules())
    GTEST_SKIP() << "only the emulated device can have none";
  const NoCudaClusters none;
  const Training training(device_, {.hidden = {wide, narrow}}, Path::automatic);
  const std::string what = training.plan->describe();
  EXPECT_NE(what.find("not resident: the network does not fit into a block's shared memory, and the device has no "
                      "clusters of blocks"),
            std::string::npos)
      << what;
}

TEST_P(ResidentTraining, RefusesWhatItCannotDo) {
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find("cannot be resident: " + part), std::string::npos) << text;
  };
  has(refusal({.dropout = true}), "the network is more than linear layers one behind the other");
  has(refusal({.hidden = std::vector<Index>(8, 4)}), "the network has more than 8 layers");
  has(refusal({.frozen = {"0.bias"}}), "some tensors are frozen");
  has(refusal({.optimizer = maker<RmsProp>({})}), "the optimizer is rmsprop");
  Adam::Options options;
  options.common.clip_norm = 1.0;
  has(refusal({.optimizer = maker<Adam>(options)}), "gradients are clipped");
  options.common = {};
  options.common.ema_decay = 0.9;
  has(refusal({.optimizer = maker<Adam>(options)}), "an average of the weights is kept");
  options.common = {};
  options.constants.epsilon = 0.0;
  has(refusal({.optimizer = maker<Adam>(options)}), "adam's epsilon is 0");
  LossOptions smoothed(Loss::softmax_cross_entropy);
  smoothed.label_smoothing = 0.1f;
  has(refusal({.loss = smoothed}), "softmax cross-entropy has options");
}

/// Seeds, learning rates and weight decays.
Make optimizer_of_member(int number) {
  Adam::Options options;
  options.learning_rate = 1e-3 * (1 + number);
  options.constants.weight_decay = 0.01 * number;
  options.constants.decoupled = true;
  options.common.schedule = {kernels::Schedule::cosine, 2, 30, 0.1};
  return maker<Adam>(options);
}

Wanted member(int number, const std::vector<Index>& hidden = {24, 17}) {
  return {.hidden = hidden, .optimizer = optimizer_of_member(number), .seed = static_cast<std::uint64_t>(number)};
}

TEST_P(ResidentTraining, EachMemberOfAPopulationIsTrainedAsIfAlone) {
  for (const Path path : {Path::resident, Path::recorded}) {
    Stream stream(device_);
    const ResidentData data(stream, demonstrations(false), Training::all_rows());
    std::vector<std::unique_ptr<Training>> trainings;
    std::vector<TrainingPlan*> plans;
    for (int i = 0; i < 5; ++i) {
      Wanted wanted = member(i);
      wanted.stream = &stream;
      wanted.data = &data;
      trainings.push_back(std::make_unique<Training>(device_, wanted, path));
      plans.push_back(trainings.back()->plan.get());
    }
    PopulationPlan population(stream, plans);
    const bool cuda = device_.backend == Backend::cuda;
    EXPECT_NE(population.describe().find(path == Path::resident ? "5 networks, an epoch of all in one launch"
                                         : cuda                 ? "5 networks, steps of all recorded together"
                                                                : "5 networks, one after the other"),
              std::string::npos)
        << population.describe();
    std::vector<double> losses;
    for (Index epoch = 0; epoch < 3; ++epoch) losses = population.run_epoch(stream, epoch);
    for (int i = 0; i < 5; ++i) {
      Training alone(device_, member(i), path);
      double loss = 0.0;
      for (Index epoch = 0; epoch < 3; ++epoch) loss = alone.plan->run_epoch(alone.stream, epoch);
      Training& together = *trainings[static_cast<std::size_t>(i)];
      EXPECT_EQ(together.weights(), alone.weights()) << "member " << i;
      EXPECT_EQ(losses[static_cast<std::size_t>(i)], loss) << "member " << i;
      EXPECT_EQ(together.optimizer->steps(stream), 15);
      EXPECT_EQ(together.optimizer->learning_rate(stream), alone.optimizer->learning_rate(alone.stream));
    }
    EXPECT_NE(trainings[0]->weights(), trainings[1]->weights());
  }
}

TEST_P(ResidentTraining, PopulationsHaveAClusterForEachMember) {
  if (!has_clusters()) GTEST_SKIP() << "the device has no clusters";
  Stream stream(device_);
  const ResidentData data(stream, demonstrations(false), Training::all_rows());
  std::vector<std::unique_ptr<Training>> trainings;
  std::vector<TrainingPlan*> plans;
  for (int i = 0; i < 3; ++i) {
    Wanted one = member(i, {wide, narrow});
    one.stream = &stream;
    one.data = &data;
    trainings.push_back(std::make_unique<Training>(device_, one, Path::resident));
    plans.push_back(trainings.back()->plan.get());
  }
  PopulationPlan population(stream, plans);
  const std::string what = population.describe();
  EXPECT_NE(what.find("3 networks, an epoch of all in one launch"), std::string::npos) << what;
  if (device_.backend == Backend::cuda) {
    EXPECT_NE(what.find("a cluster of 2 blocks"), std::string::npos) << what;
  }
  const std::vector<double> losses = population.run_epoch(stream, 0);
  for (int i = 0; i < 3; ++i) {
    Training alone(device_, member(i, {wide, narrow}), Path::resident);
    EXPECT_EQ(alone.plan->run_epoch(alone.stream, 0), losses[static_cast<std::size_t>(i)]) << "member " << i;
    EXPECT_EQ(trainings[static_cast<std::size_t>(i)]->weights(), alone.weights()) << "member " << i;
  }
}

TEST_P(ResidentTraining, APopulationRefusesMembersOfAnotherStream) {
  if (device_.backend == Backend::cpu) GTEST_SKIP() << "operations of the CPU are done when their calls return";
  Stream stream(device_);
  Training own(device_, {.stream = &stream}, Path::resident), foreign(device_, {}, Path::resident);
  try {
    const PopulationPlan population(stream, {own.plan.get(), foreign.plan.get()});
    FAIL() << population.describe();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("member 1 was made on another stream"), std::string::npos) << error.what();
  }
}

Wanted small_member(int number) {
  return {.hidden = {4 + number % 3},
          .optimizer = optimizer_of_member(number),
          .batch = 75,
          .dropout = number % 2 == 1,
          .seed = static_cast<std::uint64_t>(number)};
}

/// Seventy members, more than there are branches.
TEST_P(ResidentTraining, MembersOfAPopulationShareBranches) {
  Stream stream(device_);
  const ResidentData data(stream, demonstrations(false), Training::all_rows());
  std::vector<std::unique_ptr<Training>> trainings;
  std::vector<TrainingPlan*> plans;
  for (int i = 0; i < 70; ++i) {
    Wanted wanted = small_member(i);
    wanted.stream = &stream;
    wanted.data = &data;
    trainings.push_back(std::make_unique<Training>(device_, wanted, Path::recorded));
    plans.push_back(trainings.back()->plan.get());
  }
  PopulationPlan population(stream, plans);
  if (device_.backend == Backend::cuda) {
    EXPECT_NE(population.describe().find("in 64 branches"), std::string::npos) << population.describe();
    EXPECT_NE(population.describe().find("the device, 2 at a time"), std::string::npos) << population.describe();
  }
  std::vector<double> losses;
  for (Index epoch = 0; epoch < 2; ++epoch) losses = population.run_epoch(stream, epoch);
  for (const int i : {0, 1, 63, 64, 69}) {
    Training alone(device_, small_member(i), Path::recorded);
    double loss = 0.0;
    for (Index epoch = 0; epoch < 2; ++epoch) loss = alone.plan->run_epoch(alone.stream, epoch);
    EXPECT_EQ(trainings[static_cast<std::size_t>(i)]->weights(), alone.weights()) << "member " << i;
    EXPECT_EQ(losses[static_cast<std::size_t>(i)], loss) << "member " << i;
  }
}

/// Plans that ran before, alone or among others, have no scratch memory on the branches of a new population.
TEST_P(ResidentTraining, APopulationGoesOnWithSomeOfItsMembers) {
  Stream stream(device_);
  std::vector<std::unique_ptr<Training>> trainings;
  for (int i = 0; i < 3; ++i) {
    Wanted wanted = member(i);
    wanted.stream = &stream;
    trainings.push_back(std::make_unique<Training>(device_, wanted, Path::recorded));
  }
  TrainingPlan &first = *trainings[0]->plan, &second = *trainings[1]->plan, &third = *trainings[2]->plan;
  first.run_epoch(stream, 0);
  second.run_epoch(stream, 0);
  third.run_epoch(stream, 0);
  PopulationPlan(stream, {&first, &second, &third}).run_epoch(stream, 1);
  PopulationPlan(stream, {&first, &third}).run_epoch(stream, 2);
  first.run_epoch(stream, 3);
  for (const int i : {0, 2}) {
    Training alone(device_, member(i), Path::recorded);
    for (Index epoch = 0; epoch < (i == 0 ? 4 : 3); ++epoch) alone.plan->run_epoch(alone.stream, epoch);
    EXPECT_EQ(trainings[static_cast<std::size_t>(i)]->weights(), alone.weights()) << "member " << i;
  }
}

TEST_P(ResidentTraining, AMixedPopulationTrainsOneAfterTheOther) {
  Stream stream(device_);
  Training one(device_, {.stream = &stream}, Path::resident);
  Training other(device_, {.hidden = {12}, .stream = &stream}, Path::resident);
  PopulationPlan population(stream, {one.plan.get(), other.plan.get()});
  EXPECT_NE(population.describe().find("one after the other"), std::string::npos) << population.describe();
  EXPECT_EQ(population.run_epoch(stream, 0).size(), 2u);
  EXPECT_THROW(PopulationPlan(stream, {}), Error);
}

MYNAH_ON_EVERY_DEVICE(ResidentTraining);

}  // namespace
}  // namespace mynah::tests
