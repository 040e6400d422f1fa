#pragma once

#include "algorithms/host_actor.h"
#include "engine/line_process.h"

namespace mynah {

/// An expert that is a program of any language: a command that is talked to in JSON Lines. For each batch of
/// observations one line goes to its standard input,
///
///   {"task": "Pendulum-v1", "observations": [[0.97, -0.24, 0.5], [1.0, 0.0, -0.1]]}
///
/// and it answers with one line on its standard output, an action for each observation in their order: rows of real
/// numbers for continuous actions, class numbers for discrete ones.
///
///   {"actions": [[1.25], [-0.5]]}              {"actions": [0, 1]}
///
/// Numbers are written so that they read as the same 32-bit float. More members may stand in both objects and are
/// ignored. There is no greeting and no farewell: the command ends when its standard input does. Only standard output
/// is the protocol; standard error is free, and its end is quoted in errors. The command is started with /bin/sh -c
/// before the first question (engine/line_process.h), and its answer may depend on the observation alone.
class CommandExpert : public HostActor {
 public:
  /// timeout: seconds that an answer may take, the command's own start included. Errors: input_error for a timeout that
  /// is not positive, or a command that cannot be started.
  CommandExpert(const Task& task, std::string command, double timeout = 60.0);

 private:
  /// Errors: input_error naming the command, with an excerpt of what it answered, for anything but one finite action or
  /// existing class for each observation, and as LineProcess::exchange.
  void decide(Index rows, std::span<const float> observations, const Decisions& decisions) override;
  std::string question(Index rows, std::span<const float> observations) const;
  [[noreturn]] void refuse(const std::string& answer, const std::string& problem);

  double timeout_;
  LineProcess process_;
};

}  // namespace mynah
