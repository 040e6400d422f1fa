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

/// Adds --task, --fixed-horizon and --max-steps.
void add_task_options(CLI::App& command, TaskRequest& request);

/// Who acts: "expert" and "random" are built in, "command:LINE" is a program (algorithms/command_expert.h); anything
/// else names a run folder or a policy file. The run of a population acts as an ensemble.
struct ActorChoice {
  /// command_timeout: seconds that a command's answer may take. Errors: input_error for an unknown task, a missing
  /// task, or a policy that does not fit it.
  ActorChoice(const std::string& who, const TaskRequest& task, const std::string& device, std::uint64_t seed,
              double command_timeout = 60.0);

  Stream& stream() { return ensemble ? ensemble->member(0).stream() : *own_stream; }

  std::unique_ptr<Ensemble> ensemble;  // null for the built-in ones
  std::unique_ptr<Stream> own_stream;
  std::unique_ptr<Task> task;
  std::unique_ptr<Actor> actor;
};

}  // namespace mynah::program
