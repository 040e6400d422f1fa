// Ensembles of policies: what they say, where they are unsure, and in batches what they say row by row; files that are
// missing or damaged.

#include "algorithms/ensemble.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "algorithms/cloning_population.h"
#include "algorithms/policy_session.h"
#include "algorithms/rollout.h"
#include "engine/run_folder.h"
#include "kernels/error.h"
#include "kernels/random.h"
#include "tests/cuda_schedule.h"
#include "tests/every_device.h"
#include "tests/temporary_folder.h"

namespace mynah::tests {
namespace {

constexpr Index data_rows = 90;

/// [data_rows, 2], normal about 0.5 with deviation 2.
std::vector<float> normal_observations() {
  std::vector<float> observations(static_cast<std::size_t>(2 * data_rows));
  Stream cpu({});
  kernels::normal(cpu, random_key(11, RandomStream::test), nullptr, 0.5f, 2.0f, {observations.data(), 2 * data_rows});
  return observations;
}

/// Policies without hidden layers: y = bias, whatever the observation.
Policy constant_policy(bool discrete, std::vector<float> bias) {
  PolicyDescription description;
  description.mlp = {2, {}, static_cast<Index>(bias.size())};
  description.discrete = discrete;
  description.normalize_observations = false;
  Policy policy({}, description, 1);
  policy.network().parameters.set(policy.stream(), "0.weight", std::vector<float>(2 * bias.size(), 0.0f));
  policy.network().parameters.set(policy.stream(), "0.bias", bias);
  return policy;
}

TEST(Ensemble, MeanAndDeviationOfContinuousActions) {
  std::vector<Policy> members;
  for (const float value : {1.0f, 2.0f, 6.0f}) members.push_back(constant_policy(false, {value, -1.0f}));
  Ensemble ensemble(std::move(members));
  const std::vector<float> observation{0.3f, -2.0f};
  std::vector<float> action(2), disagreement(2);
  ensemble.act(observation, action, disagreement);
  EXPECT_FLOAT_EQ(action[0], 3.0f);
  EXPECT_FLOAT_EQ(action[1], -1.0f);
  EXPECT_FLOAT_EQ(disagreement[0], std::sqrt(14.0f / 3.0f));
  EXPECT_EQ(disagreement[1], 0.0f);
  EXPECT_THROW(ensemble.act(observation, std::span(action).first(1), disagreement), Error);
  EXPECT_THROW(ensemble.choose(observation, disagreement.data()), Error);
}

TEST(Ensemble, MutualInformationOfDiscreteActions) {
  const std::vector<float> observation{0.3f, -2.0f};
  const auto disagreement = [&](const std::vector<std::vector<float>>& scores, Index* action) {
    std::vector<Policy> members;
    members.reserve(scores.size());
    for (const auto& one : scores) members.push_back(constant_policy(true, one));
    Ensemble ensemble(std::move(members));
    float value = -1.0f;
    *action = ensemble.choose(observation, &value);
    return value;
  };
  Index action = -1;
  // All equally unsure: nothing to learn from asking another.
  EXPECT_NEAR(disagreement({{0.0f, 0.0f}, {0.0f, 0.0f}}, &action), 0.0f, 1e-6f);
  // Each sure of another: ln 2.
  EXPECT_NEAR(disagreement({{50.0f, 0.0f}, {0.0f, 50.0f}}, &action), std::log(2.0f), 1e-6f);
  // p = (0.8, 0.2) and (0.5, 0.5): H((0.65, 0.35)) - (H((0.8, 0.2)) + ln 2) / 2
  EXPECT_NEAR(disagreement({{std::log(4.0f), 0.0f}, {0.0f, 0.0f}}, &action), 0.0506722f, 1e-6f);
  EXPECT_EQ(action, 0);
}

class EnsembleBatch : public EveryDevice {
 protected:
  /// Networks with a hidden layer, of which the second has no bounds.
  Ensemble ensemble(bool discrete, Index outputs) const {
    std::vector<Policy> members;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      PolicyDescription description;
      description.mlp = {2, {8}, outputs};
      description.discrete = discrete;
      if (!discrete && seed != 2) {
        description.action_low.assign(static_cast<std::size_t>(outputs), -0.1f);
        description.action_high.assign(static_cast<std::size_t>(outputs), 0.05f * static_cast<float>(seed));
      }
      members.emplace_back(device_, description, seed);
    }
    return Ensemble(std::move(members));
  }
};
MYNAH_ON_EVERY_DEVICE(EnsembleBatch);

TEST_P(EnsembleBatch, SaysWhatRowsSayOneByOne) {
  const std::vector<float> data = normal_observations();
  for (const std::string& schedule : cuda_schedules()) {
    const CudaScheduleScope scope(schedule);
    for (const bool discrete : {false, true}) {
      for (const Index rows : {data_rows, Index{1}, Index{0}}) {
        const Index columns = discrete ? 4 : 3;
        Ensemble members = ensemble(discrete, columns);
        Stream stream(device_);
        const Buffer<float> observations(stream, std::span<const float>(data));
        const ConstMatrix from{observations.data(), rows, 2};
        const Index size = members.disagreement_size();
        Buffer<float> actions(device_, rows * columns), disagreement(device_, rows * size);
        Buffer<std::int32_t> choices(device_, rows);
        if (discrete) {
          members.choose(stream, from, choices.view(), disagreement.view());
        } else {
          members.act(stream, from, {actions.data(), rows, columns}, {disagreement.data(), rows, size});
        }
        const auto found_actions = actions.download(stream), found = disagreement.download(stream);
        const auto found_choices = choices.download(stream);
        std::vector<float> action(static_cast<std::size_t>(columns)), expected(static_cast<std::size_t>(size));
        for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
          const auto at = std::span<const float>(data).subspan(2 * row, 2);
          if (discrete) {
            EXPECT_EQ(found_choices[row], members.choose(at, expected.data())) << row;
          } else {
            members.act(at, action, expected);
            for (std::size_t c = 0; c < action.size(); ++c) {
              EXPECT_NEAR(found_actions[row * action.size() + c], action[c], 1e-6f) << row;
            }
          }
          for (std::size_t c = 0; c < expected.size(); ++c) {
            EXPECT_NEAR(found[row * expected.size() + c], expected[c], 1e-6f) << row;
          }
        }
      }
    }
  }
}

