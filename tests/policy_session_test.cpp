// Policies with a memory: a session, and many episodes side by side, are what the definitions say; files keep them.

#include "algorithms/policy_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/ensemble.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "algorithms/resident_inference.h"
#include "algorithms/rollout.h"
#include "kernels/elementwise.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "kernels/random.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using ChunkExecution = PolicyMemory::ChunkExecution;

PolicyMemory history(Index steps) {
  PolicyMemory memory;
  memory.history = steps;
  return memory;
}
PolicyMemory chunk(Index steps, ChunkExecution execution, Index seen = 1) {
  PolicyMemory memory = history(seen);
  memory.chunk = steps;
  memory.chunk_execution = execution;
  memory.chunk_decay = 0.2;
  return memory;
}
PolicyMemory recurrent(Index width) {
  PolicyMemory memory;
  memory.recurrent = width;
  memory.sequence_length = 8;
  return memory;
}

PolicyMemory with_actions(PolicyMemory memory) {
  memory.actions = true;
  return memory;
}

std::vector<PolicyMemory> memories() {
  return {history(3),   chunk(4, ChunkExecution::ensemble), chunk(3, ChunkExecution::open_loop, 2),
          recurrent(6), with_actions(history(2)),           with_actions(recurrent(5))};
}

PolicyDescription describe(const PolicyMemory& memory, bool discrete) {
  PolicyDescription description;
  description.mlp = {3, {7, 5}, 2};
  description.discrete = discrete;
  description.normalize_actions = !discrete;
  description.memory = memory;
  if (!discrete) {
    description.action_low = {-1.0f, -0.1f};
    description.action_high = {1.0f, 0.1f};
  }
  return description;
}

Policy make(const PolicyMemory& memory, bool discrete = false, DeviceId device = {}) {
  Policy policy(device, describe(memory, discrete), 9);
  std::vector<float> mean{1.0f, -2.0f, 0.5f}, deviation{2.0f, 0.5f, 3.0f};
  mean.resize(static_cast<std::size_t>(policy.seen_size()), 0.1f);  // and of the last action
  deviation.resize(mean.size(), 0.2f);
  policy.set_observation_normalization(mean, deviation);
  if (!discrete) policy.set_action_normalization(std::vector<float>{0.3f, 0.0f}, std::vector<float>{1.5f, 4.0f});
  return policy;
}

std::vector<float> observations(Index rows) {
  std::vector<float> values(static_cast<std::size_t>(3 * rows));
  Stream cpu({});
  kernels::normal(cpu, random_key(5, RandomStream::test), nullptr, 0.0f, 2.0f, {values.data(), 3 * rows});
  return values;
}

std::vector<float> episode(Policy& policy, std::span<const float> seen) {
  PolicySession session(policy);
  std::vector<float> actions(seen.size() / 3 * 2);
  for (std::size_t t = 0; t < seen.size() / 3; ++t) {
    session.act(seen.subspan(3 * t, 3), std::span(actions).subspan(2 * t, 2));
  }
  return actions;
}

/// What the network says to one input.
std::vector<float> network_outputs(Policy& policy, std::vector<float> input) {
  std::vector<float> result(static_cast<std::size_t>(policy.chunk_size()));
  policy.outputs({input.data(), 1, policy.input_size()}, {result.data(), 1, policy.chunk_size()});
  return result;
}

class Sessions : public EveryDevice {};

TEST_P(Sessions, OfASavedPolicyAreTheSame) {
  const auto seen = observations(5);
  for (const PolicyMemory& memory : memories()) {
    Policy policy = make(memory, false, device_);
    Policy loaded = Policy::from_file(parse_safetensors(serialize_safetensors(policy.to_file()), "policy"), device_);
    EXPECT_EQ(loaded.description().memory.describe(), memory.describe());
    EXPECT_EQ(loaded.description().memory.chunk_decay, memory.chunk_decay);
    EXPECT_EQ(episode(loaded, seen), episode(policy, seen)) << memory.describe();
    EXPECT_EQ(serialize_safetensors(loaded.to_file()), serialize_safetensors(policy.to_file()));
  }
}

TEST_P(Sessions, BeginAnew) {
  const auto seen = observations(6);
  for (const PolicyMemory& memory : memories()) {
    Policy policy = make(memory, true, device_);
    PolicySession session(policy), other(policy);
    std::vector<Index> first, second, alone;
    const auto choose = [&](PolicySession& one, std::size_t t) {
      return one.choose(std::span(seen).subspan(3 * t, 3));
    };
    for (std::size_t t = 0; t < 6; ++t) {
      first.push_back(choose(session, t));
      alone.push_back(choose(other, t));  // in turns with another
    }
    EXPECT_EQ(session.steps(), 6);
    session.begin_episode();
    for (std::size_t t = 0; t < 6; ++t) second.push_back(choose(session, t));
    EXPECT_EQ(second, first);
    EXPECT_EQ(alone, first);
  }
}

