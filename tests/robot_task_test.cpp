#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include "algorithms/evaluation.h"
#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "engine/demonstrations.h"
#include "episode_rows.h"
#include "shared_data.h"
#include "temporary_folder.h"
#include "tests/every_device.h"
#include "tests/input_error_of.h"

namespace mynah {
namespace {

using testing::HasSubstr;

#define MYNAH_MUJOCO_OR_SKIP() \
  if (!has_mujoco()) GTEST_SKIP() << "skipped: this build has no MuJoCo (libmujoco-dev)"

std::string swing_toml() {
  return std::string(MYNAH_SOURCE_DIR) + "/tests/data/swing.toml";
}

struct Recorded {
  const char* robot;
  Index qpos;           ///< Observed positions;
  Index hidden;         ///< positions before them that are not.
  Index velocities;     ///< Observed.
  double expert_least;  ///< Mean return of the expert.
};

class RecordedRobot : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedRobot, ReplaysEachRecordedStep) {
  MYNAH_MUJOCO_OR_SKIP();
  const Recorded& robot = GetParam();
  MYNAH_SHARED_DATA_OR_SKIP(data, std::string("demonstrations/") + robot.robot + ".npz");
  MYNAH_SHARED_DATA_OR_SKIP(model, std::string("mujoco/") + robot.robot + ".xml");
  const Demonstrations d = load_demonstrations(data);
  const auto task = make_task(robot.robot, {.model = model.string()});
  ASSERT_EQ(task->description().observation_size, d.observation_size);
  Stream stream(DeviceId{});
  EpisodeRows row(stream, task->description(), 1);
  const Index columns = d.observation_size;
  std::vector<double> velocity_errors, reward_errors;
  for (Index t = 0; t < d.rows(); ++t) {
    const float* now = d.observations.data() + t * columns;
    const float* next = d.next_observations.data() + t * columns;
    const auto clipped = [&](const float* o) {
      return std::any_of(o + robot.qpos, o + robot.qpos + robot.velocities,
                         [](float v) { return std::fabs(v) >= 10.0f; });
    };
    if (std::string(robot.robot) == "hopper" && (clipped(now) || clipped(next))) continue;
    task->reset(stream, 0, 0, row.batch);
    // episode, time, positions, velocities
    double* state = row.batch.states.data + 2;
    std::fill_n(state, robot.hidden, 0.0);
    std::copy_n(now, robot.qpos + robot.velocities, state + robot.hidden);
    std::vector<float> action(d.actions.begin() + t * d.action_size, d.actions.begin() + (t + 1) * d.action_size);
    task->step(stream, {{action.data(), 1, d.action_size}, {}}, row.batch);
    for (Index c = robot.qpos; c < robot.qpos + robot.velocities; ++c) {
      velocity_errors.push_back(std::fabs(static_cast<double>(row.batch.observations.data[c]) - next[c]));
    }
    // The forward body of the ant is behind its positions, so that a step from them alone does not know its gain.
    if (std::string(robot.robot) != "ant") {
      reward_errors.push_back(
          std::fabs(static_cast<double>(row.batch.rewards.data[0]) - d.rewards[static_cast<std::size_t>(t)]));
    }
  }
  const auto median = [](std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  };
  EXPECT_GT(velocity_errors.size(), static_cast<std::size_t>(1000 * robot.velocities));
  EXPECT_LT(median(velocity_errors), 1e-5);
  if (!reward_errors.empty()) {
    EXPECT_LT(median(reward_errors), 1e-5);
  }
}

TEST_P(RecordedRobot, ItsExpertReachesTheRecordedReturn) {
  MYNAH_MUJOCO_OR_SKIP();
  const Recorded& robot = GetParam();
  MYNAH_SHARED_DATA_OR_SKIP(expert, std::string("experts/") + robot.robot + ".npz");
  MYNAH_SHARED_DATA_OR_SKIP(model, std::string("mujoco/") + robot.robot + ".xml");
  const auto task = make_task(robot.robot, {.model = model.string()});
  Policy policy = Policy::load(expert);
  PolicyActor actor(policy, *task);
  RolloutOptions options;
  options.episodes = 3;
  EXPECT_GT(evaluate(policy.stream(), *task, actor, options).return_mean, robot.expert_least);
}

INSTANTIATE_TEST_SUITE_P(Robots, RecordedRobot,
                         testing::Values(Recorded{"hopper", 5, 1, 6, 3700.0}, Recorded{"half_cheetah", 8, 1, 9, 4000.0},
                                         Recorded{"ant", 13, 2, 14, 4300.0}),
                         [](const auto& test) { return std::string(test.param.robot); });

class RobotTask : public tests::EveryDevice {};

TEST_P(RobotTask, EpisodesDependNeitherOnTheBatchNorOnTheThreads) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto task = make_task(swing_toml());
  CollectOptions options;
  options.episodes = 5;
  options.seed = 3;
  const auto record = [&](Index batch_size, int threads) {
    Stream stream(device_);
    stream.use_threads(threads);
    options.batch_size = batch_size;
    const auto actor = make_random_policy(*task, 3);
    return collect(stream, *task, *actor, options);
  };
  const Demonstrations one = record(1, 1);
  EXPECT_EQ(one.episodes(), 5);
  Stream host(DeviceId{});
  options.batch_size = 3;
  const Demonstrations on_host = collect(host, *task, *make_random_policy(*task, 3), options);
  EXPECT_EQ(one.observations, on_host.observations);
  EXPECT_EQ(one.rewards, on_host.rewards);
  EXPECT_EQ(one.terminals, on_host.terminals);
  for (const int threads : {1, 2}) {
    const Demonstrations other = record(4, threads);
    EXPECT_EQ(one.observations, other.observations);
    EXPECT_EQ(one.next_observations, other.next_observations);
    EXPECT_EQ(one.rewards, other.rewards);
    EXPECT_EQ(one.episode_ends, other.episode_ends);
  }
}

