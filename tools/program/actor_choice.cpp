#include "tools/program/actor_choice.h"

#include <fmt/format.h>

#include <cstdio>

#include "algorithms/experts.h"
#include "algorithms/policy_actor.h"
#include "algorithms/policy_export.h"
#include "engine/device.h"
#include "kernels/error.h"

namespace mynah::program {
ActorChoice::ActorChoice(const std::string& who, const std::string& task_name, const TaskOptions& options,
                         const std::string& device, std::uint64_t seed) {
  const bool built_in = who == "expert" || who == "random";
  if (!built_in) {
    ensemble = std::make_unique<Ensemble>(Ensemble::load(who, choose_device(device)));
  } else {
    own_stream = std::make_unique<Stream>(choose_device(device));
  }
  const std::string name = task_name.empty() && ensemble ? ensemble->description().task : task_name;
  if (name.empty()) throw input_error("--task", "is missing", "name one of: " + known_tasks());
  task = make_task(name, options);
  const std::string& model = task->description().model;
  if (options.model.empty() && !model.empty()) fmt::print(stderr, "model: {}\n", model);
  if (who == "expert") {
    actor = make_expert(*task);
  } else if (who == "random") {
    actor = make_random_policy(*task, seed);
  } else if (ensemble->size() > 1) {
    actor = std::make_unique<EnsembleActor>(*ensemble, *task);
  } else {
    actor = std::make_unique<PolicyActor>(ensemble->member(0), *task);
  }
}

}  // namespace mynah::program
