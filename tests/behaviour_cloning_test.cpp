// Behaviour cloning as bookkeeping: the same bits twice, after a resume, on every device; nothing allocated in steady
// state; errors before anything is written. That it learns real tasks is learning_test.cpp's business.

#include "algorithms/behaviour_cloning.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/safetensors.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

/// actions = sin(observations · w): 90 rows, so that batches of 32 leave a rest of 26.
Demonstrations toy_demonstrations(bool discrete) {
  Demonstrations data;
  const Index rows = 90;
  data.observation_size = 5;
  data.observations.resize(static_cast<std::size_t>(rows * 5));
  Stream cpu({});
  kernels::normal(cpu, random_key(11, RandomStream::test), nullptr, 0.0f, 1.0f,
                  {data.observations.data(), static_cast<Index>(data.observations.size())});
  data.discrete = discrete;
  data.action_size = discrete ? 0 : 3;
  data.action_count = discrete ? 3 : 0;
  for (Index row = 0; row < rows; ++row) {
    const float* x = data.observations.data() + row * 5;
    const float a = std::sin(x[0] - x[1]);
    const float b = 0.5f * x[2];
    if (discrete) {
      data.labels.push_back(a > b ? (b > 0 ? 2 : 1) : 0);
    } else {
      data.actions.insert(data.actions.end(), {a, 3.0f * b + 7.0f, a * b});
    }
  }
  data.episode_ends = {30, 60, rows};
  data.source = "toy";
  return data;
}

BehaviourCloningOptions toy_options() {
  BehaviourCloningOptions options;
  options.hidden = {16, 8};
  options.epochs = 6;
  options.batch_size = 32;
  options.patience = 0;
  options.seed = 3;
  return options;
}

std::vector<std::int32_t> range(std::int32_t begin, std::int32_t end) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

BehaviourCloning make(DeviceId device, bool discrete, const BehaviourCloningOptions& options) {
  return {device, toy_demonstrations(discrete), range(0, 80), range(80, 90), options};
}

std::vector<std::byte> policy_bytes(BehaviourCloning& cloning) {
  return serialize_safetensors(cloning.policy().to_file());
}

class Cloning : public EveryDevice {};

TEST_P(Cloning, SameSeedGivesTheSameBits) {
  for (const bool discrete : {false, true}) {
    BehaviourCloning first = make(device_, discrete, toy_options());
    BehaviourCloning second = make(device_, discrete, toy_options());
    const auto result = first.fit();
    second.fit();
    EXPECT_EQ(policy_bytes(first), policy_bytes(second));
    EXPECT_EQ(result.steps, 18);
    auto other_seed = toy_options();
    other_seed.seed = 4;
    BehaviourCloning third = make(device_, discrete, other_seed);
    third.fit();
    EXPECT_NE(policy_bytes(first), policy_bytes(third));
  }
}

/// The precision of the products acts, and repeats its bits like everything else.
TEST_P(Cloning, PrecisionOfTheProducts) {
  std::vector<std::vector<std::byte>> policies;
  std::vector<double> losses;
  for (const auto precision : {kernels::Precision::float32, kernels::Precision::tf32, kernels::Precision::bfloat16}) {
    auto options = toy_options();
    options.precision = precision;
    BehaviourCloning cloning = make(device_, false, options);
    losses.push_back(cloning.fit().training_loss);
    policies.push_back(policy_bytes(cloning));
    BehaviourCloning again = make(device_, false, options);
    again.fit();
    EXPECT_EQ(policy_bytes(again), policies.back());
    EXPECT_NE(cloning.describe_plan().find(precision_name(precision)), std::string::npos) << cloning.describe_plan();
  }
  EXPECT_NE(policies[0], policies[1]);
  EXPECT_NE(policies[0], policies[2]);
  EXPECT_NE(policies[1], policies[2]);
  EXPECT_NEAR(losses[1], losses[0], 2e-3 * losses[0]);
  EXPECT_NEAR(losses[2], losses[0], 2e-2 * losses[0]);
}

TEST_P(Cloning, ResumedFromAnyEpochGivesTheSameBits) {
  for (const bool normalize_actions : {false, true}) {
    auto options = toy_options();
    options.normalize_actions = normalize_actions;
    BehaviourCloning whole = make(device_, false, options);
    std::vector<SafetensorsFile> states;
    whole.fit([&](const EpochReport&) {
      states.push_back(whole.save());
      return true;
    });
    const auto expected = policy_bytes(whole);
    for (const SafetensorsFile& state : states) {
      BehaviourCloning resumed = make(device_, false, options);
      resumed.load(parse_safetensors(serialize_safetensors(state), "state"));
      resumed.fit();
      EXPECT_EQ(policy_bytes(resumed), expected);
    }
  }
}

