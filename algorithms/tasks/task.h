#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/episode.h"

namespace mynah {

class Actor;

/// Mean undiscounted returns that a return is normalised with: the random policy's becomes 0, the expert's 1.
struct ReferenceReturns {
  double random = 0.0;
  double expert = 0.0;
};

/// What a task is, apart from its dynamics.
struct TaskDescription {
  std::string name;      ///< Gymnasium's: "CartPole-v1"
  Index state_size = 0;  ///< Double-precision variables of the hidden state.
  Index observation_size = 0;
  bool discrete = false;
  Index action_size = 0;    ///< Continuous: columns of an action. Discrete: 0.
  Index action_count = 0;   ///< Discrete: number of actions. Continuous: 0.
  float action_low = 0.0f;  ///< Continuous: bounds of every column; the task clips to them.
  float action_high = 0.0f;
  Index max_steps = 0;                         ///< An episode is cut after so many steps.
  double step_seconds = 0.0;                   ///< Simulated time of a step; 0: not stated.
  bool fixed_horizon = false;                  ///< Every episode is max_steps long: kernels::EpisodeRules.
  std::vector<std::string> observation_names;  ///< [observation_size]
  std::vector<std::string> action_names;       ///< [action_size], or [action_count] when discrete
  /// Measured over 10,000 episodes with seed 0, rounded: `return_mean` of
  /// `mynah evaluate random --task NAME --episodes 10000 --seed 0 --json`, and the same with `expert`.
  std::optional<ReferenceReturns> reference_returns;
  std::string model;  ///< The file that the dynamics were read from; empty where they are built in.

  std::map<std::string, std::string> parameters;  ///< TaskOptions::parameters
  /// For people: "CartPole-v1", "CartPole-v1 (fixed horizon)", "PointMaze-v0 (opening=right, fixed horizon)".
  std::string text() const;
};

/// What a run may choose of any task's rules.
struct TaskOptions {
  /// Episodes that the task's rule would end early go on until the limit, frozen and with reward 0: returns are the
  /// same, and the length of an episode tells nothing.
  bool fixed_horizon = false;
  /// The limit of steps; 0: the task's own. With another limit there are no reference returns.
  Index max_steps = 0;
  /// What a task lets one choose beside: algorithms/tasks/task_parameters.h. Those that are not named keep the task's
  /// defaults; with others there are no reference returns, except where they would be the same.
  std::map<std::string, std::string> parameters = {};
  std::string model = {};  ///< The MJCF file of a task that MuJoCo simulates; empty: its own (tasks/mujoco/robot.h).
};

/// Actions for the rows of a batch, in device memory: the one that fits the task is filled, the other is empty.
struct ActionBatch {
  Matrix values;  ///< [rows, action_size]
  Labels labels;  ///< [rows]
};

/// A task: its rules for a batch of episodes on a device. Holds no episode; see algorithms/rollout.h for running them.
class Task {
 public:
  virtual ~Task() = default;

  const TaskDescription& description() const { return description_; }

  /// Row m becomes the start of episode first_episode + m, which depends on (seed, episode number) alone.
  virtual void reset(Stream& stream, std::uint64_t seed, Index first_episode,
                     const kernels::EpisodeBatch& batch) const = 0;
  /// One step of every running row.
  virtual void step(Stream& stream, const ActionBatch& actions, const kernels::EpisodeBatch& batch) const = 0;
  /// Copies that start again by themselves, for VectorTask: row m becomes episode 0 of copy first_copy + m, which is
  /// that of the seed copy_seed(seed, first_copy + m).
  virtual void start_copies(Stream& stream, std::uint64_t seed, Index first_copy,
                            const kernels::CopyBatch& batch) const;
  /// One step of every row; rows that it ends become the start of their next episode. By default from reset() and
  /// step(), for tasks that run on the CPU. Errors: input_error on CUDA, where a task has not overridden both.
  virtual void step_copies(Stream& stream, const ActionBatch& actions, std::uint64_t seed, Index first_copy,
                           const kernels::CopyBatch& batch) const;
  /// The built-in expert; null where there is none. It does not need the task to live on.
  virtual std::unique_ptr<Actor> expert() const;

 protected:
  explicit Task(TaskDescription description) : description_(std::move(description)) {}
  Task(const Task&) = default;
  Task& operator=(const Task&) = default;

 private:
  TaskDescription description_;
};

/// The seed whose episodes copy `copy` plays, one after another.
std::uint64_t copy_seed(std::uint64_t seed, Index copy);

/// The names of all tasks that are built in, and of the robots that MuJoCo simulates, where this build has it.
std::vector<std::string> task_names();
std::vector<std::string> robot_names();

/// The task `name`, in any case, with its version or without, and with underscores or not ("cartpole", "CartPole-v1",
/// "half_cheetah"); or the robot of a TOML file. Errors: input_error naming the tasks there are; input_error for
/// options that make no sense, and for a TOML file that gives its robot a built-in task's name.
std::unique_ptr<Task> make_task(std::string_view name, const TaskOptions& options = {});
/// For people: all tasks there are.
std::string known_tasks();

}  // namespace mynah