TEST_P(RobotTask, ActionsThatAreNoNumbersAreRefusedWithTheirPlace) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto task = make_task(swing_toml());
  Stream stream(device_);
  EpisodeRows rows(stream, task->description(), 2);
  task->reset(stream, 0, 7, rows.batch);
  const std::vector<float> values{0.0f, std::numeric_limits<float>::quiet_NaN()};
  const Buffer<float> actions(stream, std::span<const float>(values));
  const std::string message = tests::input_error_of([&] {
    task->step(stream, {{actions.data(), 2, 1}, {}}, rows.batch);
  });
  EXPECT_THAT(message, HasSubstr("episode 8, step 1"));
  EXPECT_THAT(message, HasSubstr("action[0] is nan"));
}

/// A batch may be a part of larger matrices, whose rest has to stay.
TEST_P(RobotTask, RowsMayHaveGaps) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto task = make_task(swing_toml());
  const TaskDescription& d = task->description();
  Stream stream(device_);
  TaskDescription wider = d;
  wider.state_size += 2;
  wider.observation_size += 1;
  EpisodeRows rows(stream, d, 3), wide(stream, wider, 3);
  kernels::EpisodeBatch part = wide.batch;
  part.states.columns = d.state_size;
  part.observations.columns = d.observation_size;
  wide.states.upload(stream, std::vector<double>(static_cast<std::size_t>(wide.states.size()), -77.0));
  wide.observations.upload(stream, std::vector<float>(static_cast<std::size_t>(wide.observations.size()), -77.0f));
  const std::vector<float> values{0.5f, -1.0f, 2.0f};
  const Buffer<float> actions(stream, std::span<const float>(values));
  for (const kernels::EpisodeBatch& batch : {rows.batch, part}) {
    task->reset(stream, 4, 9, batch);
    for (int t = 0; t < 3; ++t) task->step(stream, {{actions.data(), 3, 1}, {}}, batch);
  }
  const std::vector<double> states = rows.states.download(stream), wide_states = wide.states.download(stream);
  const std::vector<float> observations = rows.observations.download(stream);
  const std::vector<float> wide_observations = wide.observations.download(stream);
  for (Index m = 0; m < 3; ++m) {
    for (Index c = 0; c < d.state_size + 2; ++c) {
      const double expected = c < d.state_size ? states[static_cast<std::size_t>(m * d.state_size + c)] : -77.0;
      EXPECT_EQ(wide_states[static_cast<std::size_t>(m * (d.state_size + 2) + c)], expected) << m << " " << c;
    }
    for (Index c = 0; c < d.observation_size + 1; ++c) {
      const float expected =
          c < d.observation_size ? observations[static_cast<std::size_t>(m * d.observation_size + c)] : -77.0f;
      EXPECT_EQ(wide_observations[static_cast<std::size_t>(m * (d.observation_size + 1) + c)], expected);
    }
  }
  EXPECT_EQ(rows.rewards.download(stream), wide.rewards.download(stream));
  EXPECT_EQ(wide.elapsed.download(stream), (std::vector<std::int32_t>{3, 3, 3}));
}

