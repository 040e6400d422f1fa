// Populations of behaviour cloning: members get the bits they get alone, on every path; what members can differ in, and
// wrong words for it.

#include "algorithms/cloning_population.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/split.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

/// actions = sin(x0 - x1), or its sign: 90 rows in four episodes, batches of 32 leave a rest.
Demonstrations toy(bool discrete) {
  Demonstrations data;
  const Index rows = 90;
  data.observation_size = 2;
  data.observations.resize(static_cast<std::size_t>(2 * rows));
  Stream cpu({});
  kernels::normal(cpu, random_key(11, RandomStream::test), nullptr, 0.5f, 2.0f, {data.observations.data(), 2 * rows});
  data.discrete = discrete;
  data.action_size = discrete ? 0 : 1;
  data.action_count = discrete ? 2 : 0;
  for (std::size_t row = 0; row < 90; ++row) {
    const float a = std::sin(data.observations[2 * row] - data.observations[2 * row + 1]);
    if (discrete) {
      data.labels.push_back(a > 0 ? 1 : 0);
    } else {
      data.actions.push_back(a);
    }
  }
  data.episode_ends = {20, 50, 60, rows};
  data.source = "toy";
  return data;
}

std::vector<std::int32_t> range(std::int32_t begin, std::int32_t end) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(end - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

BehaviourCloningOptions toy_options() {
  BehaviourCloningOptions options;
  options.hidden = {16};
  options.epochs = 5;
  options.batch_size = 32;
  options.patience = 0;
  options.seed = 3;
  return options;
}

std::vector<float> weights_of(BehaviourCloning& cloning) {
  std::vector<float> all;
  for (const char* name : {"0.weight", "0.bias", "2.weight", "2.bias"}) {
    const auto one = cloning.policy().network().parameters.get(cloning.policy().stream(), name);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

std::string refusal(const std::string& words) {
  try {
    PopulationAxes::parse(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  return "accepted";
}

TEST(PopulationAxes, EveryCombinationIsAMember) {
  const auto axes = PopulationAxes::parse(" weight-decay=0,1e-2  seeds=2 learning-rate=1e-3,5e-4,1e-4 ");
  const auto members = axes.members(toy_options());
  ASSERT_EQ(members.size(), 12U);
  EXPECT_EQ(members[1].seed, 4U);
  EXPECT_EQ(members[1].learning_rate, 1e-3);
  EXPECT_EQ(members[2].learning_rate, 5e-4);
  EXPECT_EQ(members[11].weight_decay, 1e-2);
  EXPECT_EQ(PopulationAxes::parse("seeds=1").members(toy_options()).size(), 1U);
  EXPECT_TRUE(PopulationAxes::parse("seeds=2 subset=bootstrap").bootstrap);
  const auto folded = PopulationAxes::parse("learning-rate=1e-3,5e-4 folds=3").members(toy_options());
  ASSERT_EQ(folded.size(), 6U);
  EXPECT_EQ(folded[2].learning_rate, 1e-3);
  EXPECT_EQ(folded[3].learning_rate, 5e-4);
}

TEST(PopulationAxes, WrongWordsAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"seed=3", "did you mean 'seeds'?"},
      {"seeds", "'seeds' has no value"},
      {"seeds=", "'seeds=' has no value"},
      {"seeds=0", "is below 1"},
      {"seeds=-2", "is below 1"},
      {"seeds=two", "is not a number: 'two'"},
      {"seeds=2 seeds=3", "'seeds' is given twice"},
      {"learning-rate=0", "give positive numbers"},
      {"learning-rate=1e-3,x", "is not a number: 'x'"},
      {"learning-rate=nan", "give positive numbers"},
      {"weight-decay=-1", "give 0 or positive numbers"},
      {"subset=half", "give all or bootstrap"},
      {"seeds=5000", "makes 5000 members"},
      {"folds=1", "'folds=1' is below 2"},
      {"folds=-3", "is below 2"},
      {"folds=few", "is not a number: 'few'"},
      {"fold=3", "did you mean 'folds'?"},
      {"folds=3 subset=bootstrap", "'folds' does not go with subset=bootstrap"},
      {"folds=10 seeds=500", "makes 5000 members"},
      {"seeds=9223372036854775807 learning-rate=1e-3,1e-4", "members"},
      {"", "says nothing"},
  };
  for (const auto& [words, message] : cases) {
    EXPECT_NE(refusal(words).find(message), std::string::npos) << words << ": " << refusal(words);
    EXPECT_NE(refusal(words).find("--population"), std::string::npos) << words;
  }
}

TEST(BootstrapRows, AreWholeEpisodesButForTheLast) {
  const Demonstrations data = toy(false);
  const std::vector<std::int32_t> rows = range(0, 60);  // episodes of 20, 30 and 10 rows
  std::vector<std::int32_t> first;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto sample = bootstrap_rows(data, rows, seed);
    ASSERT_EQ(sample.size(), rows.size());
    EXPECT_EQ(sample, bootstrap_rows(data, rows, seed));
    if (seed == 0) first = sample;
    for (std::size_t i = 0; i < sample.size();) {
      const Index episode = data.episode_of(sample[i]);
      const RowRange range = data.episode(episode);
      ASSERT_EQ(sample[i], range.begin);
      for (Index row = range.begin; row < range.end && i < sample.size(); ++row, ++i) ASSERT_EQ(sample[i], row);
    }
  }
  EXPECT_NE(first, bootstrap_rows(data, rows, 1));
}

class ClonedPopulation : public EveryDevice {};
MYNAH_ON_EVERY_DEVICE(ClonedPopulation);

TEST_P(ClonedPopulation, MembersGetTheBitsTheyGetAlone) {
  for (const bool discrete : {false, true}) {
    const Demonstrations data = toy(discrete);
    const auto training = range(0, 70), validation = range(70, 90);
    const char* const axes = discrete ? "learning-rate=1e-2,1e-3 weight-decay=0,1e-1"
                                      : "seeds=2 learning-rate=1e-2,1e-3 weight-decay=0,1e-1";
    BehaviourCloningOptions options = toy_options();
    options.epochs = 3;
    CloningPopulation population(device_, data, training, validation, options, PopulationAxes::parse(axes));
    EXPECT_EQ(population.size(), discrete ? 4 : 8);
    const bool cuda = device_.backend == Backend::cuda;
    EXPECT_EQ(population.describe_plan().find("in one launch") != std::string::npos, cuda)
        << population.describe_plan();
    const auto results = population.fit();
    for (Index i = 0; i < population.size(); ++i) {
      BehaviourCloning alone(device_, data, training, validation, population.options(i));
      const auto result = alone.fit();
      EXPECT_EQ(weights_of(alone), weights_of(population.member(i))) << i;
      EXPECT_EQ(result.validation->loss, results[static_cast<std::size_t>(i)].validation->loss) << i;
      EXPECT_EQ(result.best_epoch, results[static_cast<std::size_t>(i)].best_epoch) << i;
    }
    EXPECT_NE(weights_of(population.member(0)), weights_of(population.member(2)));
  }
}

TEST_P(ClonedPopulation, BootstrapSamplesTrainOnTheirOwnRows) {
  const Demonstrations data = toy(false);
  const auto training = range(0, 60);
  CloningPopulation population(device_, data, training, {}, toy_options(),
                               PopulationAxes::parse("seeds=3 subset=bootstrap"));
  population.fit();
  for (Index i = 0; i < population.size(); ++i) {
    BehaviourCloningOptions options = population.options(i);
    CloningPopulation alone(device_, data, training, {}, options, PopulationAxes::parse("subset=bootstrap"));
    alone.fit();
    EXPECT_EQ(weights_of(alone.member(0)), weights_of(population.member(i))) << i;
    BehaviourCloning on_all(device_, data, training, {}, options);
    on_all.fit();
    EXPECT_NE(weights_of(on_all), weights_of(population.member(i))) << i;
  }
}

/// The rows of a fold, or all others.
std::vector<std::int32_t> rows_of_fold(const std::vector<std::int32_t>& fold, std::int32_t rows, bool others) {
  std::vector<std::int32_t> chosen;
  for (std::int32_t row = 0; row < rows; ++row) {
    const bool inside = std::find(fold.begin(), fold.end(), row) != fold.end();
    if (inside != others) chosen.push_back(row);
  }
  return chosen;
}

std::vector<PolicyMemory> memories() {
  std::vector<PolicyMemory> all(3);
  all[0].history = 2, all[0].actions = true;
  all[1].chunk = 3;
  all[2].recurrent = 5, all[2].sequence_length = 8;
  return all;
}

/// Windows of episodes and sequences are shared as rows are.
TEST_P(ClonedPopulation, MembersWithAMemoryGetTheBitsTheyGetAlone) {
  for (const PolicyMemory& memory : memories()) {
    SCOPED_TRACE(memory.describe());
    const bool discrete = memory.chunk > 1;
    const Demonstrations data = toy(discrete);
    const auto training = range(0, 60), validation = range(60, 90);
    BehaviourCloningOptions options = toy_options();
    options.epochs = 2;
    options.memory = memory;
    CloningPopulation population(device_, data, training, validation, options, PopulationAxes::parse("seeds=2"));
    const auto results = population.fit();
    for (Index i = 0; i < population.size(); ++i) {
      BehaviourCloning alone(device_, data, training, validation, population.options(i));
      EXPECT_EQ(alone.fit().validation->loss, results[static_cast<std::size_t>(i)].validation->loss) << i;
      EXPECT_EQ(weights_of(alone), weights_of(population.member(i))) << i;
    }
    // The windows of a fold's other episodes, in the order of a training on those rows alone.
    CloningPopulation folded(device_, data, range(0, 90), {}, options, PopulationAxes::parse("folds=2"), {}, 5);
    const auto of_folds = folded.fit();
    const auto folds = folds_of_episodes(data, range(0, 90), 2, 5);
    for (Index i = 0; i < 2; ++i) {
      const auto& fold = folds[static_cast<std::size_t>(i)];
      BehaviourCloning alone(device_, data, rows_of_fold(fold, 90, true), rows_of_fold(fold, 90, false),
                             folded.options(i));
      EXPECT_EQ(alone.fit().validation->loss, of_folds[static_cast<std::size_t>(i)].validation->loss) << i;
      EXPECT_EQ(weights_of(alone), weights_of(folded.member(i))) << i;
    }
  }
}

TEST_P(ClonedPopulation, RecurrentMembersHaveNoSamples) {
  BehaviourCloningOptions options = toy_options();
  options.memory = memories()[2];
  try {
    const CloningPopulation population(device_, toy(false), range(0, 90), {}, options,
                                       PopulationAxes::parse("seeds=2 subset=bootstrap"));
    ADD_FAILURE() << "it was not refused";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("take --history in place of --recurrent"), std::string::npos);
  }
}

TEST_P(ClonedPopulation, EachFoldGetsTheBitsOfItsOwnSplit) {
  const std::vector<std::string> schedules = cuda_schedules();
  for (const bool discrete : {false, true}) {
    const CudaScheduleScope scope(discrete ? schedules.front() : schedules.back());
    const Demonstrations data = toy(discrete);
    const auto rows = range(0, 90);
    BehaviourCloningOptions options = toy_options();
    options.normalize_observations = true;  // by the rows that it trains on
    options.normalize_actions = !discrete;
    options.patience = 2;
    options.batch_size = 20;
    options.epochs = 4;
    CloningPopulation population(device_, data, rows, {}, options,
                                 PopulationAxes::parse("learning-rate=1e-2,0.3 folds=3"), {}, 5);
    const bool cuda = device_.backend == Backend::cuda;
    EXPECT_EQ(population.describe_plan().find("in one launch") != std::string::npos, cuda)
        << population.describe_plan();
    Index most_steps = 0;
    const auto results = population.fit([&](const CloningPopulation::Report& report) {
      EXPECT_EQ(report.steps % report.epoch, 0);
      most_steps = std::max(most_steps, report.steps / report.epoch);
      return true;
    });
    const auto folds = folds_of_episodes(data, rows, 3, 5);
    Index most = 0;
    for (Index i = 0; i < 6; ++i) {
      const auto& fold = folds[static_cast<std::size_t>(i % 3)];
      const auto& result = results[static_cast<std::size_t>(i)];
      BehaviourCloning alone(device_, data, rows_of_fold(fold, 90, true), rows_of_fold(fold, 90, false),
                             population.options(i));
      const auto expected = alone.fit();
      EXPECT_EQ(weights_of(alone), weights_of(population.member(i))) << i;
      EXPECT_EQ(expected.validation->loss, result.validation->loss) << i;
      EXPECT_EQ(expected.training_loss, result.training_loss) << i;
      EXPECT_EQ(expected.epochs, result.epochs) << i;
      EXPECT_EQ(expected.steps, result.steps) << i;
      most = std::max(most, alone.plan().steps_per_epoch());
    }
    EXPECT_EQ(most_steps, most);
    const auto validation = cross_validation(results, 3);
    ASSERT_EQ(validation.size(), 2U);
    EXPECT_EQ(validation[1].first_member, 3);
    const double a = results[3].validation->loss, b = results[4].validation->loss, c = results[5].validation->loss;
    const double mean = (a + b + c) / 3;
    EXPECT_NEAR(validation[1].mean, mean, 1e-12 * mean);
    EXPECT_NEAR(std::pow(validation[1].deviation, 2),
                (std::pow(a - mean, 2) + std::pow(b - mean, 2) + std::pow(c - mean, 2)) / 3, 1e-9 * mean * mean);
  }
}

TEST_P(ClonedPopulation, FoldsNeedEpisodes) {
  const Demonstrations data = toy(false);  // of 4 episodes
  const auto axes = PopulationAxes::parse("folds=5");
  try {
    const CloningPopulation population(device_, data, range(0, 90), {}, toy_options(), axes);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_NE(std::string(error.what()).find("toy: has 4 episodes, which 5 folds cannot be made of"), std::string::npos)
        << error.what();
  }
}

TEST_P(ClonedPopulation, AMemberThatStopsEarlyLeavesTheOthersAlone) {
  const Demonstrations data = toy(false);
  BehaviourCloningOptions options = toy_options();
  options.patience = 2;
  options.epochs = 30;
  const auto training = range(0, 70), validation = range(70, 90);
  CloningPopulation population(device_, data, training, validation, options,
                               PopulationAxes::parse("learning-rate=0.5,1e-4"));
  Index both = 0, one = 0;
  const auto results = population.fit([&](const CloningPopulation::Report& report) {
    (report.training.size() == 2 ? both : one) += 1;
    return true;
  });
  ASSERT_TRUE(results[0].stopped_early) << "the high rate was to stop early";
  EXPECT_EQ(results[1].epochs, 30);
  EXPECT_EQ(both, results[0].epochs);
  EXPECT_EQ(one, 30 - results[0].epochs);
  for (Index i = 0; i < 2; ++i) {
    BehaviourCloning alone(device_, data, training, validation, population.options(i));
    alone.fit();
    EXPECT_EQ(weights_of(alone), weights_of(population.member(i))) << i;
  }
}

TEST_P(ClonedPopulation, GoesOnFromWhatItSaved) {
  const Demonstrations data = toy(false);
  const auto training = range(0, 70), validation = range(70, 90);
  const auto axes = PopulationAxes::parse("seeds=2 subset=bootstrap");
  CloningPopulation whole(device_, data, training, validation, toy_options(), axes);
  whole.fit();
  SafetensorsFile state;
  CloningPopulation stopped(device_, data, training, validation, toy_options(), axes);
  stopped.fit([&](const CloningPopulation::Report& report) {
    if (report.epoch == 2) state = stopped.save();
    return report.epoch < 2;
  });
  CloningPopulation resumed(device_, data, training, validation, toy_options(), axes);
  resumed.load(state);
  EXPECT_EQ(resumed.epochs_done(), 2);
  resumed.fit();
  for (Index i = 0; i < 2; ++i) EXPECT_EQ(weights_of(whole.member(i)), weights_of(resumed.member(i))) << i;

  CloningPopulation other(device_, data, training, validation, toy_options(), PopulationAxes::parse("seeds=3"));
  EXPECT_THROW(other.load(state), Error);
}

/// On CUDA fit() has queued the next epoch when it reports one.
TEST_P(ClonedPopulation, WhatItSavesIsOfTheEpochThatItReports) {
  const Demonstrations data = toy(false);
  BehaviourCloningOptions options = toy_options();
  options.patience = 1;
  options.epochs = 6;
  const auto training = range(0, 70), validation = range(70, 90);
  for (const std::string& schedule : cuda_schedules()) {
    const CudaScheduleScope scope(schedule);
    CloningPopulation population(device_, data, training, validation, options,
                                 PopulationAxes::parse("learning-rate=0.5,1e-4"));
    std::vector<SafetensorsFile> states;
    const auto results = population.fit([&](const CloningPopulation::Report&) {
      states.push_back(population.save());
      return true;
    });
    ASSERT_TRUE(results[0].stopped_early);
    ASSERT_EQ(states.size(), 6U);
    for (Index i = 0; i < 2; ++i) {
      BehaviourCloning alone(device_, data, training, validation, population.options(i));
      Stream& stream = alone.policy().stream();
      for (SafetensorsFile& state : states) {  // of a member that has ended it stays the last one
        if (alone.goes_on()) alone.finish_epoch(alone.plan().run_epoch(stream, alone.epochs_done()));
        for (const NamedTensor& tensor : alone.save().tensors) {
          const std::string name = "member." + std::to_string(i) + "." + tensor.name;
          EXPECT_EQ(state.at(name, tensor.shape).bytes, tensor.bytes) << name << " after " << alone.epochs_done();
        }
      }
    }
  }
}

TEST_P(ClonedPopulation, ALossThatIsNotFiniteNamesTheMember) {
  const Demonstrations data = toy(false);
  CloningPopulation population(device_, data, range(0, 70), {}, toy_options(),
                               PopulationAxes::parse("learning-rate=1e-3,1e38"));
  try {
    population.fit();
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("training, member 1, epoch "), std::string::npos) << error.what();
  }
  // What was trained beyond that epoch is taken back.
  BehaviourCloning alone(device_, data, range(0, 70), {}, population.options(0));
  for (Index epoch = 0; epoch <= population.epochs_done(); ++epoch) {
    alone.plan().run_epoch(alone.policy().stream(), epoch);
  }
  EXPECT_EQ(weights_of(alone), weights_of(population.member(0)));
}

}  // namespace
}  // namespace mynah::tests
