#include "algorithms/tasks/task.h"

#include <cctype>

#include "algorithms/tasks/cartpole.h"
#include "algorithms/tasks/pendulum.h"

namespace mynah {
namespace {

std::string lower(std::string_view name) {
  std::string result(name);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
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

}  // namespace

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  for (const auto& task : all_tasks()) names.push_back(task->description().name);
  return names;
}

std::unique_ptr<Task> make_task(std::string_view name) {
  const std::string wanted = lower(name);
  std::string known;
  for (auto& task : all_tasks()) {
    const std::string full = lower(task->description().name);
    // "cartpole" or "CARTPOLE-V1", but no other version: its rules would be others.
    if (wanted == full || wanted == without_version(full)) return std::move(task);
    known += (known.empty() ? "" : ", ") + task->description().name;
  }
  throw input_error("task '" + std::string(name) + "'", "there is no such task", "the tasks are: " + known);
}

}  // namespace mynah
