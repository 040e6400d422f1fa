// Policies that give distributions of actions: files, the likeliest action on every path, drawn ones, export, refusals.

#include "algorithms/policy_head.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "algorithms/resident_inference.h"
#include "algorithms/rollout.h"
#include "kernels/error.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

using Kind = PolicyHead::Kind;

/// Gaussian and mixture, with deviations from the network and without.
std::vector<PolicyHead> heads() {
  return {{Kind::gaussian, 5, true}, {Kind::gaussian, 5, false}, {Kind::mixture, 3, true}, {Kind::mixture, 3, false}};
}

PolicyDescription describe(const PolicyHead& head, bool normalize_actions = true) {
  PolicyDescription description;
  description.mlp = {3, {7, 5}, 2};
  description.head = head;
  description.normalize_actions = normalize_actions;
  description.action_low = {-1.0f, -0.1f};
  description.action_high = {1.0f, 0.1f};
  return description;
}

Policy make(const PolicyHead& head, DeviceId device = {}, bool normalize_actions = true) {
  Policy policy(device, describe(head, normalize_actions), 9);
  policy.set_observation_normalization(std::vector<float>{1.0f, -2.0f, 0.5f}, std::vector<float>{2.0f, 0.5f, 3.0f});
  if (normalize_actions) {
    policy.set_action_normalization(std::vector<float>{0.3f, 0.0f}, std::vector<float>{1.5f, 4.0f});
  }
  policy.set_action_deviation(std::vector<float>{1.5f, 4.0f});
  if (!head.state_dependent_deviation) {
    std::vector<float> own(static_cast<std::size_t>(2 * head.components()));
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = 0.1f * static_cast<float>(i) - 0.3f;
    policy.network().parameters.set(policy.stream(), "log_deviation.value", own);
  }
  return policy;
}

const std::vector<float> observations{0.7f, -1.0f, 2.0f, -3.0f, 0.1f, 0.4f, 5.0f, 2.0f, -7.0f};

/// Of the three observations: what the network says, and the actions that follow, on the host.
struct Batch {
  std::vector<float> parameters, actions;

  explicit Batch(Policy& policy) {
    Stream& stream = policy.stream();
    const Buffer<float> inputs(stream, std::span<const float>(observations));
    Buffer<float> all(stream.device(), 3 * policy.parameter_size()), likeliest(stream.device(), 3 * 2);
    policy.parameters({inputs.data(), 3, 3}, {all.data(), 3, policy.parameter_size()});
    policy.outputs({inputs.data(), 3, 3}, {likeliest.data(), 3, 2});
    parameters = all.download(stream);
    actions = likeliest.download(stream);
  }
};

TEST(PolicyHead, NamesAndColumns) {
  for (const auto kind : {Kind::action, Kind::gaussian, Kind::mixture}) {
    EXPECT_EQ(parse_policy_head(policy_head_name(kind)), kind);
  }
  EXPECT_THROW(parse_policy_head("mixtur"), Error);
  EXPECT_EQ(PolicyHead{}.columns(3), 3);
  EXPECT_EQ((PolicyHead{Kind::gaussian, 5, true}.network_columns(3)), 6);
  EXPECT_EQ((PolicyHead{Kind::gaussian, 5, false}.network_columns(3)), 3);
  EXPECT_EQ((PolicyHead{Kind::mixture, 5, true}.columns(3)), 35);
  EXPECT_EQ((PolicyHead{Kind::mixture, 5, false}.network_columns(3)), 20);
  EXPECT_EQ((PolicyHead{Kind::mixture, 2, true}.for_network_columns({7, 8}, 1)),
            (std::vector<float>{1, 1, 7, 8, 7, 8, 1, 1, 1, 1}));
  EXPECT_EQ((PolicyHead{Kind::mixture, 2, false}.for_network_columns({7, 8}, 1)),
            (std::vector<float>{1, 1, 7, 8, 7, 8}));
}

class PolicyWithHead : public EveryDevice {};

TEST_P(PolicyWithHead, SavedAndLoadedItIsTheSame) {
  for (const PolicyHead& head : heads()) {
    SCOPED_TRACE(head.describe(2));
    Policy policy = make(head, device_);
    const auto bytes = serialize_safetensors(policy.to_file());
    Policy loaded = Policy::from_file(parse_safetensors(bytes, "policy"), device_);
    EXPECT_EQ(loaded.description().head, head);
    EXPECT_EQ(serialize_safetensors(loaded.to_file()), bytes);
    EXPECT_EQ(Batch(loaded).parameters, Batch(policy).parameters);
    EXPECT_EQ(loaded.log_scale(), policy.log_scale());
  }
}