/// Its rod falls out of what is healthy after some steps.
RobotDescription short_swing() {
  RobotDescription robot = load_robot(swing_toml());
  robot.healthy.at(0).low = -0.3;
  robot.healthy.at(0).high = 0.3;
  return robot;
}

TEST_P(RobotTask, AFixedHorizonFreezesWhatHasEnded) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto early = make_robot_task(short_swing());
  const auto fixed = make_robot_task(short_swing(), {.fixed_horizon = true});
  CollectOptions options;
  options.episodes = 8;
  options.seed = 1;
  Stream stream(device_);
  const auto record = [&](const Task& task) { return collect(stream, task, *make_random_policy(task, 1), options); };
  const Demonstrations ended = record(*early), whole = record(*fixed);
  EXPECT_EQ(whole.rows(), 8 * 60);
  EXPECT_EQ(std::count(whole.terminals.begin(), whole.terminals.end(), 1), 0);
  EXPECT_EQ(ended.returns(), whole.returns());
  const Index columns = early->description().observation_size;
  Index begin = 0, frozen = 0;
  for (std::size_t e = 0; e < 8; ++e) {
    const Index length = ended.episode_ends[e] - begin;
    begin = ended.episode_ends[e];
    EXPECT_EQ(ended.terminals[static_cast<std::size_t>(begin - 1)], length < 60 ? 1 : 0);
    const Index first = static_cast<Index>(e) * 60;
    for (Index t = length; t < 60; ++t, ++frozen) {
      const auto at = whole.observations.begin() + (first + t) * columns;
      EXPECT_EQ(whole.rewards[static_cast<std::size_t>(first + t)], 0.0f);
      EXPECT_TRUE(std::equal(at, at + columns, ended.next_observations.begin() + (begin - 1) * columns));
    }
  }
  EXPECT_GT(frozen, 60) << "no episode ended early";
}

TEST_P(RobotTask, AnotherLimitOfStepsCutsEpisodes) {
  MYNAH_MUJOCO_OR_SKIP();
  RobotDescription robot = load_robot(swing_toml());
  robot.reference_returns = ReferenceReturns{0.0, 1.0};
  const auto own = make_robot_task(robot), cut = make_robot_task(robot, {.max_steps = 5});
  EXPECT_TRUE(own->description().reference_returns.has_value());
  EXPECT_FALSE(cut->description().reference_returns.has_value());
  CollectOptions options;
  options.episodes = 4;
  Stream stream(device_);
  const Demonstrations recorded = collect(stream, *cut, *make_random_policy(*cut, 1), options);
  EXPECT_EQ(recorded.episode_ends, (std::vector<Index>{5, 10, 15, 20}));
  EXPECT_EQ(std::count(recorded.timeouts.begin(), recorded.timeouts.end(), 1), 4);
  EXPECT_EQ(std::count(recorded.terminals.begin(), recorded.terminals.end(), 1), 0);
}

MYNAH_ON_EVERY_DEVICE(RobotTask);

TEST(RobotDescribedByAFile, HasWhatItSays) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto task = make_task(swing_toml());
  const TaskDescription& d = task->description();
  EXPECT_EQ(d.name, "Swing-v0");
  EXPECT_THAT(d.observation_names, testing::ElementsAre("hinge", "hinge_velocity", "tip_0", "tip_1", "tip_2"));
  EXPECT_THAT(d.action_names, testing::ElementsAre("motor"));
  EXPECT_EQ(d.max_steps, 60);
  EXPECT_EQ(d.action_low, -1.0f);
  Stream stream(DeviceId{});
  EpisodeRows rows(stream, d, 1);
  task->reset(stream, 0, 0, rows.batch);
  std::vector<float> action{0.5f};
  const double before = rows.batch.states.data[2];
  task->step(stream, {{action.data(), 1, 1}, {}}, rows.batch);
  const double after = rows.batch.states.data[2];
  EXPECT_NE(after, before);
  // 5 steps of 0.01 s; weight 2, bonus 0.25, cost 0.1 a²
  EXPECT_NEAR(rows.batch.rewards.data[0], 2.0 * (after - before) / 0.05 + 0.25 - 0.1 * 0.25, 1e-6);
}