/// What fit() does, each epoch ended before the next one begins.
struct ByTurns {
  std::vector<EpochReport> reports;
  std::vector<std::vector<std::byte>> states;
  BehaviourCloningResult result;
  ByTurns(BehaviourCloning& cloning, Index most_epochs) {
    while (cloning.goes_on() && cloning.epochs_done() < most_epochs) {
      const Index epoch = cloning.epochs_done();
      reports.push_back(cloning.finish_epoch(cloning.plan().run_epoch(cloning.policy().stream(), epoch)));
      states.push_back(serialize_safetensors(cloning.save()));
    }
    result = cloning.finish();
  }
};

/// On CUDA fit() has queued the next epoch when it reports one: nobody may see it.
void expect_fit_like_turns(DeviceId device, bool discrete, const BehaviourCloningOptions& options, Index most_epochs) {
  BehaviourCloning ahead = make(device, discrete, options), plain = make(device, discrete, options);
  const ByTurns turns(plain, most_epochs);
  std::size_t epoch = 0;
  const auto result = ahead.fit([&](const EpochReport& report) {
    const EpochReport& expected = turns.reports.at(epoch);
    EXPECT_EQ(report.training_loss, expected.training_loss);
    EXPECT_EQ(report.validation->loss, expected.validation->loss);
    EXPECT_EQ(report.validation->accuracy, expected.validation->accuracy);
    EXPECT_EQ(report.best, expected.best);
    EXPECT_EQ(serialize_safetensors(ahead.save()), turns.states.at(epoch)) << "after epoch " << report.epoch;
    return ++epoch < static_cast<std::size_t>(most_epochs);
  });
  EXPECT_EQ(epoch, turns.reports.size());
  EXPECT_EQ(result.best_epoch, turns.result.best_epoch);
  EXPECT_EQ(result.stopped_early, turns.result.stopped_early);
  EXPECT_EQ(result.validation->loss, turns.result.validation->loss);
  EXPECT_EQ(serialize_safetensors(ahead.save()), serialize_safetensors(plain.save()));
  EXPECT_EQ(policy_bytes(ahead), policy_bytes(plain));
}

TEST_P(Cloning, AnEpochAheadIsNotSeen) {
  bool keep_best = false;
  for (const std::string& schedule : cuda_schedules()) {
    const CudaScheduleScope scope(schedule);
    keep_best = !keep_best;
    BehaviourCloningOptions options = toy_options();
    options.keep_best = keep_best;
    const BehaviourCloning cloning = make(device_, keep_best, options);
    EXPECT_EQ(cloning.describe_plan().find("an epoch in one launch") != std::string::npos,
              device_.backend == Backend::cuda);
    expect_fit_like_turns(device_, keep_best, options, 6);
    expect_fit_like_turns(device_, keep_best, options, 3);  // stopped by its observer
    options.learning_rate = 0.3;
    options.patience = 2;
    options.epochs = 40;
    expect_fit_like_turns(device_, keep_best, options, 40);  // stops early
  }
}

TEST_P(Cloning, AnEpochAheadIsTakenBackWhereTheLossIsNotFinite) {
  BehaviourCloningOptions options = toy_options();
  options.learning_rate = 1e38;
  BehaviourCloning ahead = make(device_, false, options), plain = make(device_, false, options);
  EXPECT_THROW(ahead.fit(), Error);
  EXPECT_THROW(ByTurns(plain, 6), Error);
  EXPECT_EQ(serialize_safetensors(ahead.save()), serialize_safetensors(plain.save()));
}

TEST_P(Cloning, LearnsTheToy) {
  auto options = toy_options();
  options.epochs = 150;
  options.hidden = {32};
  options.learning_rate = 1e-2;
  options.keep_best = false;
  BehaviourCloning regression = make(device_, false, options);
  double first = 0.0;
  const auto result = regression.fit([&](const EpochReport& report) {
    if (report.epoch == 1) first = report.training_loss;
    return true;
  });
  EXPECT_LT(result.training_loss, 0.002 * first);
  BehaviourCloning classification = make(device_, true, options);
  EXPECT_LT(classification.fit().training_loss, 0.05);
}

