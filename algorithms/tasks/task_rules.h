#pragma once

#include "algorithms/tasks/task.h"
#include "engine/option_table.h"

namespace mynah {

/// By which of its rules a task is played, as the command line and a run's config.toml have it.
struct TaskRules {
  bool fixed_horizon = false;
  Index max_steps = 0;
  std::vector<std::string> parameters;  ///< "KEY=VALUE" each: TaskOptions::parameters.

  /// Adds fixed-horizon, max-steps and task-option; the table points into this object.
  void add_to(OptionTable& table);
  /// Errors: input_error for a parameter without a name or a value, or whose name comes twice.
  TaskOptions options(const std::string& model = {}) const;
  /// Files that parameters name get their whole path, so that the rules mean the same from any folder.
  void make_files_absolute();
  /// As it stands on the command line, with a space before each: " --fixed-horizon --task-option opening=right".
  std::string command_line() const;
};

}  // namespace mynah
