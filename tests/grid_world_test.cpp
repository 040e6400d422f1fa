// algorithms/grid_world.h and algorithms/value_iteration.h

#include "algorithms/grid_world.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "algorithms/evaluation.h"
#include "algorithms/experts.h"
#include "algorithms/value_iteration.h"
#include "tests/temporary_folder.h"

namespace mynah {
namespace {

using testing::HasSubstr;

GridWorld::Options options_of(double slip, double step_reward = -0.1, double discount = 0.9) {
  return {slip, step_reward, discount};
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.cause(), Error::Cause::input);
    return error.what();
  }
  return "taken";
}

TEST(ValueIteration, FindsValuesComputedByHand) {
  // Two steps from the goal: 1 at the goal, then -0.1 + 0.9 x 1.
  const ValueIterationResult line = value_iteration(GridWorld::parse("S.G", options_of(0.0)).tables());
  EXPECT_NEAR(line.values[0], 0.8, 1e-9);
  EXPECT_NEAR(line.values[1], 1.0, 1e-9);
  EXPECT_EQ(line.values[2], 0.0);
  EXPECT_EQ(line.policy[0], 1);
  // To the right with 0.6 + 0.1, else it stays: v = 0.7 + 0.3 (-0.1 + 0.9 v).
  const ValueIterationResult slippery = value_iteration(GridWorld::parse("SG", options_of(0.4)).tables());
  EXPECT_NEAR(slippery.values[0], 0.67 / 0.73, 1e-9);
  EXPECT_NEAR(slippery.action_values[3], 0.1 * 1.0 + 0.9 * (-0.1 + 0.9 * 0.67 / 0.73), 1e-9);
}

TEST(ValueIteration, FindsTheValueOfStayingForEver) {
  TabularMdp mdp;
  mdp.states = 2;
  mdp.actions = 2;
  mdp.transitions = {1, 0, 0, 1, 0, 1, 0.5, 0.5};
  mdp.rewards = {1.0, 0.0};
  mdp.ends = {0, 0};
  mdp.starts = {0.0, 1.0};
  mdp.discount = 0.75;
  const ValueIterationResult result = value_iteration(mdp);
  EXPECT_NEAR(result.values[0], 4.0, 1e-9);  // 1 / (1 - 0.75)
  // v = 0.5 (1 + 0.75 x 4) + 0.5 x 0.75 v
  EXPECT_NEAR(result.values[1], 2.0 / (1.0 - 0.375), 1e-9);
  EXPECT_EQ(result.policy, (std::vector<std::int32_t>{0, 1}));
  const std::vector<std::int32_t> leaving{1, 0};
  const std::vector<double> values = evaluate_policy(mdp, leaving);
  EXPECT_NEAR(values[0], 0.0, 1e-9);
  EXPECT_NEAR(values[1], 0.0, 1e-9);
  const std::vector<double> other_rewards{0.0, 1.0};
  EXPECT_NEAR(value_iteration(mdp, 1e-10, other_rewards).values[1], 4.0, 1e-9);
}

TEST(ValueIteration, ValuesAreThoseOfTheirPolicy) {
  const TabularMdp mdp = GridWorld::parse("..#.G\n.X...\n..#.X\n.....", options_of(0.3, -0.02, 0.95)).tables();
  const ValueIterationResult best = value_iteration(mdp);
  const std::vector<double> values = evaluate_policy(mdp, best.policy);
  for (std::size_t s = 0; s < values.size(); ++s) EXPECT_NEAR(values[s], best.values[s], 1e-8) << "state " << s;
}

TEST(ValueIteration, RefusesTablesThatAreNone) {
  const TabularMdp good = GridWorld::parse("SG").tables();
  const auto refused = [&](const auto& damage) {
    TabularMdp mdp = good;
    damage(mdp);
    return message_of([&] { value_iteration(mdp); });
  };
  EXPECT_THAT(refused([](TabularMdp& mdp) { mdp.transitions[0] += 0.1; }), HasSubstr("row (0, 0) of the transitions"));
  EXPECT_THAT(refused([](TabularMdp& mdp) { mdp.rewards.pop_back(); }), HasSubstr("rewards has 1 numbers"));
  EXPECT_THAT(refused([](TabularMdp& mdp) { mdp.rewards[1] = std::nan(""); }), HasSubstr("not finite"));
  EXPECT_THAT(refused([](TabularMdp& mdp) { mdp.discount = 1.0; }), HasSubstr("discount"));
  EXPECT_THAT(refused([](TabularMdp& mdp) { mdp.starts = {0.5, 0.6}; }), HasSubstr("starts sums to"));
  EXPECT_THAT(message_of([&] { value_iteration(good, 0.0); }), HasSubstr("tolerance"));
  const std::vector<double> one{1.0};
  EXPECT_THAT(message_of([&] { value_iteration(good, 1e-6, one); }), HasSubstr("one for each of the 2 states"));
}