TEST_P(EnsembleBatch, RefusesTheOtherKindOfAction) {
  Stream stream(device_);
  Ensemble continuous = ensemble(false, 2), discrete = ensemble(true, 2);
  EXPECT_THROW(continuous.choose(stream, {nullptr, 0, 2}, {}, {}), Error);
  EXPECT_THROW(discrete.act(stream, {nullptr, 0, 2}, {}, {}), Error);
}

/// Members with a memory see what the ensemble did, each with a memory of its own: as sessions that are told.
TEST_P(EnsembleBatch, MembersWithAMemoryActInATask) {
  TaskOptions rules;
  rules.max_steps = 9;
  const auto task = make_task("pendulum", rules);
  std::vector<Policy> members, same;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    PolicyDescription description;
    description.mlp = {3, {8}, 1};
    description.memory.history = 2;
    description.memory.actions = true;
    description.action_low = {-0.1f}, description.action_high = {0.2f};
    members.emplace_back(device_, description, seed);
    same.emplace_back(device_, description, seed);
  }
  Ensemble ensemble(std::move(members));
  EnsembleActor actor(ensemble, *task);
  CollectOptions options;
  options.episodes = 3;
  const Demonstrations done = collect(ensemble.member(0).stream(), *task, actor, options);
  ASSERT_EQ(done.rows(), 27);
  PolicySession first(same[0]), second(same[1]);
  for (Index row = 0; row < done.rows(); ++row) {
    if (row % 9 == 0) first.begin_episode(), second.begin_episode();
    const float* const from = done.observation_matrix().row(row).data;
    const std::vector<float> seen(from, from + 3);
    std::vector<float> one(1), other(1);
    first.act(seen, one);
    second.act(seen, other);
    const float mean = 0.5f * (one[0] + other[0]);
    EXPECT_NEAR(done.actions[static_cast<std::size_t>(row)], mean, 1e-6f) << row;
    first.did({&mean, 1}), second.did({&mean, 1});
  }
  std::vector<float> action(1), disagreement(1);
  EXPECT_THROW(ensemble.act(std::vector<float>(3), action, disagreement), Error);
}

