// Windows of episodes as rows of a data set, and training on them, against what is written out in full.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "algorithms/behaviour_cloning.h"
#include "algorithms/policy_session.h"
#include "kernels/gather.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

/// Episodes of 3, 1 and 7 steps; observation (row, -row), action or label from the row.
Demonstrations numbered(bool discrete) {
  Demonstrations data;
  data.observation_size = 2;
  data.discrete = discrete;
  data.action_size = discrete ? 0 : 1;
  data.action_count = discrete ? 3 : 0;
  data.episode_ends = {3, 4, 11};
  for (int row = 0; row < 11; ++row) {
    data.observations.insert(data.observations.end(),
                             {0.1f * static_cast<float>(row), -0.2f * static_cast<float>(row)});
    if (discrete) {
      data.labels.push_back(row * 7 % 3);
    } else {
      data.actions.push_back(std::sin(static_cast<float>(row)));
    }
  }
  data.source = "numbered";
  return data;
}

std::vector<std::int32_t> all_rows(const Demonstrations& data) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(data.rows()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// What the definition of RowWindows says, written out.
struct Expected {
  std::vector<float> inputs, values, weights;
  std::vector<std::int32_t> labels;
  Index windows = 0;

  Expected(const Demonstrations& data, const RowWindows& w) {
    for (Index e = 0; e < data.episodes(); ++e) {
      const RowRange rows = data.episode(e);
      for (Index s = 0; s < rows.size(); s += w.every) {
        if (w.every > 1 && s > 0 && s - w.every + w.targets >= rows.size()) continue;
        ++windows;
        for (Index i = s - w.before; i < s - w.before + w.inputs; ++i) {
          const auto row = static_cast<std::size_t>(rows.begin + std::clamp<Index>(i, 0, rows.size() - 1));
          inputs.insert(inputs.end(), {data.observations[2 * row], data.observations[2 * row + 1]});
        }
        for (Index i = s; i < s + w.targets; ++i) {
          const bool there = i < rows.size();
          weights.push_back(there ? 1.0f : 0.0f);
          const auto row = static_cast<std::size_t>(rows.begin + i);
          if (data.discrete) labels.push_back(there ? data.labels[row] : RowWindows::no_label);
          if (!data.discrete) values.push_back(there ? data.actions[row] : 0.0f);
        }
      }
    }
  }
};

class Windows : public EveryDevice {};

TEST_P(Windows, AreThoseOfTheDefinition) {
  Stream stream(device_);
  for (const bool discrete : {false, true}) {
    const Demonstrations data = numbered(discrete);
    for (const RowWindows& windows : {RowWindows{4, 3, 1, 1}, {1, 0, 5, 1}, {3, 2, 2, 1}, {4, 0, 4, 2}, {8, 0, 8, 4}}) {
      const Expected expected(data, windows);
      const ResidentData resident(stream, data, all_rows(data), windows);
      const ConstLabels rows = resident.window_rows();
      ASSERT_EQ(rows.size, expected.windows);
      const Buffer<float> inputs(device_, rows.size * windows.inputs * 2);
      kernels::gather_rows(stream, resident.inputs(), rows, nullptr, {inputs.data(), rows.size, windows.inputs * 2});
      EXPECT_EQ(inputs.download(stream), expected.inputs);
      EXPECT_EQ(resident.count_targets(stream, rows),
                std::accumulate(expected.weights.begin(), expected.weights.end(), 0.0));
      if (discrete) {
        const Buffer<std::int32_t> labels(device_, rows.size * windows.targets);
        kernels::gather_label_windows(stream, resident.labels(), windows.targets, rows, nullptr, labels.view());
        EXPECT_EQ(labels.download(stream), expected.labels);
        continue;
      }
      const Buffer<float> values(device_, rows.size * windows.targets);
      const Matrix place{values.data(), rows.size, windows.targets};
      kernels::gather_rows(stream, resident.values(), rows, nullptr, place);
      auto found = values.download(stream);
      for (std::size_t i = 0; i < found.size(); ++i) found[i] *= expected.weights[i];
      EXPECT_EQ(found, expected.values);
      if (windows.targets == 1) continue;
      kernels::gather_rows(stream, resident.target_weights(), rows, nullptr, place);
      EXPECT_EQ(values.download(stream), expected.weights);
    }
  }
}

/// Some rows of an episode, as a split within it gives, are an episode of their own.
TEST_P(Windows, StayWithinTheRowsThatAreGiven) {
  Stream stream(device_);
  const Demonstrations data = numbered(false);
  const std::vector<std::int32_t> rows{2, 3, 6, 7};
  const ResidentData resident(stream, data, rows, RowWindows{2, 1, 2, 1});
  const Buffer<float> inputs(device_, 4 * 4);
  kernels::gather_rows(stream, resident.inputs(), resident.window_rows(), nullptr, {inputs.data(), 4, 4});
  const auto found = inputs.download(stream);
  for (const auto& [place, row] :
       {std::pair<std::size_t, int>{0, 2}, {2, 2}, {4, 3}, {6, 3}, {8, 6}, {10, 6}, {12, 6}, {14, 7}}) {
    EXPECT_FLOAT_EQ(found[place], 0.1f * static_cast<float>(row)) << place;
  }
  EXPECT_EQ(resident.count_targets(stream, resident.window_rows()), 5.0);
}

TEST_P(Windows, RefuseWhatTheyAreNotMadeFor) {
  Stream stream(device_);
  const Demonstrations data = numbered(false);
  for (const RowWindows& wrong : {RowWindows{0, 0, 1, 1}, {1, -1, 1, 1}, {1, 0, 0, 1}, {1, 0, 1, 0}}) {
    EXPECT_THROW(ResidentData(stream, data, all_rows(data), wrong), Error);
  }
  ResidentData resident(stream, data, all_rows(data), RowWindows{2, 1, 2, 1});
  EXPECT_THROW(resident.value_moments(stream), Error);
  EXPECT_THROW(resident.standardize_values(stream, {{0.0f, 0.0f}, {1.0f, 1.0f}}), Error);
  resident.check_targets(stream, Loss::mse, 2);
  for (const Index columns : {1, 3, 4}) EXPECT_THROW(resident.check_targets(stream, Loss::mse, columns), Error);
}

BehaviourCloningOptions options_of(const PolicyMemory& memory) {
  BehaviourCloningOptions options;
  options.hidden = {8};
  options.epochs = 4;
  options.batch_size = 4;
  options.patience = 0;
  options.learning_rate = 1e-2;
  options.seed = 3;
  options.memory = memory;
  return options;
}

std::vector<std::byte> policy_bytes(BehaviourCloning& cloning) {
  return serialize_safetensors(cloning.policy().to_file());
}

std::vector<PolicyMemory> memories() {
  std::vector<PolicyMemory> all(5);
  all[0].history = 3;
  all[1].chunk = 3;
  all[2].history = 2, all[2].chunk = 5, all[2].chunk_execution = PolicyMemory::ChunkExecution::open_loop;
  all[3].recurrent = 5, all[3].sequence_length = 4;
  all[4].history = 2, all[4].actions = true;
  return all;
}

/// Trained on overlapping rows, the weights have the bits of a training on every history written out.
TEST_P(Windows, TrainAsHistoriesWrittenOut) {
  for (const bool discrete : {false, true}) {
    const Demonstrations data = numbered(discrete);
    Demonstrations stacked = data;
    stacked.observation_size = 6;
    stacked.observations = Expected(data, {3, 2, 1, 1}).inputs;
    PolicyMemory memory;
    memory.history = 3;
    BehaviourCloningOptions options = options_of(memory);
    options.normalize_observations = false;
    BehaviourCloning windows(device_, data, all_rows(data), {}, options);
    options.memory = {};
    BehaviourCloning plain(device_, stacked, all_rows(data), {}, options);
    // Where a device has a faster way for plain rows, its sums are others.
    const bool same_path = device_.backend == Backend::cpu;
    EXPECT_NEAR(windows.fit().training_loss, plain.fit().training_loss, same_path ? 0.0 : 1e-6);
    for (const char* name : {"0.weight", "2.bias"}) {
      const auto found = windows.policy().network().parameters.get(windows.policy().stream(), name);
      const auto expected = plain.policy().network().parameters.get(plain.policy().stream(), name);
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], same_path ? 0.0 : 1e-5);
    }
  }
}