/// The action is the mean of the component that weighs most, on every path.
TEST_P(PolicyWithHead, ActsAsItsLikeliestComponent) {
  for (const PolicyHead& head : heads()) {
    SCOPED_TRACE(head.describe(2));
    Policy policy = make(head, device_);
    ResidentInference resident(policy);
    const Batch batch(policy);
    const auto width = static_cast<std::size_t>(policy.parameter_size());
    for (std::size_t row = 0; row < 3; ++row) {
      const float* const of_row = batch.parameters.data() + row * width;
      std::size_t means = 0;
      if (head.kind == Kind::mixture)
        means = 3 + 2 * static_cast<std::size_t>(std::max_element(of_row, of_row + 3) - of_row);
      const std::span<const float> observation = std::span(observations).subspan(3 * row, 3);
      std::vector<float> action(2), acted(2), asked(2);
      policy.outputs(observation, action);
      policy.act(observation, acted);
      resident.act(observation, asked);
      for (std::size_t c = 0; c < 2; ++c) {
        EXPECT_NEAR(action[c], of_row[means + c], 1e-5);
        EXPECT_NEAR(batch.actions[2 * row + c], of_row[means + c], 1e-5);
        EXPECT_EQ(acted[c], std::clamp(action[c], c == 0 ? -1.0f : -0.1f, c == 0 ? 1.0f : 0.1f));
        EXPECT_NEAR(asked[c], acted[c], 1e-5);
      }
    }
  }
}

/// What the network says of standardised actions, it says of actions in their own units too.
TEST_P(PolicyWithHead, NormalisationMovesTheMeansAlone) {
  for (const PolicyHead& head : heads()) {
    SCOPED_TRACE(head.describe(2));
    Policy policy = make(head, device_), plain = make(head, device_, false);
    const Batch scaled(policy), standardized(plain);
    const auto width = static_cast<std::size_t>(policy.parameter_size());
    const std::size_t logits = head.kind == Kind::mixture ? 3 : 0,
                      means = 2 * static_cast<std::size_t>(head.components());
    for (std::size_t i = 0; i < scaled.parameters.size(); ++i) {
      const std::size_t column = i % width;
      const bool is_mean = column >= logits && column < logits + means;
      const bool first = (column - logits) % 2 == 0;
      const float expected = is_mean ? standardized.parameters[i] * (first ? 1.5f : 4.0f) + (first ? 0.3f : 0.0f)
                                     : standardized.parameters[i];
      EXPECT_NEAR(scaled.parameters[i], expected, 1e-5) << column;
    }
  }
}
MYNAH_ON_EVERY_DEVICE(PolicyWithHead);

/// The exported network gives the parameters, with the deviations' units folded in.
TEST(PolicyHeadExport, TheOutputsAreTheParameters) {
  for (const PolicyHead& head : heads()) {
    SCOPED_TRACE(head.describe(2));
    Policy policy = make(head);
    const SafetensorsFile plain = plain_network(policy);
    EXPECT_EQ(plain.metadata_at("mynah.outputs"), head.describe(2));
    EXPECT_EQ(plain.metadata_at("torch.nn.Sequential"),
              "Linear(3, 7), relu, Linear(7, 5), relu, Linear(5, " + std::to_string(policy.parameter_size()) + ")");
    std::vector<double> x(observations.begin(), observations.begin() + 3);
    for (const std::string name : {"0", "2", "4"}) {
      const auto w = plain.floats(name + ".weight");
      const auto b = plain.floats(name + ".bias");
      std::vector<double> y(b.begin(), b.end());
      ASSERT_EQ(w.size(), x.size() * y.size());
      for (std::size_t o = 0; o < b.size(); ++o) {
        for (std::size_t i = 0; i < x.size(); ++i) y[o] += static_cast<double>(w[o * x.size() + i]) * x[i];
        if (name != "4") y[o] = std::max(y[o], 0.0);
      }
      x = y;
    }
    const Batch batch(policy);
    const std::vector<float> log_scale = policy.log_scale();
    const std::size_t deviations = x.size() - 2 * static_cast<std::size_t>(head.components());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double scale = i < deviations ? 0.0 : log_scale[(i - deviations) % 2];
      EXPECT_NEAR(x[i], batch.parameters[i] + scale, 1e-5) << i;
    }
  }
}

