#include "algorithms/policy_npz.h"

#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <limits>

#include "engine/npz.h"
#include "kernels/error.h"
#include "temporary_folder.h"

namespace mynah {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A policy of three observations, two hidden units and one action, of which tests change arrays.
class NpzPolicy : public testing::Test {
 protected:
  void SetUp() override {
    put("obs_mean", {1.0f, 0.0f, -1.0f}, {3});
    put("obs_std", {2.0f, 1.0f, 0.5f}, {3});
    put("w0", {0.1f, 0.2f, 0.3f, -0.4f, 0.5f, 0.6f}, {3, 2});
    put("b0", {0.05f, -0.05f}, {2});
    put("w1", {2.0f, -3.0f}, {2, 1});
    put("b1", {0.25f}, {1});
    put("log_std", {0.0f}, {1});
  }

  void put(const std::string& name, const std::vector<float>& values, std::vector<Index> shape) {
    remove(name);
    arrays_.push_back(npy_array(name, values, std::move(shape)));
  }
  void remove(const std::string& name) {
    std::erase_if(arrays_, [&](const NpyArray& array) { return array.name == name; });
  }
  std::string bytes() const { return serialize_npz(arrays_); }

  Policy load(const std::string& bytes) {
    std::ofstream(file_, std::ios::binary) << bytes;
    return Policy::load(file_);
  }
  /// The message, which names the file.
  std::string refused(const std::string& bytes) {
    try {
      load(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_THAT(error.place(), testing::StartsWith(file_.string()));
      EXPECT_FALSE(error.problem().empty());
      return error.what();
    }
    return "it was read";
  }
  std::string refused() { return refused(bytes()); }

  /// What is refused with this array instead, after which the policy is whole again.
  std::string refused_with(const std::string& name, const std::vector<float>& values, std::vector<Index> shape) {
    const std::vector<NpyArray> before = arrays_;
    put(name, values, std::move(shape));
    std::string message = refused();
    arrays_ = before;
    return message;
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "expert.npz";
  std::vector<NpyArray> arrays_;
};

TEST_F(NpzPolicy, ActsAsItsArraysSay) {
  Policy policy = load(bytes());
  const std::vector<float> observation{2.0f, -1.0f, 0.5f};
  const double x0 = 1.0 / 2.000001, x1 = -1.0 / 1.000001, x2 = 1.5 / 0.500001;
  const double h0 = std::tanh(0.1 * x0 + 0.3 * x1 + 0.5 * x2 + 0.05);
  const double h1 = std::tanh(0.2 * x0 - 0.4 * x1 + 0.6 * x2 - 0.05);
  std::vector<float> action(1);
  policy.act(observation, action);
  EXPECT_NEAR(action[0], 2.0 * h0 - 3.0 * h1 + 0.25, 1e-5);
}

TEST_F(NpzPolicy, CutAnywhereItIsRefused) {
  const std::string whole = bytes();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    ASSERT_NE(refused(whole.substr(0, size)), "it was read") << size;
  }
  ASSERT_NE(refused(whole.substr(0, whole.size() - 1)), "it was read");
}

TEST_F(NpzPolicy, ADamagedByteIsRefusedOrDoesNoHarm) {
  const std::string whole = bytes();
  int refusals = 0;
  for (std::size_t at = 0; at < whole.size(); at += 5) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(~damaged[at]);
    refusals += refused(damaged) == "it was read" ? 0 : 1;
  }
  EXPECT_GT(refusals, static_cast<int>(whole.size() / 10));
}

TEST_F(NpzPolicy, MissingArraysAreNamed) {
  for (const char* name : {"obs_mean", "obs_std", "w0", "b0", "b1"}) {
    const std::vector<NpyArray> before = arrays_;
    remove(name);
    EXPECT_THAT(refused(), HasSubstr(name));
    arrays_ = before;
  }
  // Without w1 the first layer would be the last.
  remove("w1");
  EXPECT_THAT(refused(), AllOf(HasSubstr("no array 'w1'"), HasSubstr("w0, b0, w1, b1")));
  remove("b1");
  put("w2", {1.0f}, {1, 1});
  EXPECT_THAT(refused(), HasSubstr("holds 'w2', but no array 'w1'"));
  remove("w2");
  EXPECT_EQ(refused(), "it was read") << "a policy of one layer";
}

TEST_F(NpzPolicy, OtherShapesAreRefusedWithTheArray) {
  EXPECT_THAT(refused_with("obs_std", {1.0f, 1.0f}, {2}), AllOf(HasSubstr("'obs_std'"), HasSubstr("(2,), not (3,)")));
  EXPECT_THAT(refused_with("obs_mean", {1.0f, 1.0f, 1.0f}, {3, 1}),
              AllOf(HasSubstr("'obs_mean'"), HasSubstr("(3, 1)")));
  EXPECT_THAT(refused_with("obs_mean", {}, {0}), HasSubstr("'obs_mean'"));
  EXPECT_THAT(refused_with("w0", std::vector<float>(6, 0.1f), {2, 3}), AllOf(HasSubstr("'w0'"), HasSubstr("(2, 3)")));
  EXPECT_THAT(refused_with("w0", std::vector<float>(3, 0.1f), {3}), HasSubstr("'w0'"));
  EXPECT_THAT(refused_with("w1", std::vector<float>(3, 0.1f), {3, 1}), HasSubstr("'w1'"));
  EXPECT_THAT(refused_with("w1", {}, {2, 0}), HasSubstr("'w1'"));
  EXPECT_THAT(refused_with("b0", std::vector<float>(3, 0.1f), {3}),
              AllOf(HasSubstr("'b0'"), HasSubstr("(3,), not (2,)")));
  EXPECT_EQ(refused(), "it was read");
}

TEST_F(NpzPolicy, WhatIsNoNumberIsRefusedWithItsPlace) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refused_with("w0", {0.1f, 0.2f, 0.3f, nan, 0.5f, 0.6f}, {3, 2}),
              AllOf(HasSubstr("'w0'"), HasSubstr("value 3 is nan"), HasSubstr("export the network again")));
  EXPECT_THAT(refused_with("b1", {infinity}, {1}), AllOf(HasSubstr("'b1'"), HasSubstr("value 0 is inf")));
  EXPECT_THAT(refused_with("obs_mean", {1.0f, nan, 0.0f}, {3}), HasSubstr("'obs_mean'"));
  EXPECT_THAT(refused_with("obs_std", {1.0f, -0.1f, 0.0f}, {3}), AllOf(HasSubstr("'obs_std'"), HasSubstr("negative")));
  EXPECT_EQ(refused_with("obs_std", {1.0f, 0.0f, 1.0f}, {3}), "it was read") << "a column that never changes";
  EXPECT_EQ(refused_with("log_std", {nan}, {1}), "it was read") << "it is not used";
  remove("b0");
  arrays_.push_back(npy_array_of_text("b0", std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(refused(), HasSubstr("'b0'"));
}

}  // namespace
}  // namespace mynah