/// A policy that sees its last action is trained as on the actions written out behind the observations.
TEST_P(Windows, TrainAsLastActionsWrittenOut) {
  for (const bool discrete : {false, true}) {
    const Demonstrations data = numbered(discrete);
    Demonstrations wide = data;
    wide.observation_size = discrete ? 5 : 3;
    wide.observations.clear();
    for (std::size_t row = 0; row < 11; ++row) {
      wide.observations.insert(wide.observations.end(), {data.observations[2 * row], data.observations[2 * row + 1]});
      const bool begins = row == 0 || row == 3 || row == 4;
      if (!discrete) wide.observations.push_back(begins ? 0.0f : data.actions[row - 1]);
      for (std::int32_t c = 0; discrete && c < 3; ++c) {
        wide.observations.push_back(!begins && data.labels[row - 1] == c ? 1.0f : 0.0f);
      }
    }
    PolicyMemory memory;
    memory.actions = true;
    BehaviourCloningOptions options = options_of(memory);
    // Rows within an episode know what was done before them.
    const std::vector<std::int32_t> some{1, 2, 3, 6, 7, 8, 9, 10}, validation{4, 5};
    BehaviourCloning seen(device_, data, some, validation, options);
    options.memory = {};
    BehaviourCloning plain(device_, wide, some, validation, options);
    EXPECT_EQ(seen.fit().validation->loss, plain.fit().validation->loss);
    for (const char* name : {"0.weight", "2.bias", "observation_normalization.mean"}) {
      EXPECT_EQ(seen.policy().network().parameters.get(seen.policy().stream(), name),
                plain.policy().network().parameters.get(plain.policy().stream(), name));
    }
  }
}