TEST_P(Cloning, SteadyStateAllocatesNothing) {
  Stream stream(device_);
  Policy policy(
      device_,
      [] {
        PolicyDescription description;
        description.mlp = {5, {16}, 3};
        return description;
      }(),
      1);
  const auto rows = range(0, 90);
  const ResidentData data(policy.stream(), toy_demonstrations(false), rows);
  Adam adam(policy.stream(), policy.network().parameters, {});
  TrainingPlan plan(policy.stream(), policy.network(), policy.input(), policy.head(), adam, data, {32});
  const EvaluationPlan evaluation(policy.stream(), policy.network(), policy.input(), policy.output(), Loss::mse, data);
  for (Index epoch = 0; epoch < 2; ++epoch) {
    plan.run_epoch(policy.stream(), epoch);
    evaluation.run(policy.stream());
  }
  const std::int64_t before = kernels::allocation_count();
  for (Index epoch = 2; epoch < 6; ++epoch) {
    plan.run_epoch(policy.stream(), epoch);
    evaluation.run(policy.stream());
  }
  EXPECT_EQ(kernels::allocation_count(), before);
}

TEST_P(Cloning, EveryRowIsUsedOnceAnEpoch) {
  // With learning rate 0 the mean over an epoch's batches, the ragged last one included, is the mean over the data.
  Policy policy(
      device_,
      [] {
        PolicyDescription description;
        description.mlp = {5, {16}, 3};
        description.normalize_observations = false;
        return description;
      }(),
      1);
  const auto rows = range(0, 90);
  const ResidentData data(policy.stream(), toy_demonstrations(false), rows);
  Adam::Options options;
  options.learning_rate = 0.0;
  Adam adam(policy.stream(), policy.network().parameters, options);
  TrainingPlan plan(policy.stream(), policy.network(), policy.input(), policy.head(), adam, data, {32});
  const EvaluationPlan evaluation(policy.stream(), policy.network(), policy.input(), policy.output(), Loss::mse, data);
  const double expected = evaluation.run(policy.stream()).loss;
  for (Index epoch = 0; epoch < 4; ++epoch) {
    EXPECT_NEAR(plan.run_epoch(policy.stream(), epoch), expected, 1e-6 * expected);
  }
}

TEST_P(Cloning, EarlyStoppingKeepsTheBestWeights) {
  auto options = toy_options();
  options.epochs = 400;
  options.patience = 5;
  options.learning_rate = 3e-2;
  BehaviourCloning cloning = make(device_, false, options);
  double best = INFINITY;
  const auto result = cloning.fit([&](const EpochReport& report) {
    best = std::min(best, report.validation->loss);
    return true;
  });
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs, result.best_epoch + 5);
  EXPECT_DOUBLE_EQ(result.validation->loss, best);
}
MYNAH_ON_EVERY_DEVICE(Cloning);

TEST(CloningDevices, CudaAndEigenTrainToTheSameWeights) {
  const auto devices = list_devices();
  if (devices.size() < 2) GTEST_SKIP() << "no CUDA device here (" << cuda_unavailable_reason() << "): skipped";
  auto options = toy_options();
  options.epochs = 67;  // 3 steps an epoch: 201 steps
  options.keep_best = false;
  for (const bool discrete : {false, true}) {
    BehaviourCloning cpu = make(devices[0].id, discrete, options);
    BehaviourCloning cuda = make(devices[1].id, discrete, options);
    EXPECT_GE(cpu.fit().steps, 200);
    cuda.fit();
    for (const auto& tensor : cpu.policy().network().parameters.tensors()) {
      const auto expected = cpu.policy().network().parameters.get(cpu.policy().stream(), tensor.name);
      const auto got = cuda.policy().network().parameters.get(cuda.policy().stream(), tensor.name);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1e-4) << tensor.name << "[" << i << "]";
      }
    }
  }
}

TEST(CloningErrors, SayWhatIsWrong) {
  const auto refused = [](const BehaviourCloningOptions& options) {
    try {
      make({}, false, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_FALSE(error.remedy().empty());
      return error.place();
    }
    return std::string("accepted");
  };
  auto options = toy_options();
  options.hidden = {16, 0};
  EXPECT_EQ(refused(options), "--hidden 0");
  options = toy_options();
  options.batch_size = 0;
  EXPECT_EQ(refused(options), "--batch-size 0");
  options = toy_options();
  options.epochs = 0;
  EXPECT_EQ(refused(options), "--epochs 0");
  options = toy_options();
  options.learning_rate = -1;
  EXPECT_TRUE(refused(options).starts_with("--learning-rate -1"));
  options = toy_options();
  options.patience = -1;
  EXPECT_EQ(refused(options), "--patience -1");
  EXPECT_THROW(BehaviourCloning({}, toy_demonstrations(false), {}, {}, toy_options()), Error);
}

TEST(CloningErrors, ALossThatExplodesIsReported) {
  auto options = toy_options();
  options.learning_rate = 1e30;
  options.epochs = 50;
  BehaviourCloning cloning = make({}, false, options);
  EXPECT_THROW(cloning.fit(), Error);
}

}  // namespace
}  // namespace mynah::tests
