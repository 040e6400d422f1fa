// The file in which measured choices are kept, and how a user asks for it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "engine/device.h"
#include "engine/file_bytes.h"
#include "engine/linear_tuning.h"
#include "kernels/error.h"
#include "temporary_folder.h"

namespace mynah {
namespace {

using kernels::LinearKey;
using kernels::Precision;
using kernels::cuda::LinearChoice;
using kernels::cuda::LinearKernel;
using kernels::cuda::LinearProduct;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* one_product =
    R"({"product": "forward", "precision": "float32", "m": 100, "n": 200, "k": 320, "packs": true, "kernel": "large",
"parts": 2, "microseconds": 2.5, "rule": {"kernel": "small", "parts": 1, "microseconds": 3.5}})";

std::string file_with(const std::string& product) {
  return R"({"format": "mynah linear tuning", "version": 1, "devices": [{"device": "GPU", "products": [)" + product +
         "]}]}";
}

/// `text` with one piece of it replaced, which has to be there.
std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TunedProduct tuned(Index m, LinearChoice choice, Precision precision = Precision::float32) {
  return {
      {LinearProduct::input_gradient, precision, m, 200, 320, m % 2 == 0}, choice, 2.25, {LinearKernel::small, 4}, 3.5};
}

void expect_equal(const TunedProduct& found, const TunedProduct& expected) {
  EXPECT_EQ(found.key, expected.key);
  EXPECT_EQ(linear_choice_text(found.choice), linear_choice_text(expected.choice));
  EXPECT_EQ(found.microseconds, expected.microseconds);
  EXPECT_EQ(linear_choice_text(found.rule), linear_choice_text(expected.rule));
  EXPECT_EQ(found.rule_microseconds, expected.rule_microseconds);
}

class LinearTuningFile : public testing::Test {
 protected:
  ~LinearTuningFile() override {
    kernels::forget_linear_choices();
    ::unsetenv("MYNAH_TUNING");
  }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string refusal() const {
    try {
      static_cast<void>(load_linear_tuning(path_));
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      EXPECT_NE(error.remedy(), "");
      return error.what();
    }
    return "it was read";
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "tuning.json";
};

TEST_F(LinearTuningFile, KeepsWhatItIsGiven) {
  const std::filesystem::path deep = folder_ / "new" / "deeper" / "tuning.json";
  const std::vector<TunedProduct> first{tuned(100, {LinearKernel::large, 3}), tuned(101, {LinearKernel::medium, 10})};
  update_linear_tuning(deep, "GPU A", first);
  update_linear_tuning(deep, "GPU B", {tuned(100, {LinearKernel::small, 1})});
  const TunedProduct again = tuned(101, {LinearKernel::small, 2});
  const TunedProduct other = tuned(101, {LinearKernel::small, 2}, Precision::bfloat16);
  update_linear_tuning(deep, "GPU A", {again, other});
  const LinearTuning found = load_linear_tuning(deep);
  ASSERT_EQ(found.size(), 2U);
  ASSERT_EQ(found.at("GPU A").size(), 3U);
  expect_equal(found.at("GPU A")[0], first[0]);
  expect_equal(found.at("GPU A")[1], again);
  expect_equal(found.at("GPU A")[2], other);
  ASSERT_EQ(found.at("GPU B").size(), 1U);
  expect_equal(found.at("GPU B")[0], tuned(100, {LinearKernel::small, 1}));
}

TEST_F(LinearTuningFile, ReadsWhatTheFormatSays) {
  write(file_with(one_product));
  const LinearTuning found = load_linear_tuning(path_);
  ASSERT_EQ(found.at("GPU").size(), 1U);
  expect_equal(found.at("GPU")[0], {{LinearProduct::forward, Precision::float32, 100, 200, 320, true},
                                    {LinearKernel::large, 2},
                                    2.5,
                                    {LinearKernel::small, 1},
                                    3.5});
}

TEST_F(LinearTuningFile, RefusesWhatIsDamagedAndLeavesItAlone) {
  const std::string good = file_with(one_product);
  const auto with = [&](const char* what, const char* by) { return replaced(good, what, by); };
  const std::string product = "devices[0].products[0]";
  const std::vector<std::array<std::string, 3>> cases = {
      {"", "line 1", "not JSON"},
      {good.substr(0, good.size() - 10), "line 2", "ends too early"},
      {with("\"parts\"", "parts"), "line 2", "not JSON"},
      {std::string("\x89PNG\r\n\x1a\n"), "line 1", "not JSON"},
      {"[1, 2]", "tuning.json", "is not an object"},
      {"{}", "tuning.json", "is not a file of measured kernels"},
      {with("mynah linear tuning", "mynah"), "tuning.json", "is not a file of measured kernels"},
      {with("\"version\": 1", "\"version\": 2"), "tuning.json",
       "written by a later mynah: version 2, and this one reads 1"},
      {with("\"version\": 1", "\"version\": \"1\""), "version", "is not a whole number"},
      {with("\"version\": 1, ", ""), "version", "is missing"},
      {with("\"devices\"", "\"device\""), "devices", "is missing"},
      {with("\"version\": 1", "\"version\": 1, \"extra\": 2"), "tuning.json", "has a field 'extra'"},
      {with("\"GPU\"", "7"), "devices[0].device", "is not a text"},
      {with("{\"device\"", "{\"device\": \"GPU\", \"products\": []}, {\"device\""), "devices[1]",
       "second entry for 'GPU'"},
      {file_with(std::string(one_product) + "," + one_product), "devices[0].products[1]",
       "second entry for forward 100 x 200 x 320 float32"},
      {with("\"forward\"", "\"backward\""), product, "there is no product 'backward'"},
      {with("\"float32\"", "\"float64\""), product + ".precision", "'float64', which this mynah does not know"},
      {with("\"large\"", "\"huge\""), product + ".kernel", "it knows dot, small, medium, large"},
      {with("\"small\"", "\"tiny\""), product + ".rule.kernel", "'tiny', which this mynah does not know"},
      {with("\"m\": 100", "\"m\": 0"), product + ".m", "is not a whole number from 1"},
      {with("\"m\": 100", "\"m\": -5"), product + ".m", "is not a whole number from 1"},
      {with("\"m\": 100", "\"m\": 1e2"), product + ".m", "is not a whole number from 1"},
      {with("\"m\": 100", "\"m\": 99999999999999999999"), product + ".m", "is not a whole number from 1"},
      {with("\"k\": 320, ", ""), product + ".k", "is missing"},
      {with("true", "1"), product + ".packs", "is not true or false"},
      {with("\"parts\": 2", "\"parts\": 11"), product, "k = 320 may be cut into 1 to 10 parts"},
      {with("\"large\"", "\"dot\""), product, "the dot kernel takes k in one part"},
      {with("2.5", "-1"), product + ".microseconds", "is not a time"},
      {with("3.5", "null"), product + ".rule.microseconds", "is not a time"},
      {with("3.5}", "3.5, \"more\": 1}"), product + ".rule", "has a field 'more'"},
      {with("\"rule\": {", "\"rule\": 5, \"old\": {"), product + ".rule", "is not an object"},
  };
  for (const auto& [bytes, place, problem] : cases) {
    SCOPED_TRACE(bytes);
    write(bytes);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(path_.string()), HasSubstr(place), HasSubstr(problem)));
    EXPECT_THROW(update_linear_tuning(path_, "GPU", {tuned(100, {LinearKernel::small, 1})}), Error);
    EXPECT_EQ(read_file_bytes(path_), bytes);
    EXPECT_EQ(folder_.files(), 1U);
  }
  write(good);
  EXPECT_EQ(refusal(), "it was read");
}