/// Episodes that run side by side, and begin at different steps, are those of sessions, whatever their number.
TEST_P(Sessions, AreRowsOfABatch) {
  constexpr Index steps = 6;
  std::vector<PolicyMemory> remembered = memories();
  remembered.push_back(recurrent(96));
  for (const PolicyMemory& memory : remembered) {
    Policy policy = make(memory, false, device_);
    Stream& stream = policy.stream();
    std::vector<std::vector<float>> of_last_row;
    for (const Index rows : {1, 5, 70}) {
      EpisodeMemory episodes(policy, rows);
      Buffer<float> seen(device_, rows * 3), results(device_, rows * 2);
      Buffer<std::int32_t> elapsed(device_, rows);
      std::vector<float> last;
      for (Index t = 0; t < steps; ++t) {
        std::vector<float> values(static_cast<std::size_t>(rows * 3));
        std::vector<std::int32_t> times(static_cast<std::size_t>(rows));
        for (Index m = 0; m < rows; ++m) {
          const auto shift = static_cast<std::size_t>(rows - 1 - m);  // the last row is the same in every batch
          for (std::size_t c = 0; c < 3; ++c) {
            values[static_cast<std::size_t>(m) * 3 + c] =
                std::sin(static_cast<float>(7 * t + 3) + static_cast<float>(c) + 0.1f * static_cast<float>(shift));
          }
          times[static_cast<std::size_t>(m)] = static_cast<std::int32_t>((t + static_cast<Index>(shift)) % 5);
        }
        seen.upload(stream, values);
        elapsed.upload(stream, times);
        episodes.outputs({seen.data(), rows, 3}, elapsed.view(), {results.data(), rows, 2});
        episodes.chosen(ConstMatrix{results.data(), rows, 2});
        const auto now = results.download(stream);
        last.insert(last.end(), now.end() - 2, now.end());
      }
      of_last_row.push_back(last);
    }
    EXPECT_EQ(of_last_row[1], of_last_row[0]) << memory.describe();
    EXPECT_EQ(of_last_row[2], of_last_row[0]) << memory.describe();
  }
}

/// A sequence at once, as it is trained, is the steps one after the other.
TEST_P(Sessions, OfARecurrentPolicyAreItsSequence) {
  Policy policy = make(recurrent(6), false, device_);
  const auto seen = observations(8);
  const Execution sequence(policy.network(), {policy.output()}, Execution::Options{1});
  kernels::copy_to_device(policy.stream(), sequence.value(policy.input()).data, seen.data(),
                          seen.size() * sizeof(float));
  sequence.forward(policy.stream());
  std::vector<float> expected(16);
  kernels::copy_to_host(policy.stream(), expected.data(), sequence.value(policy.output()).data, 16 * sizeof(float));
  const auto found = episode(policy, seen);
  for (std::size_t i = 0; i < 16; ++i) {
    const float bound = i % 2 == 0 ? 1.0f : 0.1f;
    EXPECT_NEAR(found[i], std::clamp(expected[i], -bound, bound), 2e-6f) << i;
  }
  EXPECT_NE(found[0], found[2]);
}

/// In a task, several episodes at a time, a policy that sees its actions does what a session of it does.
TEST_P(Sessions, SeeTheirActionsInATask) {
  TaskOptions rules;
  rules.max_steps = 12;
  for (const std::string name : {"pendulum", "cartpole"}) {
    const auto task = make_task(name, rules);
    PolicyDescription description;
    description.mlp = {task->description().observation_size, {9}, name == "pendulum" ? 1 : 2};
    description.discrete = task->description().discrete;
    description.memory = with_actions(history(2));
    if (!description.discrete) description.action_low = {-0.05f}, description.action_high = {0.1f};
    Policy policy(device_, description, 4);
    PolicyActor actor(policy, *task);
    CollectOptions options;
    options.episodes = 3;
    const Demonstrations done = collect(policy.stream(), *task, actor, options);
    PolicySession session(policy);
    for (Index row = 0; row < done.rows(); ++row) {
      if (row == 0 || done.episode_of(row) != done.episode_of(row - 1)) session.begin_episode();
      const float* const from = done.observation_matrix().row(row).data;
      const std::vector<float> seen(from, from + done.observation_size);
      if (description.discrete) {
        EXPECT_EQ(session.choose(seen), done.labels[static_cast<std::size_t>(row)]) << row;
        continue;
      }
      std::vector<float> action(1);
      session.act(seen, action);
      EXPECT_NEAR(action[0], std::clamp(done.actions[static_cast<std::size_t>(row)], -0.05f, 0.1f), 1e-6f) << row;
    }
  }
}
MYNAH_ON_EVERY_DEVICE(Sessions);

