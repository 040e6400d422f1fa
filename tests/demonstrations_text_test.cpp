#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "demonstrations_fixture.h"
#include "engine/demonstrations_formats.h"

namespace mynah {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LoadOptions actions(LoadOptions::Actions kind) {
  LoadOptions options;
  options.actions = kind;
  return options;
}
const LoadOptions as_discrete = actions(LoadOptions::Actions::discrete);
const LoadOptions as_continuous = actions(LoadOptions::Actions::continuous);

Demonstrations csv(const std::string& text, const LoadOptions& options = {}) {
  return parse_demonstrations_csv(text, "demos.csv", options);
}
std::string csv_refusal(const std::string& text, const LoadOptions& options = {}) {
  return refusal_of([&] { csv(text, options); });
}
Demonstrations jsonl(const std::string& text, const LoadOptions& options = {}) {
  return parse_demonstrations_jsonl(text, "demos.jsonl", options);
}
std::string jsonl_refusal(const std::string& text, const LoadOptions& options = {}) {
  return refusal_of([&] { jsonl(text, options); });
}

TEST(DemonstrationsCsv, EveryColumn) {
  const Demonstrations d =
      csv("episode,time,observation_x,obs_y,action_left,act_right,reward,done,timeout,next_obs_x,next_obs_y\n"
          "a,0.0,1,2,0.5,-1,10,0,false,3,4\n"
          "a,0.1,3,4,+0.25,1e-3,20,1,false,5,6\n"
          "b,0.0,7, 8 ,0,-.5,30,False,True,9,10\n");
  EXPECT_THAT(d.observations, ElementsAre(1, 2, 3, 4, 7, 8));
  EXPECT_THAT(d.next_observations, ElementsAre(3, 4, 5, 6, 9, 10));
  EXPECT_THAT(d.actions, ElementsAre(0.5f, -1, 0.25f, 1e-3f, 0, -0.5f));
  EXPECT_THAT(d.rewards, ElementsAre(10, 20, 30));
  EXPECT_THAT(d.terminals, ElementsAre(0, 1, 0));
  EXPECT_THAT(d.timeouts, ElementsAre(0, 0, 1));
  EXPECT_THAT(d.episode_ends, ElementsAre(2, 3));
  EXPECT_THAT(d.observation_names, ElementsAre("x", "y"));
  EXPECT_THAT(d.action_names, ElementsAre("left", "right"));
  EXPECT_EQ(d.source, "demos.csv");
}

TEST(DemonstrationsCsv, QuotesByteOrderMarkCarriageReturnsAndBlankLines) {
  const Demonstrations d =
      csv("\xef\xbb\xbf\"episode\",o0,o1,\"a0\"\r\n"
          "\"first, \"\"quoted\"\"\nover two lines\",\"1\",2,0.5\r\n"
          "\r\n"
          "second,3,\"4\",\"1.5\"");
  EXPECT_THAT(d.observations, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(d.actions, ElementsAre(0.5f, 1.5f));
  EXPECT_THAT(d.episode_ends, ElementsAre(1, 2));
  EXPECT_THAT(d.observation_names, IsEmpty());
  EXPECT_THAT(d.rewards, IsEmpty());
  EXPECT_THAT(d.timeouts, IsEmpty());
}

TEST(DemonstrationsCsv, ActionsAreDiscreteWhenAllAreWholeNumbersOrWhenAsked) {
  const std::string whole = "episode,o0,action\n0,1,0\n0,1,2\n0,1,1.0\n";
  EXPECT_THAT(csv(whole).labels, ElementsAre(0, 2, 1));
  EXPECT_EQ(csv(whole).action_count, 3);
  EXPECT_THAT(csv(whole, as_continuous).actions, ElementsAre(0, 2, 1));
  const std::string real = "episode,o0,action\n0,1,0\n0,1,2\n0,1,1.5\n";
  EXPECT_FALSE(csv(real).discrete);
  EXPECT_THAT(csv_refusal(real, as_discrete), AllOf(HasSubstr("demos.csv:4:3"), HasSubstr("1.5")));
  EXPECT_FALSE(csv("episode,o0,action\n0,1,0\n0,1,-2\n").discrete);
  EXPECT_FALSE(csv("episode,o0,a0,a1\n0,1,0,1\n").discrete);
  EXPECT_THAT(csv_refusal("episode,o0,a0,a1\n0,1,0,1\n", as_discrete), HasSubstr("2 columns"));
  EXPECT_THAT(csv_refusal("episode,o0,action\n0,1,9999999\n"), HasSubstr("10000000 classes"));
}

TEST(DemonstrationsCsv, NumbersAtTheEdges) {
  EXPECT_THAT(csv("episode,o0,a0\n0,1e-60,0.5\n").observations, ElementsAre(0));
  EXPECT_THAT(csv("episode,o0,a0\n0,3.4028234e38,0.5\n").observations, ElementsAre(3.4028234e38f));
  EXPECT_THAT(csv_refusal("episode,o0,a0\n0,1e39,0.5\n"), AllOf(HasSubstr("demos.csv:2:2"), HasSubstr("1e39")));
  EXPECT_THAT(csv_refusal("episode,o0,a0\n0,1,0.5\n0,-1e999,0.5\n"), HasSubstr("demos.csv:3:2"));
}

TEST(DemonstrationsCsv, NotANumberInRow1234) {
  std::string text = "episode,o0,o1,a0\n";
  for (int row = 0; row < 2000; ++row) {
    text += std::to_string(row / 100) + ",1," + (row == 1234 ? "nan" : "2") + ",0.5\n";
  }
  EXPECT_THAT(csv_refusal(text),
              AllOf(HasSubstr("demos.csv: observations[1234, 1] is NaN"), HasSubstr("episode 12, step 34"),
                    HasSubstr("mynah inspect demos.csv --drop-episode 12")));
  LoadOptions options;
  options.require_finite = false;
  EXPECT_TRUE(std::isnan(csv(text, options).observations[1234 * 2 + 1]));
}

TEST(DemonstrationsCsv, DefectsNameLineAndField) {
  const std::string head = "episode,observation_0,observation_1,action_0\n";
  EXPECT_THAT(csv_refusal(head + "0,1,2,0.5\n0,1,2\n"), AllOf(HasSubstr("demos.csv:3: "), HasSubstr("3 fields")));
  EXPECT_THAT(csv_refusal(head + "0,1,2,0.5,7\n"), AllOf(HasSubstr("demos.csv:2: "), HasSubstr("5 fields")));
  EXPECT_THAT(csv_refusal(head + "0,1,two,0.5\n"), AllOf(HasSubstr("demos.csv:2:3"), HasSubstr("'two'")));
  EXPECT_THAT(csv_refusal(head + "0,1,,0.5\n"), AllOf(HasSubstr("demos.csv:2:3"), HasSubstr("is empty")));
  EXPECT_THAT(csv_refusal(head + "0,1,0x10,0.5\n"), HasSubstr("demos.csv:2:3"));
  EXPECT_THAT(csv_refusal(head + "0,1,+-2,0.5\n"), HasSubstr("demos.csv:2:3"));
  EXPECT_THAT(csv_refusal(head + "0,1,2,0.5\n1,1,2,0.5\n0,1,2,0.5\n"),
              AllOf(HasSubstr("demos.csv:4:1"), HasSubstr("episode '0' appears again")));
  EXPECT_THAT(csv_refusal(head + ",1,2,0.5\n"), AllOf(HasSubstr("demos.csv:2:1"), HasSubstr("'episode' is empty")));
  EXPECT_THAT(csv_refusal(head + "0,\"1,2,0.5\n"), AllOf(HasSubstr("demos.csv:2:2"), HasSubstr("never closed")));
  EXPECT_THAT(csv_refusal(head + "0,\"1\"x,2,0.5\n"), AllOf(HasSubstr("demos.csv:2:2"), HasSubstr("closing quote")));
  EXPECT_THAT(csv_refusal("episode,o0,a0,done\n0,1,0.5,maybe\n"),
              AllOf(HasSubstr("demos.csv:2:4"), HasSubstr("'maybe'")));
}

TEST(DemonstrationsCsv, DefectsOfTheHeader) {
  EXPECT_THAT(csv_refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(csv_refusal("episode,o0,a0\n"), HasSubstr("no episodes"));
  EXPECT_THAT(csv_refusal("o0,a0\n1,2\n"), HasSubstr("no column 'episode'"));
  EXPECT_THAT(csv_refusal("episode,a0\n1,2\n"), HasSubstr("no observation columns"));
  EXPECT_THAT(csv_refusal("episode,o0\n1,2\n"), HasSubstr("no action columns"));
  EXPECT_THAT(csv_refusal("episode,o0,o0,a0\n1,2,3,4\n"), AllOf(HasSubstr("demos.csv:1:3"), HasSubstr("twice")));
  EXPECT_THAT(csv_refusal("episode,o0,a0,done,terminal\n1,2,3,4,5\n"), HasSubstr("means the same"));
  EXPECT_THAT(csv_refusal("episode,o0,o1,a0,next_obs_0\n1,2,3,4,5\n"), HasSubstr("1 next_observation columns"));
  EXPECT_THAT(csv_refusal("episode;o0;a0\n1;2;3\n"), HasSubstr("commas"));
  EXPECT_THAT(csv_refusal("episode,o_\xff,o0,a0\n"), HasSubstr("UTF-8"));
  EXPECT_THAT(csv_refusal(std::string("\xff\xfe", 2) + "e"), HasSubstr("UTF-16"));
}

TEST(DemonstrationsJsonl, Steps) {
  const Demonstrations d =
      jsonl(R"({"episode": 3, "observation": [1, 2.5], "action": 1, "reward": 1.0, "terminal": false}
{"episode": 3, "observation": [3, 4], "action": 0, "reward": 2.0, "terminal": true, "info": {"deep": [[[{}]]], "s": "x"}}

{"reward": 3, "action": [2], "episode": "b", "observation": [5, 6]}
)");
  EXPECT_THAT(d.observations, ElementsAre(1, 2.5f, 3, 4, 5, 6));
  EXPECT_THAT(d.labels, ElementsAre(1, 0, 2));
  EXPECT_THAT(d.rewards, ElementsAre(1, 2, 3));
  EXPECT_THAT(d.terminals, ElementsAre(0, 1, 0));
  EXPECT_THAT(d.episode_ends, ElementsAre(2, 3));
  EXPECT_THAT(d.timeouts, IsEmpty());
}

TEST(DemonstrationsJsonl, ContinuousStepsWithEverything) {
  const Demonstrations d = jsonl(R"({"episode":0,"obs":[1],"act":[0.5,-1],"next_obs":[2],"truncated":false,"done":0})"
                                 "\n"
                                 R"({"episode":0,"obs":[2],"act":[1,1],"next_obs":[3],"truncated":true,"done":0})");
  EXPECT_THAT(d.actions, ElementsAre(0.5f, -1, 1, 1));
  EXPECT_EQ(d.action_size, 2);
  EXPECT_THAT(d.next_observations, ElementsAre(2, 3));
  EXPECT_THAT(d.timeouts, ElementsAre(0, 1));
}

TEST(DemonstrationsJsonl, WholeEpisodes) {
  const Demonstrations d =
      jsonl(R"({"observations": [[1,2],[3,4],[5,6]], "actions": [0,1], "rewards": [1,2], "terminal": true}
{"observations": [[7,8],[9,10]], "actions": [1], "rewards": [4], "terminals": [0]})");
  EXPECT_THAT(d.observations, ElementsAre(1, 2, 3, 4, 7, 8));
  EXPECT_THAT(d.next_observations, ElementsAre(3, 4, 5, 6, 9, 10));
  EXPECT_THAT(d.labels, ElementsAre(0, 1, 1));
  EXPECT_THAT(d.terminals, ElementsAre(0, 1, 0));
  EXPECT_THAT(d.episode_ends, ElementsAre(2, 3));
  EXPECT_THAT(d.returns(), ElementsAre(3, 4));
  const Demonstrations flat = jsonl(R"({"observations": [1, 2], "actions": [[0.5], [1]], "timeouts": [0, 1]})");
  EXPECT_EQ(flat.observation_size, 1);
  EXPECT_THAT(flat.actions, ElementsAre(0.5f, 1));
  EXPECT_THAT(flat.timeouts, ElementsAre(0, 1));
}

TEST(DemonstrationsJsonl, WordsForNoNumber) {
  LoadOptions options;
  options.require_finite = false;
  const std::string text =
      R"({"episode": 0, "observation": [NaN, null, Infinity, -Infinity, "NaN", 1], "action": 0.5, "note": "NaN \" Infinity \\"})";
  const Demonstrations d = jsonl(text, options);
  EXPECT_TRUE(std::isnan(d.observations[0]));
  EXPECT_TRUE(std::isnan(d.observations[1]));
  EXPECT_EQ(d.observations[2], INFINITY);
  EXPECT_EQ(d.observations[3], -INFINITY);
  EXPECT_TRUE(std::isnan(d.observations[4]));
  EXPECT_EQ(d.observations[5], 1);
  EXPECT_THAT(jsonl_refusal(text), HasSubstr("observations[0, 0] is NaN"));
}

TEST(DemonstrationsJsonl, DefectsNameTheLine) {
  const std::string good = R"({"episode": 0, "observation": [1, 2], "action": [0.5]})"
                           "\n";
  const auto second = [&](const std::string& line) {
    std::string message = jsonl_refusal(good + line);
    EXPECT_THAT(message, HasSubstr("demos.jsonl:2: "));
    return message;
  };
  EXPECT_THAT(second("{"), HasSubstr("not JSON near character"));
  EXPECT_THAT(second("[1]"), HasSubstr("JSON array"));
  EXPECT_THAT(second("1"), HasSubstr("not a JSON object"));
  EXPECT_THAT(second("\"x\""), HasSubstr("not a JSON object"));
  EXPECT_THAT(second(good.substr(0, good.size() - 1) + "x"), HasSubstr("not JSON"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1], "action": [0.5]})"),
              HasSubstr("'observation' has 1 values"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2], "action": [0.5, 1]})"),
              HasSubstr("'action' has 2 values"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2], "action": []})"), HasSubstr("'action' is empty"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [[1, 2]], "action": 1})"), HasSubstr("arrays in an array"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [[[1]]], "action": 1})"), HasSubstr("too deep"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, [2]], "action": 1})"), HasSubstr("mixes"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, "x"], "action": 1})"), HasSubstr("text 'x'"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": {"x": 1}, "action": 1})"), HasSubstr("an object"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 1e200], "action": 1})"), HasSubstr("beyond 32-bit"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2]})"), HasSubstr("no 'action'"));
  EXPECT_THAT(second(R"({"observation": [1, 2], "action": 1})"), HasSubstr("no 'episode'"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2], "action": 1, "act": 2})"), HasSubstr("means the same"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2], "action": 1, "action": 2})"), HasSubstr("twice"));
  EXPECT_THAT(second(R"({"episode": 0, "observation": [1, 2], "action": 1, "reward": 2})"),
              HasSubstr("earlier lines lack"));
  EXPECT_THAT(second(R"({"observations": [[1, 2]], "actions": [1]})"), HasSubstr("mixes lines"));
  EXPECT_THAT(jsonl_refusal(R"({"episode":0,"observation":[1],"action":1}
{"episode":1,"observation":[1],"action":1}
{"episode":0,"observation":[1],"action":1})"),
              AllOf(HasSubstr("demos.jsonl:3"), HasSubstr("appears again")));
  EXPECT_THAT(jsonl_refusal(R"({"episode":0,"observation":[1],"action":0.5})", as_discrete),
              AllOf(HasSubstr("demos.jsonl:1"), HasSubstr("0.5")));
}