/// With targets behind the end of an episode left out: against the sum over the network's outputs, on the host.
TEST_P(Windows, LossIsTheMeanOverTheTargetsThatCount) {
  for (const bool discrete : {false, true}) {
    const Demonstrations data = numbered(discrete);
    for (const PolicyMemory& memory : memories()) {
      if (memory.chunk == 1) continue;
      BehaviourCloningOptions options = options_of(memory);
      options.learning_rate = 1e-30;  // nothing moves
      options.epochs = 1;
      options.keep_best = false;
      BehaviourCloning cloning(device_, data, all_rows(data), all_rows(data), options);
      const auto result = cloning.fit();
      Policy& policy = cloning.policy();
      const Index outputs = policy.output_size();
      const Expected expected(data, {memory.history, memory.history - 1, memory.chunk, 1});
      double sum = 0.0, count = 0.0;
      for (Index m = 0; m < expected.windows; ++m) {
        Buffer<float> input(device_, policy.input_size()), output(device_, policy.chunk_size());
        input.upload(policy.stream(), std::span(expected.inputs)
                                          .subspan(static_cast<std::size_t>(m * policy.input_size()),
                                                   static_cast<std::size_t>(policy.input_size())));
        policy.outputs({input.data(), 1, policy.input_size()}, {output.data(), 1, policy.chunk_size()});
        const auto predicted = output.download(policy.stream());
        for (Index i = 0; i < memory.chunk; ++i) {
          const auto target = static_cast<std::size_t>(m * memory.chunk + i);
          if (expected.weights[target] == 0.0f) continue;
          count += 1.0;
          const float* const one = predicted.data() + i * outputs;
          if (discrete) {
            double exponentials = 0.0;
            for (Index c = 0; c < outputs; ++c) exponentials += std::exp(one[c]);
            sum += std::log(exponentials) - one[expected.labels[target]];
          } else {
            sum += std::pow(one[0] - expected.values[target], 2);
          }
        }
      }
      // With labels each batch is the mean of those that count (11 windows are one block here).
      EXPECT_NEAR(result.validation->loss, sum / count, 1e-5) << memory.describe();
      if (!discrete) {
        EXPECT_NEAR(result.training_loss, sum / count, 1e-5) << memory.describe();
      }
    }
  }
}

