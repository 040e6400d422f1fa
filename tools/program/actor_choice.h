#pragma once

#include <memory>
#include <string>

#include "algorithms/actor.h"
#include "algorithms/ensemble.h"

namespace mynah::program {

/// Who acts: "expert" and "random" are built in; anything else names a run folder or a policy file. The run of a
/// population acts as an ensemble.
struct ActorChoice {
  /// task: a name, or empty for the task that the policy was trained for. sampled: a policy's actions are drawn
  /// (PolicyActor), with this seed. Errors: input_error for an unknown task, a missing task, a policy that does not fit
  /// it, or one of which nothing can be drawn.
  ActorChoice(const std::string& who, const std::string& task, const std::string& device, std::uint64_t seed,
              bool sampled = false);

  Stream& stream() { return ensemble ? ensemble->member(0).stream() : *own_stream; }

  std::unique_ptr<Ensemble> ensemble;  // null for the built-in ones
  std::unique_ptr<Stream> own_stream;
  std::unique_ptr<Task> task;
  std::unique_ptr<Actor> actor;
};

}  // namespace mynah::program
