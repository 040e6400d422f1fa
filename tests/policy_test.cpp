// Policy files: round trip, self-test, refusals; the public interface; export with the normalisation folded in.

#include "algorithms/policy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "algorithms/policy_export.h"
#include "kernels/error.h"
#include "kernels/memory.h"
#include "tests/every_device.h"

namespace mynah::tests {
namespace {

PolicyDescription describe(bool discrete) {
  PolicyDescription description;
  description.mlp = {3, {7, 5}, 2};
  description.discrete = discrete;
  description.normalize_actions = !discrete;
  description.task = "some task";
  description.observation_names = {"a", "b", "c"};
  if (!discrete) {
    description.action_low = {-1.0f, -0.1f};
    description.action_high = {1.0f, 0.1f};
  }
  return description;
}

Policy make(bool discrete, DeviceId device = {}) {
  Policy policy(device, describe(discrete), 9);
  policy.set_observation_normalization(std::vector<float>{1.0f, -2.0f, 0.5f}, std::vector<float>{2.0f, 0.5f, 3.0f});
  if (!discrete) policy.set_action_normalization(std::vector<float>{0.3f, 0.0f}, std::vector<float>{1.5f, 4.0f});
  return policy;
}

const std::vector<float> observation{0.7f, -1.0f, 2.0f};

std::vector<float> outputs(Policy& policy) {
  std::vector<float> result(2);
  policy.outputs(observation, result);
  return result;
}

class PolicyFile : public EveryDevice {};

TEST_P(PolicyFile, SavedAndLoadedItIsTheSame) {
  for (const bool discrete : {false, true}) {
    Policy policy = make(discrete, device_);
    const SafetensorsFile file = parse_safetensors(serialize_safetensors(policy.to_file()), "policy");
    Policy loaded = Policy::from_file(file, device_);
    EXPECT_EQ(outputs(loaded), outputs(policy));
    EXPECT_EQ(loaded.description().task, "some task");
    EXPECT_EQ(loaded.description().observation_names, policy.description().observation_names);
    EXPECT_EQ(loaded.description().discrete, discrete);
    EXPECT_EQ(serialize_safetensors(loaded.to_file()), serialize_safetensors(policy.to_file()));
  }
}
MYNAH_ON_EVERY_DEVICE(PolicyFile);

TEST(Policy, ActsWithinItsBoundsAndChoosesTheHighestScore) {
  Policy continuous = make(false);
  std::vector<float> action(2);
  continuous.act(observation, action);
  const auto free = outputs(continuous);
  EXPECT_FLOAT_EQ(action[0], std::clamp(free[0], -1.0f, 1.0f));
  EXPECT_FLOAT_EQ(action[1], std::clamp(free[1], -0.1f, 0.1f));
  EXPECT_THROW(continuous.choose(observation), Error);
  Policy discrete = make(true);
  const auto scores = outputs(discrete);
  EXPECT_EQ(discrete.choose(observation), scores[1] > scores[0] ? 1 : 0);
  EXPECT_THROW(discrete.act(observation, action), Error);
  EXPECT_THROW(discrete.choose(std::vector<float>(4)), Error);
}

TEST(Policy, ActingAllocatesNothing) {
  Policy policy = make(false);
  std::vector<float> action(2);
  policy.act(observation, action);
  const auto before = kernels::allocation_count();
  for (int i = 0; i < 10; ++i) policy.act(observation, action);
  EXPECT_EQ(kernels::allocation_count(), before);
}

TEST(Policy, ExportFoldsTheNormalisation) {
  Policy policy = make(false);
  const SafetensorsFile plain = plain_network(policy);
  EXPECT_EQ(plain.metadata_at("torch.nn.Sequential"), "Linear(3, 7), relu, Linear(7, 5), relu, Linear(5, 2)");
  std::vector<double> x(observation.begin(), observation.end());
  for (const std::string name : {"0", "2", "4"}) {
    const auto w = plain.floats(name + ".weight");
    const auto b = plain.floats(name + ".bias");
    std::vector<double> y(b.begin(), b.end());
    for (std::size_t o = 0; o < b.size(); ++o) {
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += static_cast<double>(w[o * x.size() + i]) * x[i];
      if (name != "4") y[o] = std::max(y[o], 0.0);
    }
    x = y;
  }
  const auto expected = outputs(policy);
  EXPECT_NEAR(x[0], expected[0], 1e-5);
  EXPECT_NEAR(x[1], expected[1], 1e-5);
}

TEST(Policy, RefusesDamagedFiles) {
  Policy policy = make(false);
  const auto refused = [](SafetensorsFile file) {
    file.origin = "p.safetensors";
    try {
      Policy::from_file(file);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input) << error.what();
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  SafetensorsFile file = policy.to_file();
  file.metadata.erase("mynah.policy");
  EXPECT_NE(refused(file).find("no policy file"), std::string::npos);
  file = policy.to_file();
  file.metadata["mynah.policy"] = "{";
  EXPECT_NE(refused(file).find("damaged"), std::string::npos);
  file = policy.to_file();
  const std::string good = file.metadata["mynah.policy"];
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"format\":1", "\"format\":3"},
                                                        {"\"observation_size\":3", "\"observation_size\":0"},
                                                        {"\"observation_size\":3", "\"observation_size\":99999999999"},
                                                        {"\"output_size\":2", "\"output_size\":3"},
                                                        {"\"relu\"", "\"reluu\""},
                                                        {"\"hidden\":[7,5]", "\"hidden\":[7,-5]"},
                                                        {"\"continuous\"", "\"both\""},
                                                        {"\"action_low\":[", "\"action_low\":[9.0,"}}) {
    std::string text = good;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    file.metadata["mynah.policy"] = text;
    EXPECT_NE(refused(file), "accepted") << to;
  }
  file = policy.to_file();
  for (NamedTensor& tensor : file.tensors) {
    if (tensor.name == "2.weight") tensor.bytes[3] = std::byte{0x42};
  }
  EXPECT_NE(refused(file).find("self-test failed"), std::string::npos);
}

}  // namespace
}  // namespace mynah::tests
