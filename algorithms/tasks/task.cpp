#include "algorithms/tasks/task.h"

#include <cctype>
#include <functional>
#include <limits>

#include "algorithms/tasks/dynamics_task.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "algorithms/tasks/task_parameters.h"
#include "kernels/dynamics/all_dynamics.h"

namespace mynah {
namespace {

/// In lower case, and without underscores.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c != '_') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

std::string without_version(const std::string& name) {
  return name.substr(0, name.rfind("-v"));
}

/// A task that there is: its name, and how it is made.
struct TaskEntry {
  std::string name;
  std::function<std::unique_ptr<Task>(const TaskOptions&)> make;
};

template <class Dynamics>
TaskEntry entry_of() {
  return {Dynamics::name, [](const TaskOptions& options) {
            return std::make_unique<DynamicsTask<Dynamics>>(options,
                                                            dynamics_with_parameters<Dynamics>(options.parameters));
          }};
}

const std::vector<TaskEntry>& all_tasks() {
#define MYNAH_ENTRY(D) entry_of<dynamics::D>(),
  static const std::vector<TaskEntry> tasks{MYNAH_FOR_ALL_DYNAMICS(MYNAH_ENTRY)};
#undef MYNAH_ENTRY
  return tasks;
}

void check(const TaskOptions& options) {
  constexpr Index limit = std::numeric_limits<std::int32_t>::max();
  if (options.max_steps < 0 || options.max_steps > limit) {
    throw input_error("--max-steps", "it is " + std::to_string(options.max_steps),
                      "choose 1 to " + std::to_string(limit) + ", or 0 for the task's own limit");
  }
}

/// "cartpole" or "CARTPOLE-V1" for CartPole-v1, but no other version: its rules would be others.
bool names(std::string_view text, const std::string& task) {
  const std::string wanted = plain(text), full = plain(task);
  return wanted == full || wanted == without_version(full);
}

/// A policy remembers its task by name alone, and would be judged by other rules than it was trained with.
void refuse_built_in_name(const RobotDescription& robot) {
  std::vector<std::string> taken = task_names();
  for (const RobotDescription& built_in : built_in_robots()) taken.push_back(built_in.name);
  for (const std::string& name : taken) {
    if (!names(robot.name, name)) continue;
    throw input_error(robot.origin, "name = \"" + robot.name + "\" is that of a built-in task", "choose another name");
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string TaskDescription::text() const {
  std::string rules;
  for (const auto& [key, value] : parameters)
    rules.append(rules.empty() ? "" : ", ").append(key).append("=").append(value);
  if (fixed_horizon) rules += rules.empty() ? "fixed horizon" : ", fixed horizon";
  return rules.empty() ? name : name + " (" + rules + ")";
}

std::unique_ptr<Actor> Task::expert() const {
  return nullptr;
}

std::vector<std::string> task_names() {
  std::vector<std::string> result;
  result.reserve(all_tasks().size());
  for (const TaskEntry& task : all_tasks()) result.push_back(task.name);
  return result;
}

std::vector<std::string> robot_names() {
  std::vector<std::string> result;
  if (!has_mujoco()) return result;
  for (const RobotDescription& robot : built_in_robots()) result.push_back(robot.name);
  return result;
}

std::string known_tasks() {
  const std::string text = joined(task_names());
  return has_mujoco() ? text + ", " + joined(robot_names()) + ", or a TOML file that describes a robot" : text;
}

std::unique_ptr<Task> make_task(std::string_view name, const TaskOptions& options) {
  check(options);
  if (name.ends_with(".toml")) {
    const RobotDescription robot = load_robot(name);
    refuse_built_in_name(robot);
    return make_robot_task(robot, options);
  }
  for (const RobotDescription& robot : built_in_robots()) {
    if (names(name, robot.name)) return make_robot_task(robot, options);
  }
  for (const TaskEntry& task : all_tasks()) {
    if (!names(name, task.name)) continue;
    if (options.model.empty()) return task.make(options);
    throw input_error("--model " + options.model, task.name + " is not simulated by MuJoCo", "leave --model out");
  }
  throw input_error("task '" + std::string(name) + "'", "there is no such task", "the tasks are: " + known_tasks());
}

}  // namespace mynah