TEST(RobotDescribedByAFile, ActionsMayBeMappedToEachActuatorsRange) {
  MYNAH_MUJOCO_OR_SKIP();
  const TemporaryFolder folder;
  const std::string model = (folder / "sliders.xml").string();
  std::ofstream(model) << R"(<mujoco><option gravity="0 0 0" timestep="0.01"/><worldbody>
    <body><joint name="a" type="slide" axis="1 0 0"/><geom type="sphere" size="0.1" mass="1"/></body>
    <body pos="0 1 0"><joint name="b" type="slide" axis="1 0 0"/><geom type="sphere" size="0.1" mass="2"/></body>
    </worldbody><actuator><motor joint="a" ctrllimited="true" ctrlrange="0 4"/>
    <motor joint="b" ctrllimited="true" ctrlrange="-2 2"/></actuator></mujoco>)";
  const std::string toml = "name = \"Sliders-v0\"\n[[observe]]\nwhat = \"velocities\"\n[reward]\ncontrol_cost = 0.1\n";
  EXPECT_THAT(tests::input_error_of([&] { make_robot_task(parse_robot(toml, "sliders.toml"), {.model = model}); }),
              testing::AllOf(HasSubstr("'a' [0, 4], 'b' [-2, 2]"), HasSubstr("unit_actions = true")));
  const auto task = make_robot_task(parse_robot("unit_actions = true\n" + toml, "sliders.toml"), {.model = model});
  EXPECT_EQ(task->description().action_low, -1.0f);
  EXPECT_EQ(task->description().action_high, 1.0f);
  Stream stream(DeviceId{});
  EpisodeRows row(stream, task->description(), 1);
  // force / mass * 0.01 s
  const auto expect_velocities = [&](std::vector<float> action, float first, float second) {
    task->reset(stream, 0, 0, row.batch);
    task->step(stream, {{action.data(), 1, 2}, {}}, row.batch);
    EXPECT_NEAR(row.observations.data()[0], first, 1e-7f);
    EXPECT_NEAR(row.observations.data()[1], second, 1e-7f);
    EXPECT_NEAR(row.rewards.data()[0], -0.1f * (action[0] * action[0] + action[1] * action[1]), 1e-6f);
  };
  expect_velocities({-1.0f, -1.0f}, 0.0f, -0.01f);
  expect_velocities({0.0f, 0.0f}, 0.02f, 0.0f);
  expect_velocities({0.5f, 0.5f}, 0.03f, 0.005f);
  expect_velocities({1.0f, 3.0f}, 0.04f, 0.01f);
}

TEST(RobotDescribedByAFile, ABodyMayBeWhatMovesForward) {
  MYNAH_MUJOCO_OR_SKIP();
  const std::string model = std::string(MYNAH_SOURCE_DIR) + "/tests/data/walker.xml";
  const auto reward = [&](const std::string& axis) {
    const auto task =
        make_robot_task(parse_robot("name = \"W-v0\"\nframe_skip = 4\n[[observe]]\nwhat = \"positions\"\n[reward]\n"
                                    "forward_body = \"left_foot\"\nforward_weight = 2.0\nforward_axis = \"" +
                                        axis + "\"\n",
                                    "walker.toml"),
                        {.model = model});
    Stream stream(DeviceId{});
    EpisodeRows row(stream, task->description(), 1);
    task->reset(stream, 0, 0, row.batch);
    row.states.data()[2 + 1] = 50.0;  // in the air
    row.states.data()[2 + 9] = 1.5;   // its speed along x
    std::vector<float> action(6, 0.0f);
    // The frame of the body lags behind the positions, and is behind them by the same after every step.
    for (int t = 0; t < 2; ++t) task->step(stream, {{action.data(), 1, 6}, {}}, row.batch);
    return static_cast<double>(row.rewards.data()[0]);
  };
  EXPECT_NEAR(reward("x"), 2.0 * 1.5, 1e-5);
  EXPECT_NEAR(reward("y"), 0.0, 1e-9);
  EXPECT_LT(reward("z"), -0.05) << "it falls";
}

TEST(RobotDescribedByAFile, HasANameOfItsOwn) {
  const TemporaryFolder folder;
  for (const char* name : {"Hopper-v2", "walker2d", "CartPole-v1"}) {
    std::ofstream(folder / "robot.toml") << "name = \"" << name << "\"\n[[observe]]\nwhat = \"positions\"\n";
    EXPECT_THAT(tests::input_error_of([&] { make_task((folder / "robot.toml").string()); }),
                testing::AllOf(HasSubstr("robot.toml"), HasSubstr(name), HasSubstr("choose another name")));
  }
}

