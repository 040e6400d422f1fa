#pragma once

#include <memory>
#include <string>

#include "algorithms/actor.h"
#include "algorithms/ensemble.h"

namespace mynah::program {

/// Who acts: "expert" and "random" are built in, "command:LINE" is a program (algorithms/command_expert.h); anything
/// else names a run folder or a policy file. The run of a population acts as an ensemble.
struct ActorChoice {
  /// task: a name, or empty for the task that the policy was trained for. Errors: input_error for an unknown task, a
  /// missing task, or a policy that does not fit it.
  /// command_timeout: seconds that a command's answer may take.
  ActorChoice(const std::string& who, const std::string& task, const std::string& device, std::uint64_t seed,
              double command_timeout = 60.0);

  Stream& stream() { return ensemble ? ensemble->member(0).stream() : *own_stream; }

  std::unique_ptr<Ensemble> ensemble;  // null for the built-in ones
  std::unique_ptr<Stream> own_stream;
  std::unique_ptr<Task> task;
  std::unique_ptr<Actor> actor;
};

}  // namespace mynah::program
