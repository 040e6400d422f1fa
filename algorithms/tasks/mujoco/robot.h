#pragma once

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/tasks/task.h"

namespace mynah {

/// A robot that MuJoCo simulates, as a task: what its MJCF model does not say. With q the positions (`qpos`), v the
/// velocities (`qvel`), a the action, F the contact forces, and x the coordinate that is to grow, one step is
/// `frame_skip` steps of the simulation under the controls a, and
///
///   reward = forward_weight Δx / dt + alive_bonus - control_cost Σ a² - contact_cost Σ clip(F, ± contact_clip)²
///
/// where dt is the simulated time of the step. The cost of the controls is taken of the action as it was given; the
/// actuators clamp it to their ranges.
struct RobotDescription {
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr Index to_the_end = -1;

  /// What of the simulation.
  enum class Source {
    positions,   ///< `qpos`
    velocities,  ///< `qvel`
    /// `cfrc_ext`: for every body, the world first, torque and force of its contacts, as of the start of the last step
    /// of the simulation.
    contact_forces,
    sensor,  ///< One of the model's sensors, as of the start of the last step of the simulation.
  };

  /// Values of a source that are observed, clipped to [low, high].
  struct Observed {
    Source source = Source::positions;
    Index first = 0;
    Index count = to_the_end;
    double low = -infinity;
    double high = infinity;
    std::string sensor = {};  ///< Its name.
  };

  /// Positions or velocities that have to lie between low and high, else the episode ends; a number that is none never
  /// does. closed: low and high are allowed themselves.
  struct Healthy {
    Source source = Source::positions;
    Index first = 0;
    Index count = 1;
    double low = -infinity;
    double high = infinity;
    bool closed = false;
  };

  /// What is added to the model's own start: uniform in ± scale, or normal with the deviation scale.
  struct Noise {
    enum class Kind { uniform, normal };
    Kind kind = Kind::uniform;
    double scale = 0.0;
  };

  std::string name;             ///< "Hopper-v2"
  std::string origin;           ///< Where it stands, for messages: a file, or the name.
  std::filesystem::path model;  ///< The MJCF file;
  bool in_gymnasium = false;    ///< that of this name in an installed Gymnasium.
  Index frame_skip = 1;
  Index max_steps = 1000;
  /// Actions lie in [-1, 1], and each is mapped to its actuator's range. Else they are the controls themselves, and all
  /// actuators must have one range.
  bool unit_actions = false;
  std::vector<Observed> observations;  ///< One behind the other.
  double forward_weight = 0.0;
  Index forward_position = -1;  ///< x is this one of the positions;
  std::string forward_body;     ///< or a coordinate of this body's frame, which is a little behind the positions:
  int forward_axis = 0;         ///< as the last evaluation of the simulation has it.
  double alive_bonus = 0.0;
  double control_cost = 0.0;
  double contact_cost = 0.0;
  double contact_clip = infinity;
  std::vector<Healthy> healthy;
  Noise position_noise, velocity_noise;
  std::optional<ReferenceReturns> reference_returns;
  static constexpr Index most_steps = std::numeric_limits<std::int32_t>::max();
};

/// Hopper, HalfCheetah, Walker2d and Ant by the rules of Gym 0.17 (github.com/openai/gym, gym/envs/mujoco), version 2.
const std::vector<RobotDescription>& built_in_robots();

/// Reads a robot from a TOML file; its `model` is relative to that file. The README has the keys. Errors: input_error
/// with FILE:LINE for what is not TOML, unknown keys, and values of another type or range.
RobotDescription load_robot(const std::filesystem::path& path);
RobotDescription parse_robot(std::string_view text, const std::string& origin);

/// The task of a robot. options.model: its MJCF file; empty: the description's. Errors: input_error where there is
/// none, where it is no model or none that fits the description, and in a build without MuJoCo.
///
/// A simulation that MuJoCo itself reports on (NaN, infinity or a huge value in its state, contacts left out, memory
/// too small) is an error and no end of an episode, since rewards would count what never happened: step() and reset()
/// throw an input_error with episode and step. The same of an action that is no number.
std::unique_ptr<Task> make_robot_task(const RobotDescription& robot, const TaskOptions& options = {});

/// Whether this build has MuJoCo.
bool has_mujoco();

}  // namespace mynah
