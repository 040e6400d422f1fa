#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "algorithms/actor.h"
#include "algorithms/ensemble.h"
#include "algorithms/tasks/task_rules.h"

namespace mynah::program {

/// Which task, by which rules; as the command line has it.
struct TaskRequest {
  std::string name;  ///< Empty: the task that the policy was trained for.
  TaskRules rules;
  std::string model;  ///< MJCF file of a task that MuJoCo simulates; empty: its own.
  Index threads = 1;  ///< On the CPU.
};

/// Adds --task, --fixed-horizon, --max-steps, --task-option, --model and --threads.
void add_task_options(CLI::App& command, TaskRequest& request);

/// Who acts: "expert" and "random" are built in, "command:LINE" is a program (algorithms/command_expert.h); anything
/// else names a run folder or a policy file. The run of a population acts as an ensemble.
struct ActorChoice {
  /// sampled: a policy's actions are drawn (PolicyActor), with this seed. command_timeout: seconds that a command's
  /// answer may take. Where the task's model was found and not given, its file is named on standard error. Errors:
  /// input_error for an unknown task, a missing task, a policy that does not fit it, or one of which nothing can be
  /// drawn.
  ActorChoice(const std::string& who, const TaskRequest& task, const std::string& device, std::uint64_t seed,
              bool sampled = false, double command_timeout = 60.0);

  Stream& stream() { return ensemble ? ensemble->member(0).stream() : *own_stream; }

  std::unique_ptr<Ensemble> ensemble;  // null for the built-in ones
  std::unique_ptr<Stream> own_stream;
  std::unique_ptr<Task> task;
  std::unique_ptr<Actor> actor;
};

}  // namespace mynah::program