TEST_P(Windows, TrainingRepeatsItsBitsAndGoesOnAfterAKill) {
  for (const bool discrete : {false, true}) {
    const Demonstrations data = numbered(discrete);
    for (const PolicyMemory& memory : memories()) {
      BehaviourCloningOptions options = options_of(memory);
      options.normalize_actions = true;
      const auto make = [&] {
        return BehaviourCloning(device_, data, all_rows(data), std::vector<std::int32_t>{4, 5, 6}, options);
      };
      BehaviourCloning whole = make();
      std::vector<SafetensorsFile> states;
      whole.fit([&](const EpochReport&) {
        states.push_back(whole.save());
        return true;
      });
      BehaviourCloning resumed = make();
      resumed.load(parse_safetensors(serialize_safetensors(states[1]), "state"));
      resumed.fit();
      EXPECT_EQ(policy_bytes(resumed), policy_bytes(whole)) << memory.describe();
      options.seed = 4;
      BehaviourCloning other = make();
      other.fit();
      EXPECT_NE(policy_bytes(other), policy_bytes(whole));
    }
  }
}

TEST_P(Windows, TrainingLearnsAndThenAllocatesNothing) {
  const Demonstrations data = numbered(false);
  for (const PolicyMemory& memory : memories()) {
    if (memory.actions) continue;  // as a history
    BehaviourCloningOptions options = options_of(memory);
    options.epochs = 150;
    BehaviourCloning cloning(device_, data, all_rows(data), {}, options);
    double first = 0.0;
    std::int64_t allocations = 0;
    const auto result = cloning.fit([&](const EpochReport& report) {
      if (report.epoch == 1) first = report.training_loss;
      if (report.epoch == 4) allocations = kernels::allocation_count();
      if (report.epoch == 150) {
        EXPECT_EQ(kernels::allocation_count(), allocations);
      }
      return true;
    });
    EXPECT_LT(result.training_loss, 0.3 * first) << memory.describe();
  }
}

/// With what else cloning has: a distribution of actions, noise on every observation of a history, mirror images.
void expect_heads_noise_and_mirrors(DeviceId device, const PolicyMemory& memory) {
  const Demonstrations data = numbered(false);
  BehaviourCloningOptions options = options_of(memory);
  options.head.kind = PolicyHead::Kind::mixture;
  options.observation_noise = 0.01;
  options.mirror = Mirror::parse("-0,-1", "-0");
  options.epochs = 30;
  BehaviourCloning cloning(device, data, all_rows(data), all_rows(data), options);
  double first = 0.0;
  const auto result = cloning.fit([&](const EpochReport& report) {
    if (report.epoch == 1) first = report.training_loss;
    return true;
  });
  EXPECT_LT(result.training_loss, first);
  EXPECT_TRUE(result.validation->squared_error.has_value());
  EXPECT_EQ(cloning.plan().rows(), 2 * data.rows());
  Policy loaded = Policy::from_file(cloning.policy().to_file(), device);
  PolicySession session(loaded), same(cloning.policy());
  double squared_error = 0.0;
  for (Index row = 0; row < data.rows(); ++row) {
    if (row == 3 || row == 4) session.begin_episode(), same.begin_episode();
    const auto seen = std::span(data.observations).subspan(static_cast<std::size_t>(2 * row), 2);
    std::vector<float> action(1), other(1);
    session.act(seen, action);
    same.act(seen, other);
    EXPECT_EQ(action, other);
    const auto done = std::span(data.actions).subspan(static_cast<std::size_t>(row), 1);
    session.did(done), same.did(done);
    squared_error += std::pow(action[0] - data.actions[static_cast<std::size_t>(row)], 2);
  }
  EXPECT_NEAR(squared_error / 11, *result.validation->squared_error, 1e-4);
  options.memory.chunk = 2;
  EXPECT_THROW(options.validate(), Error);
}

TEST_P(Windows, GoWithHeadsNoiseAndMirrors) {
  expect_heads_noise_and_mirrors(device_, memories()[0]);
  expect_heads_noise_and_mirrors(device_, memories()[4]);
}

MYNAH_ON_EVERY_DEVICE(Windows);

}  // namespace
}  // namespace mynah::tests
