// Behaviour cloning of distributions of actions, and its augmentations, as bookkeeping: the same bits twice, after a
// resume, in a population; losses that mean what they say; mirror images and noise exactly. That they help is
// two_ways_test.cpp's and augmentation_test.cpp's business.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "algorithms/cloning_population.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using Kind = PolicyHead::Kind;

/// Two actions of unlike units, with noise: 90 rows in four episodes, so that batches of 32 leave a rest. The last
/// observation is constant.
Demonstrations toy(bool discrete = false) {
  Demonstrations data;
  constexpr std::size_t rows = 90;
  data.observation_size = 3;
  std::vector<float> numbers(rows * 4);
  Stream cpu({});
  kernels::normal(cpu, random_key(11, RandomStream::test), nullptr, 0.5f, 2.0f, {numbers.data(), rows * 4});
  data.discrete = discrete;
  data.action_size = discrete ? 0 : 2;
  data.action_count = discrete ? 3 : 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* const x = numbers.data() + 4 * row;
    data.observations.insert(data.observations.end(), {x[0], x[1], 4.0f});
    const float a = std::sin(x[0] - x[1]) + 0.1f * x[2];
    if (discrete) {
      data.labels.push_back(a > 0.3f ? 2 : a < -0.3f ? 0 : 1);
    } else {
      data.actions.insert(data.actions.end(), {a, 300.0f * a + 20.0f * x[3] + 1000.0f});
    }
  }
  data.episode_ends = {20, 50, 60, rows};
  data.source = "toy";
  return data;
}

BehaviourCloningOptions toy_options(const PolicyHead& head = {}) {
  BehaviourCloningOptions options;
  options.hidden = {8};
  options.epochs = 3;
  options.batch_size = 32;
  options.patience = 0;
  options.seed = 3;
  options.head = head;
  options.learning_rate = 1e-2;
  return options;
}

std::vector<std::int32_t> range(std::int32_t begin, std::int32_t end) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

BehaviourCloning make(DeviceId device, const BehaviourCloningOptions& options, bool discrete = false) {
  return {device, toy(discrete), range(0, 80), range(80, 90), options};
}

std::vector<std::byte> policy_bytes(BehaviourCloning& cloning) {
  return serialize_safetensors(cloning.policy().to_file());
}

/// Every head, normalised and not, with noise and a mirror on some.
std::vector<BehaviourCloningOptions> option_sets() {
  std::vector<BehaviourCloningOptions> sets;
  for (const PolicyHead& head : {PolicyHead{Kind::gaussian, 5, true}, PolicyHead{Kind::gaussian, 5, false},
                                 PolicyHead{Kind::mixture, 4, true}, PolicyHead{Kind::mixture, 4, false}}) {
    sets.push_back(toy_options(head));
    sets.push_back(toy_options(head));
    sets.back().normalize_actions = true;
  }
  sets[1].observation_noise = 0.1;
  sets[2].mirror = Mirror::parse("1,0,2", "0,-1");
  sets.push_back(toy_options());
  sets.back().observation_noise = 0.2;
  sets.back().mirror = Mirror::parse("1,0,2", "-0,1");
  return sets;
}

class CloningHead : public EveryDevice {};

TEST_P(CloningHead, SameBitsAfterAResume) {
  for (const auto& options : option_sets()) {
    SCOPED_TRACE(options.head.describe(2) + (options.normalize_actions ? ", normalised" : ""));
    BehaviourCloning whole = make(device_, options);
    std::vector<SafetensorsFile> states;
    const auto result = whole.fit([&](const EpochReport&) {
      states.push_back(whole.save());
      return true;
    });
    EXPECT_EQ(result.steps, options.mirror.empty() ? 9 : 15);
    const auto expected = policy_bytes(whole);
    BehaviourCloning resumed = make(device_, options);
    resumed.load(parse_safetensors(serialize_safetensors(states[1]), "state"));
    resumed.fit();
    EXPECT_EQ(policy_bytes(resumed), expected);
  }
}