TEST(GridWorld, TablesAreThoseOfItsRules) {
  const GridWorld world = GridWorld::parse("S.#\n.5X\nG..", options_of(0.2));
  const TabularMdp mdp = world.tables();
  mdp.validate();
  ASSERT_EQ(mdp.states, 9);
  const Index corner = world.state_at(0, 0), middle = world.state_at(1, 1);
  // Up from the corner stays, and so do slips up and left; slips right and down move.
  EXPECT_NEAR(mdp.transition(corner, 0, corner), 0.8 + 0.1, 1e-15);
  EXPECT_NEAR(mdp.transition(corner, 0, world.state_at(0, 1)), 0.05, 1e-15);
  EXPECT_NEAR(mdp.transition(corner, 0, world.state_at(1, 0)), 0.05, 1e-15);
  EXPECT_NEAR(mdp.transition(middle, 2, world.state_at(2, 1)), 0.85, 1e-15);
  EXPECT_NEAR(mdp.transition(middle, 2, world.state_at(1, 2)), 0.05, 1e-15);
  // A wall to the right.
  EXPECT_NEAR(mdp.transition(world.state_at(0, 1), 1, world.state_at(0, 1)), 0.85 + 0.05, 1e-15);
  EXPECT_NEAR(mdp.transition(world.state_at(2, 0), 1, world.state_at(2, 0)), 1.0, 1e-15);  // the goal keeps
  EXPECT_EQ(mdp.rewards, (std::vector<double>{-0.1, -0.1, -0.1, -0.1, 0.5, -1.0, 1.0, -0.1, -0.1}));
  EXPECT_EQ(mdp.ends, (std::vector<std::uint8_t>{0, 0, 0, 0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(mdp.starts, (std::vector<double>{1, 0, 0, 0, 0, 0, 0, 0, 0}));
}

/// Steps of the task come out as often as the tables say.
TEST(GridWorld, TheTaskMovesAsTheTablesSay) {
  const GridWorld world = GridWorld::parse("...\n.#G\n.X.", options_of(0.4));
  const TabularMdp mdp = world.tables();
  const dynamics::GridWorld rules = world.dynamics();
  constexpr int draws = 4000;
  for (Index s = 0; s < mdp.states; ++s) {
    const Index row = s / 3;
    if (mdp.ends[static_cast<std::size_t>(s)] != 0 || s == world.state_at(1, 1)) continue;
    for (std::int32_t action = 0; action < 4; ++action) {
      std::vector<int> counts(9, 0);
      for (int i = 0; i < draws; ++i) {
        dynamics::RandomWords words(random_key(8, RandomStream::test),
                                    static_cast<std::uint64_t>(s * 4 + action) << 32 | i);
        double state[2] = {static_cast<double>(row), static_cast<double>(s % 3)};
        const dynamics::StepOutcome outcome = rules.step(state, &action, words);
        const auto next =
            static_cast<std::size_t>(world.state_at(static_cast<Index>(state[0]), static_cast<Index>(state[1])));
        ++counts[next];
        ASSERT_EQ(outcome.reward, mdp.rewards[next]);
        ASSERT_EQ(outcome.terminated, mdp.ends[next] != 0);
      }
      for (Index next = 0; next < 9; ++next) {
        const double p = mdp.transition(s, action, next);
        const double deviation = std::sqrt(draws * p * (1.0 - p));
        EXPECT_NEAR(counts[static_cast<std::size_t>(next)], draws * p, 5.0 * deviation)
            << s << " " << action << " " << next;
      }
    }
  }
}

TEST(GridWorld, StartsAreEvenOverTheCellsThatAreMarked) {
  const dynamics::GridWorld rules = GridWorld::parse("S.G\n#S.\n..S").dynamics();
  std::vector<int> counts(9, 0);
  for (std::uint64_t episode = 0; episode < 3000; ++episode) {
    dynamics::RandomWords words(random_key(1, RandomStream::task), episode);
    double state[2];
    rules.reset(words, state);
    ++counts[static_cast<std::size_t>(3.0 * state[0] + state[1])];
  }
  for (const std::size_t s : {0u, 4u, 8u}) EXPECT_NEAR(counts[s], 1000, 5 * 26);
  EXPECT_EQ(counts[0] + counts[4] + counts[8], 3000);
}

TEST(GridWorld, TheExpertGoesWhereValueIterationSays) {
  const GridWorld world = GridWorld::parse("S..#G\n.#...\nX....", options_of(0.1));
  const std::vector<std::int32_t> policy = value_iteration(world.tables()).policy;
  const dynamics::GridWorld rules = world.dynamics();
  for (Index s = 0; s < 15; ++s) {
    const Index row = s / 5;
    const float observation[2] = {static_cast<float>(row), static_cast<float>(s % 5)};
    std::int32_t action = -1;
    rules.expert(observation, &action);
    EXPECT_EQ(action, policy[static_cast<std::size_t>(s)]) << "state " << s;
  }
  const float outside[2] = {99.0f, std::nanf("")};
  std::int32_t action = -1;
  rules.expert(outside, &action);
  EXPECT_EQ(action, policy[10]);
}

/// Returns of the task are the values of the tables, without discount as nearly as that can be asked.
TEST(GridWorld, ReturnsOfTheExpertAreItsValue) {
  TaskOptions options;
  options.parameters = {{"size", "4x5"}, {"slip", "0.25"}, {"discount", "0.999999"}};
  const auto task = make_task("gridworld", options);
  EXPECT_FALSE(task->description().reference_returns.has_value());
  Stream stream(DeviceId{});
  RolloutOptions rollout;
  rollout.episodes = 2000;
  const EvaluationResult result = evaluate(stream, *task, *make_expert(*task), rollout);
  const TabularMdp mdp = GridWorld::open(4, 5, options_of(0.25, -0.01, 0.999999)).tables();
  const std::vector<double> values = value_iteration(mdp, 1e-6).values;
  double expected = 0.0;
  for (std::size_t s = 0; s < values.size(); ++s) expected += mdp.starts[s] * values[s];
  EXPECT_NEAR(result.return_mean, expected, 5.0 * result.return_std / std::sqrt(2000.0) + 1e-4);
  EXPECT_EQ(result.terminated_rate, 1.0);
}

TEST(GridWorld, RegionsShareARewardAndNothingEnds) {
  const GridWorld world = GridWorld::regions(16, 4, 3, options_of(0.3, 0.0, 0.99));
  const TabularMdp mdp = world.tables();
  std::set<double> different;
  for (Index s = 0; s < 256; ++s) {
    const double reward = mdp.rewards[static_cast<std::size_t>(s)];
    EXPECT_EQ(reward, mdp.rewards[static_cast<std::size_t>(world.state_at(s / 16 / 4 * 4, s % 16 / 4 * 4))]);
    EXPECT_EQ(mdp.ends[static_cast<std::size_t>(s)], 0);
    different.insert(reward);
  }
  EXPECT_GT(mdp.rewards[15], 0.0);
  EXPECT_TRUE(different.contains(0.0));
  EXPECT_NE(GridWorld::regions(16, 4, 4, options_of(0.3)).tables().rewards, mdp.rewards);
  EXPECT_EQ(world.dynamics().starts, 256);
}

TEST(GridWorld, MapsOfFilesBecomeTasks) {
  const TemporaryFolder folder;
  const std::string path = (folder / "map.txt").string();
  std::ofstream(path) << "S..\n.#.\n..G\n";
  TaskOptions options;
  options.parameters = {{"map", path}, {"slip", "0"}};
  const auto task = make_task("GridWorld-v0", options);
  Stream stream(DeviceId{});
  RolloutOptions rollout;
  rollout.episodes = 3;
  const EpisodeOutcomes outcomes = run_episodes(stream, *task, *make_expert(*task), rollout);
  EXPECT_EQ(outcomes.lengths, (std::vector<Index>{4, 4, 4}));
  for (const double total : outcomes.returns) EXPECT_NEAR(total, 0.97, 1e-12);
}

TEST(GridWorld, WorldsThatMakeNoSenseAreRefused) {
  const auto parsed = [](const char* map) { return message_of([=] { GridWorld::parse(map); }); };
  EXPECT_THAT(parsed(""), HasSubstr("empty"));
  EXPECT_THAT(parsed("..\n..."), HasSubstr("line 2"));
  EXPECT_THAT(parsed(".?"), HasSubstr("'?' is no kind of cell"));
  EXPECT_THAT(parsed("##\nGX"), HasSubstr("no cell can be a start"));
  EXPECT_THAT(parsed("..\n\n..."), HasSubstr("line 3"));
  EXPECT_THAT(message_of([] { GridWorld::load("/no/such/map", {}); }), HasSubstr("/no/such/map"));
  EXPECT_THAT(message_of([] { GridWorld::load("/", {}); }), HasSubstr("/: "));
  const TemporaryFolder folder;
  const std::string path = (folder / "map.txt").string();
  std::ofstream(path) << ".G\n.?\n";
  EXPECT_THAT(message_of([&] { GridWorld::load(path, {}); }), HasSubstr(path + ", line 2: '?'"));
  EXPECT_THAT(message_of([] { GridWorld::open(1000, 1000, {}).tables(); }), HasSubstr("at most 10000 for tables"));
  EXPECT_THAT(message_of([] { GridWorld::regions(10, 4, 0, {}); }), HasSubstr("divisor"));
  const auto made = [](const std::map<std::string, std::string>& parameters) {
    TaskOptions options;
    options.parameters = parameters;
    return message_of([&] { make_task("gridworld", options); });
  };
  EXPECT_THAT(made({{"size", "17x16"}}), HasSubstr("at most 256"));
  EXPECT_THAT(made({{"size", "4y4"}}), HasSubstr("'4y4' is no size"));
  EXPECT_THAT(made({{"size", "0"}}), HasSubstr("1 to 1000"));
  EXPECT_THAT(made({{"slip", "1.5"}}), HasSubstr("probability"));
  EXPECT_THAT(made({{"slip", "often"}}), HasSubstr("no number"));
  EXPECT_THAT(made({{"size", "4"}, {"map", "x"}}), HasSubstr("one of the two"));
  EXPECT_THAT(made({{"goal", "1"}}), HasSubstr("size, map, slip, discount"));
}

}  // namespace
}  // namespace mynah