TEST(PolicySession, SeesTheHistory) {
  Policy policy = make(history(3));
  const auto seen = observations(5);
  const auto actions = episode(policy, seen);
  for (Index t = 0; t < 5; ++t) {
    std::vector<float> input;
    for (Index back = 2; back >= 0; --back) {
      const auto from = seen.begin() + 3 * std::max<Index>(0, t - back);
      input.insert(input.end(), from, from + 3);
    }
    auto expected = network_outputs(policy, input);
    policy.clip(expected);
    EXPECT_EQ(actions[static_cast<std::size_t>(2 * t)], expected[0]) << t;
    EXPECT_EQ(actions[static_cast<std::size_t>(2 * t + 1)], expected[1]) << t;
  }
}

TEST(PolicySession, SeesTheActionBeforeEachObservation) {
  const auto seen = observations(6);
  for (const bool discrete : {false, true}) {
    Policy policy = make(with_actions(history(2)), discrete);
    PolicySession session(policy);
    std::vector<std::vector<float>> before{{0.0f, 0.0f}};  // before[t]: what was done in the step before t
    for (std::size_t t = 0; t < 6; ++t) {
      const std::size_t last = t == 0 ? 0 : t - 1;
      std::vector<float> input;
      for (const std::size_t step : {last, t}) {
        input.insert(input.end(), seen.begin() + static_cast<std::ptrdiff_t>(3 * step),
                     seen.begin() + static_cast<std::ptrdiff_t>(3 * step + 3));
        input.insert(input.end(), before[step].begin(), before[step].end());
      }
      auto expected = network_outputs(policy, input);
      const auto now = std::span(seen).subspan(3 * t, 3);
      if (discrete) {
        const Index choice = session.choose(now);
        EXPECT_EQ(choice, expected[1] > expected[0] ? 1 : 0) << t;
        if (t == 2) session.did(1 - choice);
        before.push_back((choice == 1) != (t == 2) ? std::vector{0.0f, 1.0f} : std::vector{1.0f, 0.0f});
      } else {
        std::vector<float> action(2);
        session.act(now, action);
        policy.clip(expected);
        EXPECT_EQ(action, expected) << t;
        if (t == 2) session.did(action = {0.4f, -0.07f});  // somebody intervenes
        before.push_back(action);
      }
    }
  }
}

TEST(PolicySession, CarriesOutAChunkToItsEnd) {
  Policy policy = make(chunk(3, ChunkExecution::open_loop));
  const auto seen = observations(7);
  const auto actions = episode(policy, seen);
  for (Index t = 0; t < 7; ++t) {
    const Index begun = t - t % 3;
    const auto predicted = network_outputs(policy, {seen.begin() + 3 * begun, seen.begin() + 3 * begun + 3});
    std::vector<float> expected(predicted.begin() + 2 * (t - begun), predicted.begin() + 2 * (t - begun) + 2);
    policy.clip(expected);
    EXPECT_EQ(actions[static_cast<std::size_t>(2 * t)], expected[0]) << t;
  }
}

TEST(PolicySession, OfAPolicyWithoutMemoryIsThePolicy) {
  Policy policy = make({});
  const auto seen = observations(4);
  const auto actions = episode(policy, seen);
  for (std::size_t t = 0; t < 4; ++t) {
    std::vector<float> action(2);
    policy.act(std::span(seen).subspan(3 * t, 3), action);
    EXPECT_EQ(action, std::vector<float>(actions.begin() + static_cast<std::ptrdiff_t>(2 * t),
                                         actions.begin() + static_cast<std::ptrdiff_t>(2 * t + 2)));
  }
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  return "accepted";
}

