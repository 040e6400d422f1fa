#include "engine/toml_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/error.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::vector<std::string> known = {"activation", "batch-size",    "epochs", "hidden",
                                        "json",       "learning-rate", "out",    "scales"};

std::string refusal(std::string_view text) {
  try {
    parse_toml_config(text, "run.toml", known);
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    EXPECT_FALSE(error.remedy().empty());
    return error.what();
  }
  return "accepted";
}

TEST(TomlConfig, ReadsEveryType) {
  const Config config = parse_toml_config(
      "# a remark\nhidden = [256, 128]\nlearning_rate = 1e-3\nbatch-size = 32\nactivation = \"relu\"\njson = true\n"
      "scales = [1, 0.5]\nout = []\n",
      "run.toml", known);
  EXPECT_EQ(config.size(), 7U);
  EXPECT_EQ(config.at("hidden").value, ConfigValue(std::vector<std::int64_t>{256, 128}));
  EXPECT_EQ(config.at("hidden").place, "run.toml:2");
  EXPECT_EQ(config.at("learning-rate").value, ConfigValue(0.001));
  EXPECT_EQ(config.at("batch-size").value, ConfigValue(std::int64_t{32}));
  EXPECT_EQ(config.at("activation").value, ConfigValue(std::string("relu")));
  EXPECT_EQ(config.at("activation").place, "run.toml:5");
  EXPECT_EQ(config.at("json").value, ConfigValue(true));
  EXPECT_EQ(config.at("scales").value, ConfigValue(std::vector<double>{1, 0.5}));
  EXPECT_EQ(config.at("out").value, ConfigValue(std::vector<std::string>{}));

  EXPECT_EQ(option_text(config.at("hidden").value), "256,128");
  EXPECT_EQ(option_text(config.at("learning-rate").value), "0.001");
  EXPECT_EQ(option_text(config.at("activation").value), "relu");
  EXPECT_EQ(option_text(config.at("json").value), "true");
  EXPECT_EQ(option_text(config.at("out").value), "");
}

TEST(TomlConfig, WhatIsWrittenIsReadAgain) {
  Config config;
  config["activation"] = {std::string("a \"b\" \\ \t\n\x01 größe"), ""};
  config["batch-size"] = {std::int64_t{-32}, ""};
  config["epochs"] = {std::numeric_limits<std::int64_t>::max(), ""};
  config["hidden"] = {std::vector<std::int64_t>{1, 2}, ""};
  config["json"] = {std::vector<bool>{true, false}, ""};
  config["learning-rate"] = {0.1, ""};
  config["out"] = {std::vector<std::string>{"x", "y,z"}, ""};
  config["scales"] = {std::vector<double>{1, 1e300, 5e-324, -std::numeric_limits<double>::infinity(), 1e16}, ""};
  const std::string text = to_toml(config);
  const Config again = parse_toml_config(text, "again", known);
  ASSERT_EQ(again.size(), config.size()) << text;
  for (const auto& [name, entry] : config) EXPECT_EQ(again.at(name).value, entry.value) << name << "\n" << text;
  EXPECT_EQ(to_toml(again), text);

  config["learning-rate"] = {std::nan(""), ""};
  EXPECT_THAT(to_toml(config), HasSubstr("learning-rate = nan\n"));
  config["out"] = {std::string("\xff"), ""};
  EXPECT_THROW(to_toml(config), Error);
}

TEST(TomlConfig, RefusesWithTheLine) {
  EXPECT_EQ(refusal("epochs = 3\n"), "accepted");
  EXPECT_EQ(refusal(""), "accepted");
  EXPECT_THAT(refusal("\nepoch = 3\n"),
              AllOf(HasSubstr("run.toml:2: there is no option 'epoch'"), HasSubstr("did you mean 'epochs'?")));
  EXPECT_THAT(refusal("bach_size = 3\n"), HasSubstr("did you mean 'batch-size'?"));
  EXPECT_THAT(refusal("momentum = 3\n"), HasSubstr("`--help` lists"));
  EXPECT_THAT(refusal("epochs = \n"), HasSubstr("run.toml:1:"));
  EXPECT_THAT(refusal("epochs = 1\nepochs = 2\n"), HasSubstr("run.toml:2"));
  EXPECT_THAT(refusal("batch-size = 1\nbatch_size = 2\n"), AllOf(HasSubstr("given twice"), HasSubstr("run.toml:")));
  EXPECT_THAT(refusal("[epochs]\nx = 1\n"), HasSubstr("is a table"));
  EXPECT_THAT(refusal("epochs = 2026-01-01\n"), HasSubstr("date or time"));
  EXPECT_THAT(refusal("hidden = [1, \"a\"]\n"), HasSubstr("run.toml:1: 'hidden' mixes types"));
  EXPECT_THAT(refusal("hidden = [[1]]\n"), HasSubstr("has lists"));
  EXPECT_THAT(refusal("out = \"\xff\"\n"), HasSubstr("not TOML"));
  EXPECT_THROW(load_toml_config("/nowhere/run.toml", known), Error);
}

}  // namespace
}  // namespace mynah