TEST(DemonstrationsJsonl, DefectsOfWholeEpisodes) {
  EXPECT_THAT(jsonl_refusal(R"({"observations": [[1],[2],[3]], "actions": [1]})"),
              HasSubstr("3 entries for 1 actions"));
  EXPECT_THAT(jsonl_refusal(R"({"observations": [[1],[2,3]], "actions": [1,2]})"), HasSubstr("2 values where"));
  EXPECT_THAT(jsonl_refusal(R"({"observations": [[1],[2]], "actions": [1,2], "rewards": [[],[]]})"),
              HasSubstr("'rewards'"));
  EXPECT_THAT(jsonl_refusal(R"({"observations": [[1],[2]], "actions": [1,2], "terminals": [1]})"),
              HasSubstr("'terminals'"));
  EXPECT_THAT(jsonl_refusal(R"({"observations": [], "actions": []})"), HasSubstr("'actions' is empty"));
  EXPECT_THAT(jsonl_refusal(R"({"observations": [[]], "actions": [1]})"), HasSubstr("'observations' is empty"));
  EXPECT_THAT(jsonl_refusal("\n\n"), HasSubstr("no episodes"));
}

TEST(DemonstrationsJsonl, DepthCostsNothing) {
  std::string deep = R"({"episode": 0, "observation": [1], "action": 1, "junk": )" + std::string(1 << 20, '[');
  EXPECT_THAT(jsonl_refusal(deep), HasSubstr("not JSON"));
  deep += std::string(1 << 20, ']') + "}";
  EXPECT_EQ(jsonl(deep).rows(), 1);
  EXPECT_THAT(jsonl_refusal(R"({"observation": )" + std::string(1 << 20, '[')), HasSubstr("too deep"));
}

}  // namespace
}  // namespace mynah
