// kernels/dynamics/point_maze.h

#include "kernels/dynamics/point_maze.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/experts.h"
#include "algorithms/rollout.h"

namespace mynah {
namespace {

using dynamics::PointMaze;
using dynamics::RandomWords;
using testing::HasSubstr;
using State = std::array<double, 4>;

PointMaze maze_with(double opening) {
  PointMaze maze;
  maze.opening = opening;
  return maze;
}

dynamics::StepOutcome step(const PointMaze& maze, State& state, float x, float y) {
  const float action[2] = {x, y};
  return maze.step(state.data(), action);
}

bool in_wall(const PointMaze& maze, double x, double y) {
  return std::abs(y) < PointMaze::half_wall && std::abs(x - maze.opening) > PointMaze::half_opening;
}

TEST(PointMaze, AFreePointIsPushedAndSlowed) {
  const PointMaze maze;
  State state{-0.3, -0.5, 0.2, -0.1};
  // v + 0.05 (4 a - 2 v); then the position moves with it
  const double vx = 0.2 + 0.05 * (4.0 * 0.5 - 0.4), vy = -0.1 + 0.05 * (4.0 * -1.0 + 0.2);
  const dynamics::StepOutcome outcome = step(maze, state, 0.5f, -3.0f);
  EXPECT_DOUBLE_EQ(state[2], vx);
  EXPECT_DOUBLE_EQ(state[3], vy);
  EXPECT_DOUBLE_EQ(state[0], -0.3 + 0.05 * vx);
  EXPECT_DOUBLE_EQ(state[1], -0.5 + 0.05 * vy);
  EXPECT_DOUBLE_EQ(outcome.reward, -std::hypot(state[0], state[1] - 0.7) - 0.01 * 1.25);
  EXPECT_FALSE(outcome.terminated);
}

TEST(PointMaze, WhatMeetsAWallSlidesAlongIt) {
  const PointMaze maze;  // the wall from x = -0.5 on
  State below{0.2, -0.1, 1.0, 2.0};
  step(maze, below, 0.0f, 0.0f);  // velocities 0.9 and 1.8
  EXPECT_DOUBLE_EQ(below[0], 0.2 + 0.05 * 0.9);
  EXPECT_EQ(below[1], -PointMaze::half_wall);
  EXPECT_DOUBLE_EQ(below[2], 0.9);
  EXPECT_EQ(below[3], 0.0);
  State in_opening{-0.55, 0.0, 4.0, 1.0};
  step(maze, in_opening, 0.0f, 0.0f);
  EXPECT_EQ(in_opening[0], -0.5);
  EXPECT_DOUBLE_EQ(in_opening[1], 0.05 * 0.9);
  EXPECT_EQ(in_opening[2], 0.0);
  State to_corner{0.9, 0.95, 8.0, 3.0};
  step(maze, to_corner, 1.0f, 1.0f);
  EXPECT_EQ(to_corner, (State{1.0, 1.0, 0.0, 0.0}));
  step(maze, to_corner, 1.0f, -1.0f);
  EXPECT_EQ(to_corner[0], 1.0);
  EXPECT_LT(to_corner[1], 1.0);
}

TEST(PointMaze, NothingIsFastEnoughToPassThroughAWall) {
  for (const double x : {-0.45, 0.0, 0.9}) {
    State state{x, -0.8, 0.0, 60.0};
    step(PointMaze{}, state, 0.0f, 0.0f);
    EXPECT_EQ(state[1], -PointMaze::half_wall) << x;
  }
  State through{-0.6, -0.8, 0.0, 60.0};
  step(PointMaze{}, through, 0.0f, 0.0f);
  EXPECT_EQ(through[1], 1.0);
}

TEST(PointMaze, RandomWalksStayOutsideOfWalls) {
  RandomWords words(random_key(4, RandomStream::test), 0);
  int contacts = 0, free_moves = 0;
  for (int episode = 0; episode < 300; ++episode) {
    const PointMaze maze = maze_with(words.between(PointMaze::left, PointMaze::right));
    State state{};
    maze.reset(words, state.data());
    for (int i = 0; i < 100; ++i) {
      const State before = state;
      step(maze, state, static_cast<float>(3.0 * words.symmetric()), static_cast<float>(3.0 * words.symmetric() + 0.3));
      ASSERT_LE(std::max(std::abs(state[0]), std::abs(state[1])), 1.0);
      ASSERT_FALSE(in_wall(maze, state[0], state[1]));
      const bool stopped = state[2] == 0.0 || state[3] == 0.0;
      (stopped ? contacts : free_moves) += 1;
      for (int k = 1; !stopped && k < 50; ++k) {
        const double share = k / 50.0;
        ASSERT_FALSE(
            in_wall(maze, before[0] + share * (state[0] - before[0]), before[1] + share * (state[1] - before[1])));
      }
    }
  }
  EXPECT_GT(contacts, 1000);
  EXPECT_GT(free_moves, 1000);
}

TEST(PointMaze, TheOpeningOnTheOtherSideIsTheMirrorImage) {
  State left{-0.4, -0.6, 0.0, 0.0}, right{0.4, -0.6, 0.0, 0.0};
  RandomWords words(random_key(5, RandomStream::test), 0);
  for (int i = 0; i < 200; ++i) {
    const auto x = static_cast<float>(words.symmetric()), y = static_cast<float>(words.symmetric() + 0.2);
    const double reward = step(maze_with(PointMaze::left), left, x, y).reward;
    ASSERT_EQ(step(maze_with(PointMaze::right), right, -x, y).reward, reward);
    ASSERT_EQ(right, (State{-left[0], left[1], -left[2], left[3]}));
  }
}

TEST(PointMaze, TheExpertReachesTheGoalWhereverTheOpeningIs) {
  for (const double opening : {PointMaze::left, PointMaze::right, 0.0, 0.25, -0.4}) {
    const PointMaze maze = maze_with(opening);
    for (std::uint64_t episode = 0; episode < 300; ++episode) {
      RandomWords words(random_key(6, RandomStream::task), episode);
      State state{};
      maze.reset(words, state.data());
      for (int i = 0; i < 75; ++i) {
        float observation[4], action[2];
        maze.observe(state.data(), observation);
        maze.expert(observation, action);
        maze.step(state.data(), action);
      }
      ASSERT_LT(std::hypot(state[0] - PointMaze::goal_x, state[1] - PointMaze::goal_y), 0.02)
          << "opening " << opening << ", episode " << episode;
    }
  }
}

TaskOptions with_opening(const std::string& opening) {
  TaskOptions options;
  options.parameters["opening"] = opening;
  return options;
}

TEST(PointMaze, TheOpeningIsAnOptionOfTheTask) {
  const auto right = make_task("pointmaze", with_opening("right"));
  EXPECT_EQ(right->description().text(), "PointMaze-v0 (opening=right)");
  EXPECT_TRUE(right->description().reference_returns.has_value());
  const auto middle = make_task("pointmaze", with_opening("0.1"));
  EXPECT_FALSE(middle->description().reference_returns.has_value());
  Stream stream(DeviceId{});
  RolloutOptions options;
  options.episodes = 50;
  // Who knows where the opening is reaches the goal; who believes that it is elsewhere does not.
  const EpisodeOutcomes knowing = run_episodes(stream, *right, *make_expert(*right), options);
  const EpisodeOutcomes misled = run_episodes(stream, *right, *make_expert(*make_task("pointmaze")), options);
  EXPECT_GT(*std::min_element(knowing.returns.begin(), knowing.returns.end()), -60.0);
  EXPECT_LT(*std::max_element(misled.returns.begin(), misled.returns.end()), -60.0);
}

TEST(PointMaze, OptionsThatMakeNoSenseAreRefused) {
  const auto message = [](const char* task, const TaskOptions& options) {
    try {
      make_task(task, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.cause(), Error::Cause::input);
      return std::string(error.what());
    }
    return std::string("taken");
  };
  EXPECT_THAT(message("pointmaze", with_opening("0.9")), HasSubstr("left, right or a number from -0.75 to 0.75"));
  EXPECT_THAT(message("pointmaze", with_opening("nan")), HasSubstr("left, right"));
  TaskOptions wall;
  wall.parameters["wall"] = "left";
  EXPECT_THAT(message("pointmaze", wall), HasSubstr("its options are: opening"));
  EXPECT_THAT(message("cartpole", wall), HasSubstr("CartPole-v1 has no such option"));
}

}  // namespace
}  // namespace mynah