TEST(RobotDescribedByAFile, ErrorsNameLineKeyAndWhatIsAllowed) {
  const auto error_of = [](const std::string& text) {
    return tests::input_error_of([&] { parse_robot(text, "robot.toml"); });
  };
  const std::string good = "name = \"R-v0\"\n[[observe]]\nwhat = \"positions\"\n";
  EXPECT_EQ(error_of(good), "no error");
  EXPECT_THAT(error_of("name = "), HasSubstr("robot.toml:1"));
  EXPECT_THAT(error_of("name = \"R\"\n"), HasSubstr("'observe' is missing"));
  EXPECT_THAT(error_of("frame_skp = 3\n" + good), HasSubstr("did you mean 'frame_skip'"));
  EXPECT_THAT(error_of("frame_skip = 0\n" + good), HasSubstr("a whole number from 1"));
  EXPECT_THAT(error_of("name = 3\n"), HasSubstr("a text in quotes"));
  EXPECT_THAT(error_of(good + "[[observe]]\nwhat = \"speed\"\n"), HasSubstr("\"velocities\""));
  EXPECT_THAT(error_of(good + "low = 1.0\nhigh = 0.0\n"), HasSubstr("low = 1 is not below high = 0"));
  EXPECT_THAT(error_of(good + "[reward]\nforward_weight = 1.0\n"), HasSubstr("forward_position or forward_body"));
  EXPECT_THAT(error_of(good + "[reward]\ncontrol_cost = -1.0\n"), HasSubstr("a number from 0 up"));
  EXPECT_THAT(error_of(good + "[reward]\nforward_position = 0\nforward_axis = \"y\"\n"),
              HasSubstr("forward_body alone"));
  EXPECT_THAT(error_of(good + "[reward]\nforward_position = 0\nforward_weight = inf\n"), HasSubstr("a finite number"));
  EXPECT_THAT(error_of(good + "[reward]\nalive_bonus = -inf\n"), HasSubstr("robot.toml:5: 'alive_bonus' in [reward]"));
  EXPECT_THAT(error_of(good + "[reference]\nrandom = 0.0\nexpert = inf\n"), HasSubstr("a finite number"));
  EXPECT_THAT(error_of(good + "[reset]\npositions_uniform = 0.1\npositions_normal = 0.1\n"), HasSubstr("keep one"));
}

TEST(RobotModel, MissingBrokenAndUnfittingOnesAreRefused) {
  MYNAH_MUJOCO_OR_SKIP();
  const TemporaryFolder folder;
  const auto error_of = [&](const std::string& text) {
    const std::string file = (folder / "robot.xml").string();
    std::ofstream(file) << text;
    return tests::input_error_of([&] { make_task("hopper", {.model = file}); });
  };
  EXPECT_THAT(tests::input_error_of([&] { make_task("hopper", {.model = (folder / "none.xml").string()}); }),
              HasSubstr("no such file"));
  EXPECT_THAT(error_of("<mujoco><worldbody>"), HasSubstr("MuJoCo cannot read this model"));
  EXPECT_THAT(error_of("<mujoco><worldbody><body><joint type='wheel'/></body></worldbody></mujoco>"),
              HasSubstr("robot.xml"));
  EXPECT_THAT(error_of("<mujoco/>"), HasSubstr("Hopper-v2, observe 1"));
  EXPECT_THAT(tests::input_error_of([] { make_task("cartpole", {.model = "robot.xml"}); }),
              HasSubstr("leave --model out"));
}

TEST(RobotModel, APolicyOfAnotherSizeIsRefused) {
  MYNAH_MUJOCO_OR_SKIP();
  const auto task = make_task(swing_toml());
  PolicyDescription description;
  description.mlp.inputs = 5;
  description.mlp.outputs = 2;
  Policy policy(DeviceId{}, description, 0);
  EXPECT_THAT(tests::input_error_of([&] { PolicyActor actor(policy, *task); }),
              HasSubstr("the policy 5 observation values and 2"));
}

TEST(RobotModel, ABuildWithoutMujocoSaysWhatToInstall) {
  if (has_mujoco()) GTEST_SKIP() << "skipped: this build has MuJoCo";
  EXPECT_THAT(tests::input_error_of([] { make_task("hopper"); }), HasSubstr("libmujoco-dev"));
}

}  // namespace
}  // namespace mynah