TEST(PolicyWithMemory, IsRefusedWhereItsEpisodeIsNotKnown) {
  const std::vector<float> seen(3);
  std::vector<float> action(2);
  for (const PolicyMemory& memory : memories()) {
    Policy policy = make(memory);
    Policy discrete = make(memory, true);
    for (const std::string& text :
         {refusal([&] { policy.act(seen, action); }), refusal([&] { static_cast<void>(discrete.choose(seen)); }),
          refusal([&] { policy.outputs(seen, action); })}) {
      EXPECT_NE(text.find(memory.describe()), std::string::npos) << text;
      EXPECT_NE(text.find("PolicySession"), std::string::npos) << text;
    }
    EXPECT_NE(refusal([&] { ResidentInference inference(policy); }).find("PolicySession"), std::string::npos);
    std::vector<Policy> two;
    two.push_back(make(memory));
    two.push_back(make(memory));
    Ensemble ensemble(std::move(two));
    std::vector<float> disagreement(2);
    EXPECT_NE(refusal([&] { ensemble.act(seen, action, disagreement); }).find(memory.describe()), std::string::npos);
    PolicySession session(policy);
    EXPECT_NE(refusal([&] { static_cast<void>(session.choose(seen)); }).find("act()"), std::string::npos);
    EXPECT_NE(refusal([&] { session.act(std::vector<float>(4), action); }).find("takes 3"), std::string::npos);
    EXPECT_NE(refusal([&] { session.did(std::vector<float>(3)); }).find("gives 2"), std::string::npos);
    EXPECT_NE(refusal([&] { session.did(Index{1}); }).find("call act()"), std::string::npos);
    PolicySession of_classes(discrete);
    EXPECT_NE(refusal([&] { of_classes.did(Index{2}); }).find("this policy has 2"), std::string::npos);
  }
  Policy recurrent_policy = make(recurrent(6));
  EXPECT_NE(refusal([&] { plain_network(recurrent_policy); }).find("torch.nn.GRU"), std::string::npos);
}

TEST(PolicyWithMemory, ExportsWhatTheNetworkTakesAtOnce) {
  Policy policy = make(chunk(4, ChunkExecution::ensemble, 2));
  const SafetensorsFile plain = plain_network(policy);
  EXPECT_EQ(plain.metadata_at("torch.nn.Sequential"), "Linear(6, 7), relu, Linear(7, 5), relu, Linear(5, 8)");
  EXPECT_EQ(plain.metadata_at("memory"), "sees the last 2 observations and predicts 4 actions, executed as ensemble");
}

TEST(PolicyWithMemory, FilesSaySoAndOthersStayAsTheyWere) {
  const auto description_of = [](Policy& policy) { return policy.to_file().metadata.at("mynah.policy"); };
  Policy without = make({}), with = make(history(2)), with_its_actions = make(with_actions({}));
  EXPECT_EQ(description_of(without).find("memory"), std::string::npos);
  EXPECT_NE(description_of(without).find("\"format\":1"), std::string::npos);
  EXPECT_NE(description_of(with).find("\"format\":3"), std::string::npos);
  EXPECT_NE(description_of(with_its_actions).find("\"format\":4"), std::string::npos);
  EXPECT_EQ(Policy::from_file(with_its_actions.to_file()).description().memory.describe(), "sees its last action");
  SafetensorsFile file = with.to_file();
  std::string& text = file.metadata["mynah.policy"];
  text.replace(text.find("\"history\":2"), 11, "\"history\":0");
  EXPECT_NE(refusal([&] { Policy::from_file(file); }).find("--history 0"), std::string::npos);
}

TEST(PolicyMemory, RefusesWhatIsNotPossible) {
  const auto refused = [](const std::function<void(PolicyMemory&)>& change) {
    PolicyMemory memory;
    change(memory);
    return refusal([&] { memory.validate(); });
  };
  EXPECT_EQ(refused([](PolicyMemory&) {}), "accepted");
  EXPECT_NE(refused([](PolicyMemory& m) { m.history = 0; }).find("--history 0"), std::string::npos);
  EXPECT_NE(refused([](PolicyMemory& m) { m.chunk = 2000; }).find("--chunk 2000"), std::string::npos);
  EXPECT_NE(refused([](PolicyMemory& m) { m.chunk_decay = -1.0; }).find("--chunk-decay -1"), std::string::npos);
  EXPECT_NE(refused([](PolicyMemory& m) { m.recurrent = -2; }).find("--recurrent -2"), std::string::npos);
  EXPECT_NE(refused([](PolicyMemory& m) { m.sequence_length = 30; }).find("multiple of 4"), std::string::npos);
  EXPECT_NE(refused([](PolicyMemory& m) { m.recurrent = 8, m.chunk = 2; }).find("leave out"), std::string::npos);
  EXPECT_THROW(parse_chunk_execution("open loop"), Error);
}

}  // namespace
}  // namespace mynah::tests