/// The validation loss is -ln p of the actions in their own units; the squared error that of the actions that act()
/// takes.
TEST_P(CloningHead, ValidationIsOfActionsInTheirOwnUnits) {
  const Demonstrations data = toy();
  for (const auto& options : option_sets()) {
    if (!options.head.is_distribution()) continue;
    SCOPED_TRACE(options.head.describe(2) + (options.normalize_actions ? ", normalised" : ""));
    BehaviourCloning cloning = make(device_, options);
    const auto result = cloning.fit();
    Policy& policy = cloning.policy();
    const auto n = static_cast<std::size_t>(policy.parameter_size()),
               k = static_cast<std::size_t>(options.head.components());
    const Buffer<float> inputs(policy.stream(), std::span(data.observations).subspan(3 * std::size_t{80}));
    Buffer<float> places(device_, 10 * policy.parameter_size());
    policy.parameters({inputs.data(), 10, 3}, {places.data(), 10, policy.parameter_size()});
    const auto parameters = places.download(policy.stream());
    const auto log_scale = policy.log_scale();
    double loss = 0.0, squares = 0.0;
    for (std::size_t row = 0; row < 10; ++row) {
      const float* const of_row = parameters.data() + row * n;
      const float* const means = of_row + (k == 1 ? 0 : k);
      double density = 0.0, weights = 0.0;
      for (std::size_t i = 0; i < k; ++i) {
        const double weight = k == 1 ? 1.0 : std::exp(static_cast<double>(of_row[i]));
        double product = weight;
        for (std::size_t c = 0; c < 2; ++c) {
          const double deviation = std::exp(static_cast<double>(means[2 * (k + i) + c]) + log_scale[c]);
          const double z = (data.actions[2 * (80 + row) + c] - means[2 * i + c]) / deviation;
          product *= std::exp(-0.5 * z * z) / (deviation * std::sqrt(2.0 * 3.14159265358979323846));
        }
        density += product;
        weights += weight;
      }
      loss -= std::log(density / weights) / 10.0;
      std::vector<float> action(2);
      policy.act(std::span(data.observations).subspan(3 * (80 + row), 3), action);
      for (std::size_t c = 0; c < 2; ++c) squares += std::pow(action[c] - data.actions[2 * (80 + row) + c], 2) / 20.0;
    }
    EXPECT_NEAR(result.validation->loss, loss, 1e-4 * std::fabs(loss));
    ASSERT_TRUE(result.validation->squared_error);
    EXPECT_NEAR(*result.validation->squared_error, squares, 1e-4 * squares);
  }
}

/// Training on standardised actions is the same loss, but for the units.
TEST_P(CloningHead, TheLossOfStandardisedActionsDiffersByTheirUnits) {
  for (const PolicyHead& head : {PolicyHead{Kind::gaussian, 5, false}, PolicyHead{Kind::mixture, 4, true}}) {
    auto options = toy_options(head);
    options.normalize_actions = true;
    options.learning_rate = 1e-12;  // Stands still.
    BehaviourCloning cloning(device_, toy(), range(0, 90), range(0, 90), options);
    const auto result = cloning.fit();
    const auto log_scale = cloning.policy().log_scale();
    EXPECT_NEAR(result.validation->loss, result.training_loss + log_scale[0] + log_scale[1], 1e-4);
  }
}

TEST(CloningHeadLoss, LearnsTheLikelihood) {
  for (auto options : option_sets()) {
    if (!options.head.is_distribution() || !options.mirror.empty()) continue;
    SCOPED_TRACE(options.head.describe(2) + (options.normalize_actions ? ", normalised" : ""));
    options.epochs = 100;
    BehaviourCloning cloning = make({}, options);
    double first = 0.0;
    const auto result = cloning.fit([&](const EpochReport& report) {
      if (report.epoch == 1) first = report.training_loss;
      return true;
    });
    EXPECT_LT(result.training_loss, first - 0.5);
  }
}

TEST_P(CloningHead, MembersOfAPopulationGetTheirOwnBits) {
  for (auto options : option_sets()) {
    SCOPED_TRACE(options.head.describe(2) + (options.normalize_actions ? ", normalised" : ""));
    options.epochs = 2;
    CloningPopulation population(device_, toy(), range(0, 80), range(80, 90), options,
                                 PopulationAxes::parse("seeds=2 subset=bootstrap"));
    population.fit();
    for (Index i = 0; i < 2; ++i) {
      auto alone = population.options(i);
      Stream stream(device_);
      const BehaviourCloning::Data data(stream, toy(), range(0, 80), range(80, 90), options);
      auto rows = bootstrap_rows(toy(), range(0, 80), alone.seed);
      if (!options.mirror.empty()) {
        for (std::size_t r = 0; r < 80; ++r) rows.push_back(rows[r] + 80);
      }
      BehaviourCloning single(stream, data, toy(), alone, {}, rows);
      single.fit();
      EXPECT_EQ(policy_bytes(population.member(i)), policy_bytes(single)) << i;
    }
  }
}

/// A mirror is what writing the images into the file would be.
TEST_P(CloningHead, MirroredTrainingIsTrainingOnTheImages) {
  for (const bool discrete : {false, true}) {
    auto options = toy_options();
    options.keep_best = false;
    const Mirror mirror = Mirror::parse("1,0,2", discrete ? "2,1,0" : "0,-1");
    options.mirror = mirror;
    BehaviourCloning mirrored = make(device_, options, discrete);
    mirrored.fit();
    options.mirror = {};
    const Demonstrations both = with_mirror_images(toy(discrete), mirror, discrete ? 3 : 2);
    auto rows = range(0, 80);
    const auto images = range(90, 170);
    rows.insert(rows.end(), images.begin(), images.end());
    BehaviourCloning written(device_, both, rows, range(80, 90), options);
    written.fit();
    EXPECT_EQ(policy_bytes(mirrored), policy_bytes(written));
  }
}

