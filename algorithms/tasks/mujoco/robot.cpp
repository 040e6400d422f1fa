#include "algorithms/tasks/mujoco/robot.h"

namespace mynah {
namespace {

using Source = RobotDescription::Source;
using Noise = RobotDescription::Noise;
constexpr double infinity = RobotDescription::infinity;
constexpr Index to_the_end = RobotDescription::to_the_end;

/// Reference returns, with seed 0 and MuJoCo 2.2.2: `mynah evaluate random`, 1,000 episodes, and 200 of the networks
/// that produced the demonstrations of UC Berkeley's CS 285, with Gymnasium's models given the masses and inertias that
/// MuJoCo had when those were trained.
RobotDescription hopper() {
  RobotDescription robot;
  robot.name = robot.origin = "Hopper-v2";
  robot.model = "hopper.xml";
  robot.reference_returns = ReferenceReturns{18.2, 3778.2};
  robot.in_gymnasium = true;
  robot.frame_skip = 4;
  robot.observations = {{Source::positions, 1}, {Source::velocities, 0, to_the_end, -10.0, 10.0}};
  robot.forward_weight = 1.0;
  robot.forward_position = 0;
  robot.alive_bonus = 1.0;
  robot.control_cost = 1e-3;
  robot.healthy = {{Source::positions, 1, 1, 0.7, infinity},
                   {Source::positions, 2, 1, -0.2, 0.2},
                   {Source::positions, 2, to_the_end, -100.0, 100.0},
                   {Source::velocities, 0, to_the_end, -100.0, 100.0}};
  robot.position_noise = robot.velocity_noise = {Noise::Kind::uniform, 0.005};
  return robot;
}

RobotDescription half_cheetah() {
  RobotDescription robot;
  robot.name = robot.origin = "HalfCheetah-v2";
  robot.model = "half_cheetah.xml";
  robot.reference_returns = ReferenceReturns{-281.7, 4139.2};
  robot.in_gymnasium = true;
  robot.frame_skip = 5;
  robot.observations = {{Source::positions, 1}, {Source::velocities}};
  robot.forward_weight = 1.0;
  robot.forward_position = 0;
  robot.control_cost = 0.1;
  robot.position_noise = {Noise::Kind::uniform, 0.1};
  robot.velocity_noise = {Noise::Kind::normal, 0.1};
  return robot;
}

RobotDescription walker2d() {
  RobotDescription robot = hopper();
  robot.name = robot.origin = "Walker2d-v2";
  robot.model = "walker2d.xml";
  robot.healthy = {{Source::positions, 1, 1, 0.8, 2.0}, {Source::positions, 2, 1, -1.0, 1.0}};
  robot.reference_returns.reset();
  return robot;
}

RobotDescription ant() {
  RobotDescription robot;
  robot.name = robot.origin = "Ant-v2";
  robot.model = "ant.xml";
  robot.reference_returns = ReferenceReturns{-53.2, 4728.1};
  robot.in_gymnasium = true;
  robot.frame_skip = 5;
  robot.observations = {
      {Source::positions, 2}, {Source::velocities}, {Source::contact_forces, 0, to_the_end, -1.0, 1.0}};
  robot.forward_weight = 1.0;
  robot.forward_body = "torso";
  robot.alive_bonus = 1.0;
  robot.control_cost = 0.5;
  robot.contact_cost = 5e-4;
  robot.contact_clip = 1.0;
  robot.healthy = {{Source::positions, 2, 1, 0.2, 1.0, true},
                   {Source::positions, 0, to_the_end, -infinity, infinity},
                   {Source::velocities, 0, to_the_end, -infinity, infinity}};
  robot.position_noise = {Noise::Kind::uniform, 0.1};
  robot.velocity_noise = {Noise::Kind::normal, 0.1};
  return robot;
}

}  // namespace

const std::vector<RobotDescription>& built_in_robots() {
  static const std::vector<RobotDescription> robots{hopper(), half_cheetah(), walker2d(), ant()};
  return robots;
}

}  // namespace mynah