TEST(Ensemble, IsSurerWhereThereWereData) {
  Demonstrations data;  // actions = sin(x0 - x1)
  data.observation_size = 2;
  data.action_size = 1;
  data.observations = normal_observations();
  for (std::size_t row = 0; row < data_rows; ++row) {
    data.actions.push_back(std::sin(data.observations[2 * row] - data.observations[2 * row + 1]));
  }
  data.episode_ends = {20, 50, 60, data_rows};
  data.source = "sine";
  BehaviourCloningOptions options;
  options.hidden = {16};
  options.batch_size = 32;
  options.patience = 0;
  options.seed = 3;
  options.epochs = 200;
  options.learning_rate = 1e-2;
  std::vector<std::int32_t> rows(data_rows);
  std::iota(rows.begin(), rows.end(), 0);
  CloningPopulation population({}, data, rows, {}, options, PopulationAxes::parse("seeds=5"));
  population.fit();
  std::vector<Policy> members;
  for (Index i = 0; i < population.size(); ++i) {
    members.push_back(Policy::from_file(population.member(i).policy().to_file()));
  }
  Ensemble ensemble(std::move(members));
  double on_data = 0.0, off_data = 0.0;
  std::vector<float> action(1), disagreement(1);
  for (std::size_t row = 0; row < data_rows; ++row) {
    std::vector<float> at{data.observations[2 * row], data.observations[2 * row + 1]};
    ensemble.act(at, action, disagreement);
    on_data += disagreement[0];
    for (float& value : at) value = 0.5f + 5.0f * (value - 0.5f);
    ensemble.act(at, action, disagreement);
    off_data += disagreement[0];
  }
  EXPECT_GT(off_data, 3.0 * on_data);
}

TEST(Ensemble, NamesTheMemberThatIsMissingOrDamaged) {
  TemporaryFolder folder;
  const auto run_path = folder.path() / "run";
  {
    const RunFolder run = RunFolder::create(run_path, "");
    for (Index i = 0; i < 3; ++i) {
      run.save_member(i, constant_policy(false, {static_cast<float>(i)}).to_file());
    }
    run.save_policy(constant_policy(false, {1.0f}).to_file());
  }
  EXPECT_EQ(Ensemble::load(run_path).size(), 3);
  EXPECT_EQ(Ensemble::load(run_path / "policy.safetensors").size(), 1);
  const auto complaint = [&] {
    try {
      Ensemble::load(run_path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto second = RunFolder::member_path(run_path, 1);
  std::filesystem::rename(second, folder.path() / "aside");
  EXPECT_NE(complaint().find("001.safetensors: is missing"), std::string::npos) << complaint();
  std::ofstream(second) << "not a policy";
  EXPECT_NE(complaint().find("001.safetensors"), std::string::npos) << complaint();
  constant_policy(false, {1.0f, 2.0f}).save(second);
  EXPECT_NE(complaint().find("001.safetensors: takes other observations"), std::string::npos) << complaint();
  // Another run in the same folder leaves no old member behind.
  RunFolder::create(run_path, "", RunFolder::Existing::overwrite);
  EXPECT_FALSE(std::filesystem::exists(second));
}

}  // namespace
}  // namespace mynah::tests