TEST_F(LinearTuningFile, MissingIsNotEmpty) {
  EXPECT_THAT(refusal(), HasSubstr("there is no such file"));
  EXPECT_THROW(static_cast<void>(use_linear_tuning_named(path_.string())), Error);
}

/// The choice that a device's stream gets for a product, or the rule's.
LinearChoice chosen(DeviceId device, const LinearKey& key) {
  return kernels::choose_linear(Stream(device), key);
}

TEST_F(LinearTuningFile, IsUsedByItsDeviceWhereAskedFor) {
  const auto devices = list_devices();
  if (devices.size() < 2) GTEST_SKIP() << "no CUDA device (" << cuda_unavailable_reason() << "): skipped";
  const DeviceId device = devices[1].id;
  const TunedProduct mine = tuned(100, {LinearKernel::large, 3}), others = tuned(103, {LinearKernel::large, 3});
  update_linear_tuning(path_, devices[1].name, {mine});
  update_linear_tuning(path_, "another GPU", {others});
  const std::string by_rule = linear_choice_text(chosen(device, mine.key));
  ASSERT_NE(by_rule, "large in 3 parts") << "nothing is used without being asked for";
  const std::string others_by_rule = linear_choice_text(chosen(device, others.key));

  use_linear_tuning(path_);
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), "large in 3 parts");
  EXPECT_EQ(linear_choice_text(chosen(device, others.key)), others_by_rule);
  EXPECT_EQ(kernels::linear_choices_origin(device), path_.string());

  EXPECT_EQ(use_linear_tuning_named("off"), std::filesystem::path{});
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), by_rule);

  EXPECT_EQ(use_linear_tuning_named(path_.string()), path_);
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), "large in 3 parts");
  EXPECT_EQ(use_linear_tuning_of_environment(), std::filesystem::path{}) << "not set: as it was";
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), "large in 3 parts");
  ::setenv("MYNAH_TUNING", "off", 1);
  EXPECT_EQ(use_linear_tuning_of_environment(), std::filesystem::path{});
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), by_rule);
  ::setenv("MYNAH_TUNING", path_.c_str(), 1);
  EXPECT_EQ(use_linear_tuning_of_environment(), path_);
  EXPECT_EQ(linear_choice_text(chosen(device, mine.key)), "large in 3 parts");
}

TEST_F(LinearTuningFile, OnMeansTheCacheOfTheUser) {
  const char* const given = std::getenv("XDG_CACHE_HOME");
  const std::string before = given == nullptr ? "" : given;
  ::setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
  const std::filesystem::path cache = folder_ / "mynah" / "linear_tuning.json";
  EXPECT_EQ(linear_tuning_cache(), cache);
  EXPECT_THROW(static_cast<void>(use_linear_tuning_named("on")), Error) << "there is none yet";
  update_linear_tuning(linear_tuning_cache(), "GPU", {tuned(100, {LinearKernel::small, 1})});
  EXPECT_EQ(use_linear_tuning_named("on"), cache);
  before.empty() ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace mynah
