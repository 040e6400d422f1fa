#include "algorithms/tasks/task.h"

#include <cctype>

#include "algorithms/tasks/cartpole.h"
#include "algorithms/tasks/mujoco/robot.h"
#include "algorithms/tasks/pendulum.h"

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

std::vector<std::unique_ptr<Task>> all_tasks() {
  std::vector<std::unique_ptr<Task>> tasks;
  tasks.push_back(std::make_unique<CartPoleTask>());
  tasks.push_back(std::make_unique<PendulumTask>());
  return tasks;
}

/// "cartpole" or "CARTPOLE-V1" for CartPole-v1, but no other version: its rules would be others.
bool names(std::string_view text, const std::string& task) {
  const std::string wanted = plain(text), full = plain(task);
  return wanted == full || wanted == without_version(full);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::vector<std::string> task_names() {
  std::vector<std::string> result;
  for (const auto& task : all_tasks()) result.push_back(task->description().name);
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
  if (name.ends_with(".toml")) return make_robot_task(load_robot(name), options.model);
  for (const RobotDescription& robot : built_in_robots()) {
    if (names(name, robot.name)) return make_robot_task(robot, options.model);
  }
  for (auto& task : all_tasks()) {
    if (!names(name, task->description().name)) continue;
    if (options.model.empty()) return std::move(task);
    throw input_error("--model " + options.model, task->description().name + " is not simulated by MuJoCo",
                      "leave --model out");
  }
  throw input_error("task '" + std::string(name) + "'", "there is no such task", "the tasks are: " + known_tasks());
}

}  // namespace mynah
