#include "tools/program/actor_choice.h"

#include "algorithms/command_expert.h"
#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "engine/device.h"
#include "kernels/error.h"

namespace mynah::program {
namespace {

std::string known_tasks() {
  std::string text;
  for (const std::string& name : task_names()) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

void add_task_options(CLI::App& command, TaskRequest& request) {
  command.add_option("--task", request.name, known_tasks() + "\n(in any case, also without the version)");
  command.add_flag("--fixed-horizon", request.options.fixed_horizon,
                   "Episodes that the task's rule would end early go on until the limit of steps, frozen and with\n"
                   "reward 0: returns stay the same, and the length of an episode tells nothing");
  command.add_option("--max-steps", request.options.max_steps, "Limit of steps; 0: the task's own")
      ->capture_default_str();
}

ActorChoice::ActorChoice(const std::string& who, const TaskRequest& request, const std::string& device,
                         std::uint64_t seed, double command_timeout) {
  constexpr std::string_view command = "command:";
  const bool built_in = who == "expert" || who == "random" || who.starts_with(command);
  if (!built_in) {
    ensemble = std::make_unique<Ensemble>(Ensemble::load(who, choose_device(device)));
  } else {
    own_stream = std::make_unique<Stream>(choose_device(device));
  }
  const std::string name = request.name.empty() && ensemble ? ensemble->description().task : request.name;
  if (name.empty()) throw input_error("--task", "is missing", "name one of: " + known_tasks());
  task = make_task(name, request.options);
  if (who == "expert") {
    actor = make_expert(*task);
  } else if (who == "random") {
    actor = make_random_policy(*task, seed);
  } else if (built_in) {
    actor = std::make_unique<CommandExpert>(*task, who.substr(command.size()), command_timeout);
  } else if (ensemble->size() > 1) {
    actor = std::make_unique<EnsembleActor>(*ensemble, *task);
  } else {
    actor = std::make_unique<PolicyActor>(ensemble->member(0), *task);
  }
}

}  // namespace mynah::program