TEST(PolicyHeadFile, SaysWhatIsWrong) {
  Policy policy = make({Kind::mixture, 3, true});
  const auto refused = [](const SafetensorsFile& file) {
    try {
      Policy::from_file(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input) << error.what();
      return true;
    }
    return false;
  };
  const SafetensorsFile good = policy.to_file();
  EXPECT_FALSE(refused(good));
  const std::string text = good.metadata_at("mynah.policy");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"format\":2", "\"format\":1"},
           {"\"components\":3", "\"components\":1"},
           {"\"components\":3", "\"components\":33"},
           {"\"components\":3", "\"components\":4"},
           {"\"mixture\"", "\"mixtures\""},
           {"\"state_dependent_deviation\":true", "\"state_dependent_deviation\":false"},
           {"\"continuous\"", "\"discrete\""}}) {
    SafetensorsFile file = good;
    std::string changed = text;
    ASSERT_NE(changed.find(from), std::string::npos) << from;
    changed.replace(changed.find(from), from.size(), to);
    file.metadata["mynah.policy"] = changed;
    EXPECT_TRUE(refused(file)) << to;
  }
  SafetensorsFile file = good;
  std::erase_if(file.tensors, [](const NamedTensor& tensor) { return tensor.name == "log_scale"; });
  EXPECT_TRUE(refused(file));
  // What was written before there were heads is format 1, and so is still what has none.
  PolicyDescription description = describe({});
  EXPECT_NE(Policy({}, description, 1).to_file().metadata_at("mynah.policy").find("\"format\":1"), std::string::npos);
}

class SampledPolicy : public EveryDevice {};

/// Episodes of drawn actions depend on (seed, episode) alone; another seed draws others.
TEST_P(SampledPolicy, DrawsByEpisodeAndSeed) {
  const auto task = make_task("pendulum");
  for (const PolicyHead& head : {PolicyHead{Kind::gaussian, 5, false}, PolicyHead{Kind::mixture, 3, true}}) {
    SCOPED_TRACE(head.describe(1));
    PolicyDescription description;
    description.mlp = {3, {8}, 1};
    description.head = head;
    Policy policy(device_, description, 4);
    const auto returns = [&](bool sampled, std::uint64_t seed, Index batch) {
      PolicyActor actor(policy, *task, {sampled, seed});
      RolloutOptions options;
      options.episodes = 3;
      options.batch_size = batch;
      return run_episodes(policy.stream(), *task, actor, options).returns;
    };
    const auto drawn = returns(true, 1, 3);
    const auto in_parts = returns(true, 1, 2);
    for (std::size_t i = 0; i < drawn.size(); ++i) EXPECT_NEAR(in_parts[i], drawn[i], 1e-2 * std::fabs(drawn[i])) << i;
    EXPECT_NE(returns(true, 2, 3), drawn);
    EXPECT_NE(returns(false, 1, 3), drawn);
  }
}

TEST_P(SampledPolicy, DrawsClassesByTheirProbabilities) {
  const auto task = make_task("cartpole");
  PolicyDescription description;
  description.mlp = {4, {8}, 2};
  description.discrete = true;
  Policy policy(device_, description, 4);
  PolicyActor actor(policy, *task, {true, 1});
  constexpr Index rows = 2000;
  const std::vector<float> same(static_cast<std::size_t>(4 * rows), 0.3f);
  const Buffer<float> inputs(policy.stream(), std::span<const float>(same));
  const Buffer<std::int32_t> elapsed(policy.stream(),
                                     std::span<const std::int32_t>(std::vector<std::int32_t>(rows, 3)));
  Buffer<std::int32_t> labels(device_, rows);
  actor.act(policy.stream(), {{inputs.data(), rows, 4}, elapsed.view(), 0}, {{}, labels.view()});
  double count = 0.0;
  for (const std::int32_t label : labels.download(policy.stream())) count += label;
  std::vector<float> scores(2);
  policy.outputs(std::span(same).first(4), scores);
  const double share = 1.0 / (1.0 + std::exp(static_cast<double>(scores[0] - scores[1])));
  EXPECT_NEAR(count / rows, share, 5.0 * std::sqrt(share * (1.0 - share) / rows));
}
MYNAH_ON_EVERY_DEVICE(SampledPolicy);

TEST(SampledPolicyErrors, AnActionIsNoDistribution) {
  PolicyDescription description;
  description.mlp = {3, {8}, 1};
  Policy policy({}, description, 4);
  try {
    const PolicyActor actor(policy, *make_task("pendulum"), {true, 0});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_NE(error.remedy().find("--head gaussian"), std::string::npos);
  }
}

}  // namespace
}  // namespace mynah::tests
