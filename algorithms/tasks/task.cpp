#include "algorithms/tasks/task.h"

#include <cctype>
#include <functional>
#include <limits>

#include "algorithms/tasks/dynamics_task.h"
#include "kernels/dynamics/all_dynamics.h"

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

/// A task that there is: its name, and how it is made.
struct TaskEntry {
  std::string name;
  std::function<std::unique_ptr<Task>(const TaskOptions&)> make;
};

template <class Dynamics>
TaskEntry entry_of() {
  return {Dynamics::name, [](const TaskOptions& options) { return std::make_unique<DynamicsTask<Dynamics>>(options); }};
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
                      "choose 1 or more, or 0 for the task's own limit");
  }
}

}  // namespace

std::unique_ptr<Actor> Task::expert() const {
  return nullptr;
}

std::vector<std::string> task_names() {
  std::vector<std::string> names;
  names.reserve(all_tasks().size());
  for (const TaskEntry& task : all_tasks()) names.push_back(task.name);
  return names;
}

std::unique_ptr<Task> make_task(std::string_view name, const TaskOptions& options) {
  check(options);
  const std::string wanted = lower(name);
  std::string known;
  for (const TaskEntry& task : all_tasks()) {
    const std::string full = lower(task.name);
    // "cartpole" or "CARTPOLE-V1", but no other version: its rules would be others.
    if (wanted == full || wanted == without_version(full)) return task.make(options);
    known += (known.empty() ? "" : ", ") + task.name;
  }
  throw input_error("task '" + std::string(name) + "'", "there is no such task", "the tasks are: " + known);
}

}  // namespace mynah