/// With a learning rate of nothing the training loss of one batch is the loss of the disturbed inputs. A column in
/// other units, whose noise is in these units too, changes nothing: the network sees it standardised.
TEST_P(CloningHead, NoiseIsDrawnAnewAndInUnitsOfTheColumn) {
  auto options = toy_options();
  options.learning_rate = 1e-12;
  options.batch_size = 90;
  options.epochs = 4;
  options.observation_noise = 0.5;
  std::vector<double> losses;
  const auto losses_of = [&](const BehaviourCloningOptions& one, float unit = 1.0f) {
    Demonstrations data = toy();
    for (std::size_t i = 0; i < data.observations.size(); i += 3) data.observations[i] *= unit;
    BehaviourCloning cloning(device_, data, range(0, 90), {}, one);
    std::vector<double> each;
    cloning.fit([&](const EpochReport& report) {
      each.push_back(report.training_loss);
      return true;
    });
    return each;
  };
  const auto noisy = losses_of(options);
  EXPECT_EQ(losses_of(options), noisy);
  EXPECT_EQ(losses_of(options, 1024.0f), noisy);
  for (std::size_t i = 1; i < noisy.size(); ++i) EXPECT_NE(noisy[i], noisy[i - 1]);
  options.observation_noise = 0.0;
  const auto quiet = losses_of(options);
  EXPECT_NEAR(quiet[1], quiet[0], 1e-6 * quiet[0]);
  EXPECT_NE(noisy[0], quiet[0]);
}

/// They have no deviation, so that noise of any size leaves them alone.
TEST_P(CloningHead, ConstantColumnsAreNotDisturbed) {
  Demonstrations data = toy();
  for (std::size_t i = 0; i < data.observations.size(); ++i) data.observations[i] = static_cast<float>(i % 3);
  auto options = toy_options();
  BehaviourCloning plain(device_, data, range(0, 80), range(80, 90), options);
  options.observation_noise = 100.0;
  BehaviourCloning noisy(device_, data, range(0, 80), range(80, 90), options);
  EXPECT_NEAR(plain.fit().training_loss, noisy.fit().training_loss, 1e-6);
  EXPECT_NE(noisy.describe_plan().find("inputs disturbed by noise"), std::string::npos) << noisy.describe_plan();
}
MYNAH_ON_EVERY_DEVICE(CloningHead);

TEST(CloningHeadDevices, CudaAndEigenTrainToTheSameWeights) {
  const auto devices = list_devices();
  if (devices.size() < 2) GTEST_SKIP() << "no CUDA device here (" << cuda_unavailable_reason() << "): skipped";
  for (auto options : option_sets()) {
    SCOPED_TRACE(options.head.describe(2) + (options.normalize_actions ? ", normalised" : ""));
    options.epochs = 4;
    options.keep_best = false;
    options.learning_rate = 1e-3;
    BehaviourCloning cpu = make(devices[0].id, options), cuda = make(devices[1].id, options);
    cpu.fit();
    cuda.fit();
    for (const auto& tensor : cpu.policy().network().parameters.tensors()) {
      const auto expected = cpu.policy().network().parameters.get(cpu.policy().stream(), tensor.name);
      const auto got = cuda.policy().network().parameters.get(cuda.policy().stream(), tensor.name);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1e-4 * std::max(1.0f, std::fabs(expected[i])))
            << tensor.name << "[" << i << "]";
      }
    }
  }
}

TEST(CloningHeadErrors, SayWhatIsWrong) {
  const auto place_of = [](const BehaviourCloningOptions& options, bool discrete = false) {
    try {
      make({}, options, discrete);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_FALSE(error.remedy().empty());
      return error.place();
    }
    return std::string("accepted");
  };
  EXPECT_EQ(place_of(toy_options({Kind::mixture, 1, true})), "--mixture-components 1");
  EXPECT_EQ(place_of(toy_options({Kind::mixture, 33, true})), "--mixture-components 33");
  EXPECT_EQ(place_of(toy_options({Kind::gaussian, 5, true}), true), "--head gaussian");
  auto options = toy_options();
  options.observation_noise = -0.1;
  EXPECT_TRUE(place_of(options).starts_with("--observation-noise -0.1"));
  options.observation_noise = std::nan("");
  EXPECT_TRUE(place_of(options).starts_with("--observation-noise"));
  options = toy_options();
  options.mirror = Mirror::parse("1,0", "0,1");
  EXPECT_EQ(place_of(options), "--mirror-observations");
  options.mirror = Mirror::parse("1,0,2", "0,1,2");
  EXPECT_EQ(place_of(options), "--mirror-actions");
  options.mirror = Mirror::parse("1,0,2", "0,1");
  EXPECT_EQ(place_of(options, true), "--mirror-actions");
  options.mirror = Mirror::parse("1,0,2", "0,-1,2");
  EXPECT_EQ(place_of(options, true), "--mirror-actions");
}

}  // namespace
}  // namespace mynah::tests
