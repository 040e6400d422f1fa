#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "algorithms/actor.h"
#include "algorithms/ensemble.h"

namespace mynah::program {

/// Which task, by which rules; as the command line has it.
struct TaskRequest {
  std::string name;  ///< Empty: the task that the policy was trained for.
  TaskOptions options;
};

/// Adds --task, --fixed-horizon, --max-steps and --task-option.
void add_task_options(CLI::App& command, TaskRequest& request);

/// Who acts: "expert" and "random" are built in; anything else names a run folder or a policy file. The run of a
/// population acts as an ensemble.
struct ActorChoice {
  /// Errors: input_error for an unknown task, a missing task, or a policy that does not fit it.
  ActorChoice(const std::string& who, const TaskRequest& task, const std::string& device, std::uint64_t seed);

  Stream& stream() { return ensemble ? ensemble->member(0).stream() : *own_stream; }

  std::unique_ptr<Ensemble> ensemble;  // null for the built-in ones
  std::unique_ptr<Stream> own_stream;
  std::unique_ptr<Task> task;
  std::unique_ptr<Actor> actor;
};

}  // namespace mynah::program
